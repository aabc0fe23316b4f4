package dynamo

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/releases/shared/release"
)

// The keys of a release's log put its entries into the order in which they were accepted,
// whatever the clocks say:
//
//	e0003                              the transition to epoch 3; the creation is e0000
//	e0003.000000000017                 the note that got number 17
//	e0003.000000000017.00000042.edit   any other entry, written by whoever read the release
//	                                   at epoch 3 and revision 42, after note 17; one about
//	                                   change requests names the first: scope/CHG-7
//	e9999                              the deletion
//
// A transition and a note get their place from the very write that moves the counter. Every
// other write that leaves an entry first reads what it depends on (a change request, then
// the release, then the counter), is conditioned on the status that it read, and raises the
// revision: so what was acknowledged before it began sorts before it, and of two writes
// that do not commute, one has seen the other. No two have the same key: writes about the
// same change request are ordered by its revision, and so read different revisions of the
// release. Why not the time: the clocks of two functions differ, so an entry could sort before
// what its writer had just read.
//
// Before 2026-11-26 keys were the number of the last note, with #0003 after it for a
// transition and #r00000043 for an edit. They sort before all others.
const (
	createdSort = "e0000"
	deletedSort = "e9999"
	firstSort   = "e" // before every key but the old ones
)

func transitionSort(epoch int) string { return fmt.Sprintf("e%04d", epoch) }

// epochOfSort is the epoch in the key of a transition's entry, also of an old one; 0 in any
// other key.
func epochOfSort(sk string) int {
	epoch := strings.TrimPrefix(sk, firstSort)
	if isLegacySort(sk) {
		_, epoch, _ = strings.Cut(sk, "#")
	}
	n, _ := strconv.Atoi(epoch)
	return n
}

func noteSort(epoch, n int) string { return fmt.Sprintf("e%04d.%012d", epoch, n) }

// place is the position of an entry in the log, from the release and its counter as the
// writer read them, in this order.
type place struct{ epoch, notes, revision int }

// sort is the key of an entry, about a change request or about none.
func (p place) sort(kind release.LogKind, change string) string {
	about := string(kind)
	if change != "" {
		about += "/" + change
	}
	return fmt.Sprintf("%s.%08d.%s", noteSort(p.epoch, p.notes), p.revision, about)
}

func legacyNoteSort(n int) string { return fmt.Sprintf("%012d", n) }

func isLegacySort(sk string) bool { return sk != "" && '0' <= sk[0] && sk[0] <= '9' }

// legacyKind is the kind of an old entry: only transitions put an epoch into its key.
func legacyKind(sk string) release.LogKind {
	if _, suffix, written := strings.Cut(sk, "#"); written && !strings.HasPrefix(suffix, "r") {
		return release.LogTransition
	}
	return release.LogNote
}

// logID is the short form of a key that callers see: without leading zeros, and for old
// keys "12", "12.3" and "12.r7".
func logID(sk string) string {
	if !isLegacySort(sk) {
		parts := strings.SplitN(strings.TrimPrefix(sk, firstSort), ".", 4)
		for n := range min(3, len(parts)) {
			parts[n] = withoutZeros(parts[n])
		}
		return firstSort + strings.Join(parts, ".")
	}
	n, suffix, written := strings.Cut(sk, "#")
	if !written {
		return withoutZeros(n)
	}
	if revision, ofEdit := strings.CutPrefix(suffix, "r"); ofEdit {
		return withoutZeros(n) + ".r" + withoutZeros(revision)
	}
	return withoutZeros(n) + "." + withoutZeros(suffix)
}

func withoutZeros(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

// logCounter is the item beside a release that numbers its notes. It is removed when the
// release is deleted. A transition writes its epoch and status here, and the number of
// notes at that time (since3 for epoch 3): so the release need not be read for the place of
// a note, and the place of any note follows from its number. The progress of a settlement
// is stored here too, see settle_progress.go.
type logCounter struct {
	notes   int
	trimmed int // the highest number of which all notes up to it were trimmed
	epoch   int
	since   map[int]int
	known   bool // false for a counter from before epochs were stored here
}

const sincePrefix = "since"

func logCounterKey(id string) item { return key(releasePrefix+id, logCounterSort) }

func newLogCounter(id string) item {
	i := logCounterKey(id)
	i["n"], i["epoch"], i[sincePrefix+"0"] = number(0), number(0), number(0)
	i["entered"] = text(string(release.Planned)) // not "status": the index on that is for releases
	return i
}

func decodeLogCounter(i item) logCounter {
	c := logCounter{notes: num(i, "n"), trimmed: num(i, "trimmed"), epoch: num(i, "epoch"), known: has(i, "epoch"), since: map[int]int{}}
	for name := range i {
		if epoch, err := strconv.Atoi(strings.TrimPrefix(name, sincePrefix)); err == nil {
			c.since[epoch] = num(i, name)
		}
	}
	return c
}

// enterEpoch is what a transition writes to the counter.
func enterEpoch(epoch int, status release.Status) *expression {
	return newExpression().set("epoch", number(epoch)).set("entered", text(string(status))).
		copyNumber(sincePrefix+strconv.Itoa(epoch), "n")
}

// sortOf is the key of the n-th note, if there is one.
func (c logCounter) sortOf(n int) string {
	latest := -1
	for epoch, since := range c.since {
		if n > since && epoch > latest {
			latest = epoch
		}
	}
	if latest < 0 {
		return legacyNoteSort(n)
	}
	return noteSort(latest, n)
}
