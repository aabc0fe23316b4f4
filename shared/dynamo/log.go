package dynamo

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// trimEvery is the number of notes after which the log is trimmed. Trimming takes eleven
// requests and a note two, so with this number a note takes 2.09 on average.
const trimEvery = 125

// trimAtOnce is how many notes one transaction removes: it also writes their leaves.
const trimAtOnce = maxActions - 1

// AppendLog adds a note: it takes a number from the release's counter, then writes the
// note under it. A crash in between leaves a gap in the numbers, never in the notes. The
// counter is deleted with the release, so a deleted release takes no notes.
//
// Where a status is given, the note gets its number only while the release has it; where
// a revision is given, the note is written only while that is the current one.
func (s *Store) AppendLog(ctx context.Context, id, words string, status release.Status, w Write) (release.LogEntry, error) {
	w.keepRecordIn(s.tables.Releases)
	counter, err := s.nextNote(ctx, id, status, w)
	if err != nil {
		return release.LogEntry{}, err
	}
	sk := noteSort(counter.epoch, counter.notes)
	entry := release.EntryBy(release.LogNote, words, w.Stamp)
	entry.Status = status
	i := entryItem(logPrefix+id, id, sk, entry, w)
	entry = decodeEntry(ctx, i) // the answer is what is stored, to the millisecond
	if err := s.putNote(ctx, id, i, entry, w); err != nil {
		return release.LogEntry{}, err
	}
	if counter.notes%trimEvery == 0 && counter.notes > release.MaxNotes {
		if err := s.trimLog(ctx, id, counter); err != nil {
			// The note is written, and readers ignore notes beyond those that are kept; the
			// next trim removes what this one did not.
			slog.WarnContext(ctx, "the log was not trimmed", "release", id, "error", err)
		}
	}
	return entry, nil
}

// nextNote takes a number. The counter has the release's status, so that the release need
// not be read for a note that names one.
func (s *Store) nextNote(ctx context.Context, id string, status release.Status, w Write) (logCounter, error) {
	return retryOnConflict(ctx, func() (logCounter, error) {
		e := newExpression().add("n", number(1)).exists("pk")
		if status != "" {
			e.equal("entered", text(string(status)))
		}
		i, err := s.update(ctx, s.tables.Releases, logCounterKey(id), e)
		failed, refused := failedCondition(err)
		switch {
		case refused && failed.image == nil:
			return logCounter{}, release.NotFound("release", id)
		case refused:
			i = failed.image
		case err != nil:
			return logCounter{}, err
		}
		counter := decodeLogCounter(i)
		if !refused && counter.known {
			return counter, nil
		}
		r, err := s.Release(ctx, id)
		if err == nil && refused {
			err = checkRevision("release", id, r.Revision, w)
		}
		switch {
		case err != nil:
			return logCounter{}, err
		case refused && r.Status != status:
			return logCounter{}, statusNotCurrent(r, status)
		}
		return counter, errors.Join(s.catchUp(ctx, r, counter), errConflict)
	})
}

func statusNotCurrent(r release.Release, status release.Status) error {
	return r.Conflict("status-not-current", "%s is %s, not %s: the entry was not written.", r.ID, r.Status, status)
}

// catchUp writes the epoch and status of a release, as it was read, to its counter, where
// an earlier version made a transition without writing them there.
func (s *Store) catchUp(ctx context.Context, r release.Release, counter logCounter) error {
	if counter.known && counter.epoch == r.Epoch() {
		return nil
	}
	return conflictOf(s.transact(ctx, []types.TransactWriteItem{
		checkAction(s.tables.Releases, releaseKey(r.ID), newExpression().equal("epoch", number(r.Epoch()))),
		updateAction(s.tables.Releases, logCounterKey(r.ID), enterEpoch(r.Epoch(), r.Status).exists("pk")), // a deletion takes it
	}), -1)
}

func (s *Store) putNote(ctx context.Context, id string, i item, entry release.LogEntry, w Write) error {
	// The number is this note's own: what may be there is the same write, which the SDK
	// repeats after a lost acknowledgement. It may be sealed already, and must stay so.
	if w.Idempotency == nil && w.IfRevision == 0 {
		err := s.put(ctx, s.tables.Releases, i, newExpression().absent("pk"))
		if _, written := failedCondition(err); written {
			return nil
		}
		return err
	}
	actions := []types.TransactWriteItem{putAction(s.tables.Releases, i, newExpression())}
	if w.IfRevision != 0 {
		actions = append(actions, checkAction(s.tables.Releases, releaseKey(id),
			newExpression().equal("revision", number(w.IfRevision)))) // marking a release as being deleted raises it
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
	if err != nil {
		return err
	}
	return staleRevision("release", id, now.Revision, w)
}

// trimLog removes notes beyond the newest release.MaxNotes, and no other entries. Their keys
// follow from their numbers, so nothing else is read; numbers that were never used are
// skipped. The counter stores how far trimming has come.
func (s *Store) trimLog(ctx context.Context, id string, counter logCounter) error {
	kept, n := 0, counter.notes
	for ; kept < release.MaxNotes && n > counter.trimmed; n -= 100 {
		var keys []item
		for m := n; m > max(n-100, counter.trimmed); m-- {
			keys = append(keys, key(logPrefix+id, counter.sortOf(m)))
		}
		found, err := s.batchGet(ctx, s.tables.Releases, keys)
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, i := range found {
			there[verbatim(i, "sk")] = true
		}
		for at, k := range keys {
			if there[verbatim(k, "sk")] {
				if kept++; kept == release.MaxNotes {
					return s.removeNotes(ctx, id, counter, n-at)
				}
			}
		}
	}
	return nil
}

// removeNotes removes the notes before a number that are not trimmed yet, the oldest first and
// a bounded number of them: the next trim removes what is left. It stops at the first note
// that is not sealed: once removed, nothing would prove that it ever existed.
func (s *Store) removeNotes(ctx context.Context, id string, counter logCounter, before int) error {
	upTo := min(before-1, counter.trimmed+4*trimEvery)
	trimmed := counter.trimmed
	for trimmed < upTo {
		next := min(upTo, trimmed+trimAtOnce)
		var keys []item
		for n := trimmed + 1; n <= next; n++ {
			keys = append(keys, key(logPrefix+id, counter.sortOf(n)))
		}
		found, err := s.batchGet(ctx, s.tables.Releases, keys)
		if err != nil {
			return err
		}
		notes, unsealed := sealedNotes(keys, found)
		if err := s.removeSealed(ctx, id, trimmed+1, notes); err != nil {
			return err
		}
		if trimmed = next; unsealed >= 0 {
			trimmed = next - len(keys) + unsealed
			break
		}
	}
	if trimmed == counter.trimmed {
		return nil
	}
	_, err := s.update(ctx, s.tables.Releases, logCounterKey(id), newExpression().set("trimmed", number(trimmed)).exists("pk"))
	if _, ok := failedCondition(err); ok {
		return nil // deleted meanwhile
	}
	return err
}

// sealedNotes returns the notes under the keys, which are in log order, up to the first that
// is not sealed, and the position of that one's key; -1 where all are sealed.
func sealedNotes(keys, found []item) (notes []item, unsealed int) {
	of := map[string]item{}
	for _, i := range found {
		of[verbatim(i, "sk")] = i
	}
	for n, k := range keys {
		switch i := of[verbatim(k, "sk")]; {
		case i == nil: // a number that was never used, or a note that another trim has removed
		case !has(i, "i"):
			return notes, n
		default:
			notes = append(notes, i)
		}
	}
	return notes, -1
}

// removeSealed removes notes and stores their leaves together in one item outside the log, so
// that readers of the log need not skip them.
func (s *Store) removeSealed(ctx context.Context, id string, first int, notes []item) error {
	if len(notes) == 0 {
		return nil
	}
	var leaves, indexes []types.AttributeValue
	actions := []types.TransactWriteItem{{}}
	for _, i := range notes {
		leaf, at, _ := sealed(id, i)
		leaves, indexes = append(leaves, text(string(leaf.Bytes()))), append(indexes, number(int(at)))
		actions = append(actions, deleteAction(s.tables.Releases, key(verbatim(i, "pk"), verbatim(i, "sk")), newExpression().equal("i", i["i"])))
	}
	kept := key(leavesPrefix+id, legacyNoteSort(first))
	kept["leaves"], kept["indexes"] = &types.AttributeValueMemberL{Value: leaves}, &types.AttributeValueMemberL{Value: indexes}
	actions[0] = putAction(s.tables.Releases, kept, newExpression().absent("pk"))
	return s.transact(ctx, actions)
}
