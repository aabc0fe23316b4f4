package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// UpdateRelease changes what people may edit in a release. edit gets the release as it is
// and returns it as it should be, with a log entry, to which the changed fields are added
// where it is of the kind edit. The write is conditioned on the revision that edit saw;
// where another write was faster, edit is called again. The result is the release as
// stored: of what edit returned, only the fields that an edit can change.
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
			equal("revision", number(before.Revision)) // every transition, and the mark of a deletion, raises it
		after = editFields(e, editableFields, before, after)
		if after.WindowVersion != before.WindowVersion || !mail.SameTeam(before, after) {
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
