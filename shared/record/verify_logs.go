package record

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"example.com/releases/shared/release"
)

// checkLogs checks that each log is complete: its leaves are numbered without a gap, in the
// order of the tree and of their times; whatever is missing from an entry was erased or
// trimmed by the rules; and no entry has waited too long to be sealed.
func (v *verification) checkLogs() error {
	var sealed []provedEntry
	for _, name := range v.names {
		log := v.logs[name]
		log.withoutTwins()
		if err := log.numbered(); err != nil {
			return err
		}
		if err := v.lost(log); err != nil {
			return err
		}
		if err := v.waiting(log); err != nil {
			return err
		}
		for _, e := range log.entries {
			if e.leaf != nil {
				sealed = append(sealed, e)
			}
		}
	}
	slices.SortFunc(sealed, func(a, b provedEntry) int { return cmp.Compare(a.Index, b.Index) })
	for n, e := range sealed {
		if n > 0 && sealed[n-1].leaf.SealedAt.Sub(e.leaf.SealedAt) > v.within { // the clocks of two sealers differ
			return e.fault("it was sealed as leaf %d on %s, before leaf %d was: the times of the tree go backwards.",
				e.Index, e.leaf.SealedAt.Format(time.RFC3339Nano), sealed[n-1].Index)
		}
	}
	return nil
}

// withoutTwins removes the duplicate of a note that was trimmed while the pages were read, and
// so appears on one page with its text and on another without. It sorts by key.
func (l *provedLog) withoutTwins() {
	complete := map[string]bool{}
	for _, e := range l.entries {
		if e.Bytes != "" {
			complete[e.Leaf] = true
		}
	}
	l.entries = slices.DeleteFunc(l.entries, func(e provedEntry) bool { return e.Bytes == "" && complete[e.Leaf] })
	slices.SortStableFunc(l.entries, func(a, b provedEntry) int { return cmp.Compare(a.Key, b.Key) })
}

// numbered checks that the leaves of a log count from 1 without a gap.
func (l *provedLog) numbered() error {
	var sealed []provedEntry
	keys := map[string]bool{}
	for _, e := range l.entries {
		if keys[e.Key] {
			return e.fault("two entries have this key.")
		}
		keys[e.Key] = true
		if e.leaf != nil {
			sealed = append(sealed, e)
		}
	}
	slices.SortFunc(sealed, func(a, b provedEntry) int { return cmp.Compare(a.leaf.K, b.leaf.K) })
	number, after := 0, "at the beginning"
	for n, e := range sealed {
		k := e.leaf.K
		switch {
		case k == number:
			return e.fault("it was sealed as number %d, and so was entry %s.", k, sealed[n-1].Key)
		case k != number+1:
			return &Fault{Of: l.Of, What: fmt.Sprintf("%s missing, %s: the entry after is %s, number %d. It was removed, or its seal was.", numbers(number+1, k-1), after, e.Key, k)}
		case n > 0 && e.Index <= sealed[n-1].Index:
			return e.fault("it was sealed as number %d before entry %s was as number %d.", k, sealed[n-1].Key, number)
		case e.leaf.TakenOver && n > 0 && !sealed[n-1].leaf.TakenOver && e.Key != OlderDecision:
			return e.fault("it is marked as older than sealing, but comes after one that is not.")
		}
		number, after = k, "after entry "+e.Key+", number "+fmt.Sprint(k)
	}
	if number < l.Sealed {
		return &Fault{Of: l.Of, What: fmt.Sprintf("%s missing, %s: %d were sealed. The newest entries were cut off, or the table was restored to an earlier moment.",
			numbers(number+1, l.Sealed), after, l.Sealed)}
	}
	return nil
}

func numbers(from, to int) string {
	if from == to {
		return fmt.Sprintf("entry number %d is", from)
	}
	return fmt.Sprintf("the entries number %d to %d are", from, to)
}

// lost checks that missing values were erased by a recorded erasure, and that missing notes
// were trimmed, which requires that release.MaxNotes newer ones exist.
func (v *verification) lost(l *provedLog) error {
	notes := 0 // newer than the entry
	for n := len(l.entries) - 1; n >= 0; n-- {
		e := l.entries[n]
		number := math.MaxInt
		if e.leaf != nil {
			number = e.leaf.K
		}
		if e.Bytes == "" && notes < release.MaxNotes {
			return e.fault("only the leaf of this note is left, and there are %d newer notes: the newest %d are kept.", notes, release.MaxNotes)
		}
		for _, name := range e.lost {
			by, erased := l.erased[e.Key+" "+name]
			if !erased || by < number {
				return e.fault("its value %q is gone, and no entry of the kind %q says that it was erased.", name, release.LogErasure)
			}
		}
		if e.kind == release.LogNote {
			notes++
		}
		switch {
		case e.leaf == nil:
			v.verdict.Unsealed++
		case e.Bytes == "":
			v.verdict.Trimmed++
		default:
			v.verdict.Entries++
		}
		if e.leaf != nil && e.leaf.TakenOver {
			v.verdict.TakenOver++
		}
		v.verdict.Erased += len(e.lost)
	}
	return nil
}

// waiting checks that no entry has waited too long to be sealed: either it was forged, outside
// the operation that it describes, or the sealer has stopped.
func (v *verification) waiting(l *provedLog) error {
	for _, e := range l.entries {
		if e.leaf == nil && v.firstPageAt.Sub(e.at) > v.within {
			return e.fault("it says that it was written on %s, but was not sealed when the evidence was made, on %s. Either somebody added it by hand, or the sealer has stopped, which its alarm reports.",
				e.at.Format(time.RFC3339), v.firstPageAt.Format(time.RFC3339))
		}
	}
	return nil
}
