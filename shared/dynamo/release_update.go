package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// UpdateRelease changes what people edit of a release. edit sees the release as it is
// and returns it as it shall be, with the entry that tells of it: what of the plan differs
// is added to that of an edit. The write is conditioned on the revision that edit saw; where somebody was
// faster, edit is asked again. What is returned is what is stored: of what edit
// returned, the fields that an edit can change.
func (s *Store) UpdateRelease(ctx context.Context, id string, edit func(release.Release) (after release.Release, entry release.LogEntry, err error), w Write) (release.Release, error) {
	w.keepRecordIn(s.tables.Releases)
	return retryOnConflict(ctx, func() (release.Release, error) {
		before, here, err := s.releaseAndPlace(ctx, id)
		if err != nil {
			return before, err
		}
		if err := checkWritable(before, w); err != nil {
			return before, err
		}
		after, entry, err := edit(before)
		if err != nil {
			return before, err
		}
		if after.Revision == before.Revision {
			return before, s.putRecordAlone(ctx, w, &before)
		}
		e := newExpression().op(OpPatch).
			equal("revision", number(before.Revision)) // which every transition and the mark of a deletion raise
		after = editFields(e, editableFields, before, after)
		if after.WindowVersion != before.WindowVersion {
			wakePeople(e, before, w.At)
		}
		publish(e, before, after, w.At)
		if entry.Kind == release.LogEdit {
			entry.Changes = record.PlanChanges(before.Plan, after.Plan)
		}
		actions := []types.TransactWriteItem{
			updateAction(s.tables.Releases, releaseKey(id), e),
			s.entryAction(id, here.sort(entry.Kind, ""), entry, w),
		}
		return after, s.writeChunk(ctx, actions, w, &after)
	})
}
