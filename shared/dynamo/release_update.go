package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// UpdateRelease changes what people edit of a release. edit sees the release as it is
// and returns it as it shall be, with the text for the log where there is one to
// write. The write is conditioned on the revision that edit saw; where somebody was
// faster, edit is asked again. What is returned is what is stored: of what edit
// returned, the fields that an edit can change.
func (s *Store) UpdateRelease(ctx context.Context, id string, edit func(release.Release) (after release.Release, logText string, err error), w Write) (release.Release, error) {
	w.keepRecordIn(s.tables.Releases)
	return retryOnConflict(ctx, func() (release.Release, error) {
		before, entries, err := s.releaseAndCounter(ctx, id)
		if err != nil {
			return before, err
		}
		if err := checkWritable(before, w); err != nil {
			return before, err
		}
		after, logText, err := edit(before)
		if err != nil {
			return before, err
		}
		if after.Revision == before.Revision {
			return before, s.putRecordAlone(ctx, w, &before)
		}
		e := newExpression().op(OpPatch).
			equal("revision", number(before.Revision)) // which every transition and the mark of a deletion raise
		after = editFields(e, editableFields, before, after)
		publish(e, before, after, w.At)
		actions := []types.TransactWriteItem{updateAction(s.tables.Releases, releaseKey(id), e)}
		if logText != "" {
			entry := release.LogEntry{Timestamp: w.At, Author: w.By.Author(), AuthorEmail: w.By.Email, Text: logText}
			actions = append(actions, putAction(s.tables.Releases,
				encodeLogEntry(id, logKeyOfRevision(entries, after.Revision), entry, w.Request), newExpression()))
		}
		return after, s.writeChunk(ctx, actions, w, &after)
	})
}
