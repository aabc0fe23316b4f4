package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// EraseFromLog removes personal data from an entry of a release's log, for good, and adds an
// entry that says what was removed. The original entry's bytes hold only hashes of it and
// stay, and so does its seal. It also works once the release is deleted, because the log
// outlives the release.
func (s *Store) EraseFromLog(ctx context.Context, id, entryID string, parts []release.Erasable, w Write) (release.LogEntry, error) {
	w.keepRecordIn(s.tables.Releases)
	return retryOnConflict(ctx, func() (release.LogEntry, error) {
		r, here, err := s.releaseAndPlace(ctx, id)
		what := erasing{
			table: s.tables.Releases, partition: logPrefix + id, of: id, key: logSort(entryID), shown: entryID, parts: parts,
			sk: here.sort(release.LogErasure, ""),
		}
		switch {
		case err == nil:
			what.itself = func(entry release.LogEntry) types.TransactWriteItem {
				e := newExpression().op(opErase).
					set("updatedAt", secondsValue(w.At)).set("revision", number(r.Revision+1)).equal("revision", number(r.Revision)).absent("deleting")
				eraseFromRelease(e, r, what.key, entry, parts)
				return updateAction(s.tables.Releases, releaseKey(id), e)
			}
		case release.IsKind(err, release.KindNotFound):
			if what.sk, err = s.afterDeletion(ctx, id); err != nil {
				return release.LogEntry{}, err
			}
		default:
			return release.LogEntry{}, err
		}
		return s.erase(ctx, what, w)
	})
}

// EraseFromChangeLog is EraseFromLog for the record of a change request.
func (s *Store) EraseFromChangeLog(ctx context.Context, id, entryID string, parts []release.Erasable, w Write) (release.LogEntry, error) {
	w.keepRecordIn(s.tables.Changes)
	return retryOnConflict(ctx, func() (release.LogEntry, error) {
		c, err := s.Change(ctx, id)
		if err != nil {
			return release.LogEntry{}, err
		}
		what := erasing{
			table: s.tables.Changes, partition: changeLogPrefix + id, of: id, key: changeLogSortOf(entryID), shown: entryID, parts: parts,
			sk: changeLogSort(c.Revision+1, 0),
		}
		what.itself = func(entry release.LogEntry) types.TransactWriteItem {
			e := changeGuard(c, opErase, w)
			eraseFromChange(e, c, what.key, entry, parts)
			return updateAction(s.tables.Changes, changeKey(id), e)
		}
		return s.erase(ctx, what, w)
	})
}

// afterDeletion returns the key for an erasure in the log of a deleted release: it sorts after
// every other entry.
func (s *Store) afterDeletion(ctx context.Context, id string) (string, error) {
	end, err := s.get(ctx, s.tables.Releases, key(logPrefix+id, deletedSort))
	if err != nil {
		return "", err
	}
	if end == nil {
		return "", release.NotFound("release", id)
	}
	n := 1
	err = s.items(ctx, rangeOf(s.tables.Releases, logPrefix+id, ">=", deletedSort), pageSize, func(item) { n++ })
	return noteSort(9999, n), err
}

// erasing says what is erased, and where the entry that records the erasure goes.
type erasing struct {
	table, partition, of string
	key, shown           string
	parts                []release.Erasable
	sk                   string
	// itself is the write of the release or change request, on the condition that it is as it
	// was read; nil for a deleted release. It also erases what that repeats of the entry.
	itself func(entry release.LogEntry) types.TransactWriteItem
}

func (s *Store) erase(ctx context.Context, what erasing, w Write) (release.LogEntry, error) {
	i, err := s.get(ctx, what.table, key(what.partition, what.key))
	switch {
	case err != nil:
		return release.LogEntry{}, err
	case i == nil:
		return release.LogEntry{}, release.NotFound("entry", what.shown+" of "+what.of)
	case !has(i, "entry"):
		return release.LogEntry{}, release.Fail(release.KindConflict, "not-sealed",
			"The entry %s of %s is from before its words stood beside it: it takes that form when it is sealed, minutes after the next entry.", what.shown, what.of)
	}
	there := mapOf(i, "values")
	names := slices.DeleteFunc(record.ValueNames(verbatim(i, "entry"), what.parts), func(name string) bool { return there[name] == nil })
	if len(names) == 0 {
		return release.LogEntry{}, release.Fail(release.KindConflict, "nothing-to-erase",
			"The entry %s of %s has no %s, or not any more.", what.shown, what.of, release.Join(what.parts))
	}
	gone := newExpression()
	for _, name := range names {
		path := gone.name("values") + "." + gone.name(name)
		gone.removes = append(gone.removes, path)
		// redundant in EraseFromChangeLog: nothing but an erasure takes a value away there, and
		// it raises the revision that guards this one
		gone.conditions = append(gone.conditions, "attribute_exists("+path+")")
	}
	entry := release.EntryBy(release.LogErasure, fmt.Sprintf("Erased %s of entry %s", release.Join(what.parts), what.shown), w.Stamp)
	entry.Erased = &release.ErasedWords{Entry: what.key, Values: names}
	put := entryItem(what.partition, what.of, what.sk, entry, w)
	entry = decodeEntry(ctx, put)
	if what.table == s.tables.Changes {
		entry = decodeChangeEntry(ctx, put)
	}
	var actions []types.TransactWriteItem
	if what.itself != nil {
		actions = append(actions, what.itself(decodeEntry(ctx, i)))
	}
	actions = append(actions,
		updateAction(what.table, key(what.partition, what.key), gone),
		// redundant in EraseFromChangeLog: the key has the revision, which the guard gives once
		putAction(what.table, put, newExpression().absent("pk")),
	)
	return entry, s.writeChunk(ctx, actions, w, &entry)
}

// logSort returns the key of an entry from the ID that callers see (logID), or from a key.
func logSort(id string) string {
	pad := func(parts []string, sizes ...int) {
		for n := range min(len(parts), len(sizes)) {
			parts[n] = padded(parts[n], sizes[n])
		}
	}
	if rest, ok := strings.CutPrefix(id, firstSort); ok {
		parts := strings.SplitN(rest, ".", 4)
		pad(parts, 4, 12, 8)
		return firstSort + strings.Join(parts, ".")
	}
	n, suffix, written := strings.Cut(strings.Replace(id, "#", ".", 1), ".")
	n = padded(n, 12)
	if !written {
		return n
	}
	if revision, ofEdit := strings.CutPrefix(suffix, "r"); ofEdit {
		return n + "#r" + padded(revision, 8)
	}
	return n + "#" + padded(suffix, 4)
}

// changeLogSortOf returns the key of an entry from the ID that callers see (changeLogID), or
// from a key.
func changeLogSortOf(id string) string {
	revision, nth, written := strings.Cut(id, ".")
	if revision = padded(revision, len(olderDecision)); written {
		return revision + "." + nth
	}
	return revision
}

func padded(number string, size int) string {
	return strings.Repeat("0", max(0, size-len(number))) + number
}
