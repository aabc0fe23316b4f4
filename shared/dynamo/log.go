package dynamo

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// trimEvery is after how many appends the log is trimmed. Trimming costs four requests,
// so an append costs 2.08 on average.
const trimEvery = 50

// AppendLog adds an entry: a number from the release's counter, then the entry under
// it. A crash in between leaves a gap in numbers, never in entries. The counter goes
// with the release, so a deleted one takes no entries.
//
// Where status is given, the entry is written only while the release has it; where a
// revision is, only while that is the current one.
func (s *Store) AppendLog(ctx context.Context, id, words string, status release.Status, w Write) (release.LogEntry, error) {
	w.keepRecordIn(s.tables.Releases)
	n, err := s.nextLogNumber(ctx, id)
	if err != nil {
		return release.LogEntry{}, err
	}
	entry := release.LogEntry{
		ID: logID(logKey(n)), Timestamp: w.At, Author: w.By.Author(), AuthorEmail: w.By.Email, Text: words, Status: status,
	}
	i := encodeLogEntry(id, logKey(n), entry, w.Request)
	entry = decodeLogEntry(i) // what is answered is what is stored, to the millisecond
	if err := s.putLogEntry(ctx, id, i, entry, w); err != nil {
		return release.LogEntry{}, err
	}
	if n%trimEvery == 0 && n > release.MaxLogEntries {
		if err := s.trimLog(ctx, id); err != nil {
			// The entry is written and readers never look beyond the kept ones; the next
			// trim does what this one did not.
			slog.WarnContext(ctx, "the log was not trimmed", "release", id, "error", err)
		}
	}
	return entry, nil
}

func (s *Store) nextLogNumber(ctx context.Context, id string) (int, error) {
	i, err := s.update(ctx, s.tables.Releases, key(releasePrefix+id, logCounterSort), newExpression().add("n", number(1)).exists("pk"))
	if _, ok := failedCondition(err); ok {
		return 0, release.NotFound("release", id)
	}
	return num(i, "n"), err
}

func (s *Store) putLogEntry(ctx context.Context, id string, i item, entry release.LogEntry, w Write) error {
	// The number is this entry's own: there is nothing to put it over, but for the same
	// write, which the SDK repeats after a lost acknowledgement.
	if w.Idempotency == nil && entry.Status == "" && w.IfRevision == 0 {
		return s.put(ctx, s.tables.Releases, i, newExpression())
	}
	actions := []types.TransactWriteItem{putAction(s.tables.Releases, i, newExpression())}
	if entry.Status != "" || w.IfRevision != 0 {
		stands := newExpression().absent("deleting")
		if entry.Status != "" {
			stands.equal("status", text(string(entry.Status)))
		}
		if w.IfRevision != 0 {
			stands.equal("revision", number(w.IfRevision))
		}
		actions = append(actions, checkAction(s.tables.Releases, releaseKey(id), stands))
	}
	err := s.transact(ctx, append(actions, w.recordAction(&entry)...))
	failed, ok := failedCondition(err)
	switch {
	case !ok:
		return err
	case failed.index == len(actions):
		return keyInUse()
	}
	now, err := s.Release(ctx, id)
	if err == nil {
		err = checkRevision("release", id, now.Revision, w)
	}
	if err != nil {
		return err
	}
	return now.Conflict("status-not-current", "%s is %s, not %s: the entry was not written.", id, now.Status, entry.Status)
}

// trimLog deletes what lies beyond the newest kept entries: it looks for the oldest
// entry to keep and removes all below, so gaps in numbers do not matter.
func (s *Store) trimLog(ctx context.Context, id string) error {
	in := newestLog(s.tables.Releases, id)
	in.ProjectionExpression = aws.String("pk, sk")
	kept, oldest := 0, ""
	for kept < release.MaxLogEntries {
		in.Limit = aws.Int32(int32(release.MaxLogEntries - kept))
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return failure(err)
		}
		kept += len(out.Items)
		if len(out.Items) > 0 {
			oldest = str(out.Items[len(out.Items)-1], "sk")
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	if kept < release.MaxLogEntries {
		return nil
	}
	// The oldest first, and only so many: trims that run at once find the same entries,
	// and each would delete them all. What one leaves, the next takes.
	beyond := rangeOf(s.tables.Releases, logPrefix+id, "<", oldest)
	beyond.ProjectionExpression, beyond.Limit = aws.String("pk, sk"), aws.Int32(2*trimEvery)
	out, err := s.db.Query(ctx, beyond)
	if err != nil {
		return failure(err)
	}
	return s.deleteAll(ctx, s.tables.Releases, out.Items) // their keys, and nothing else
}

// deleteRange removes every item that a query of the Releases table finds.
func (s *Store) deleteRange(ctx context.Context, in *dynamodb.QueryInput) error {
	in.ProjectionExpression = aws.String("pk, sk")
	var keys []item
	if err := s.queryAll(ctx, in, func(i item) { keys = append(keys, i) }); err != nil {
		return err
	}
	return s.deleteAll(ctx, s.tables.Releases, keys)
}
