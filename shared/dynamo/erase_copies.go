package dynamo

import (
	"slices"
	"strconv"
	"time"

	"example.com/releases/shared/release"
)

// A release and a change request repeat some of what their logs say: who created them, who
// decided and with which note, who moved the release and completed a step. What is erased
// from an entry is erased from these copies in the same write, or a person's name would still
// be shown after it was erased.
//
// Two things stay. Subjects of those who wrote a change request: separation of duties rests
// on them, and an Admin must not get around it by erasing their own. And the reason of a
// rollback, which the tasks' comments and mails repeat.

// eraseFromRelease erases from a release what it repeats of an entry of its log.
func eraseFromRelease(e *expression, r release.Release, key string, entry release.LogEntry, parts []release.Erasable) {
	erased := func(part release.Erasable) bool { return slices.Contains(parts, part) }
	switch entry.Kind {
	case release.LogCreated:
		if erased("author") {
			e.remove("createdBy")
		}
	case release.LogTransition:
		n := epochOfSort(key) - 1
		if n < 0 || n >= len(r.History) {
			return
		}
		for _, copied := range []struct {
			part      release.Erasable
			attribute string
		}{{"author", "author"}, {"authorEmail", "email"}, {"subject", "subject"}, {"text", "note"}} {
			if erased(copied.part) {
				e.removeIn("history", n, copied.attribute)
			}
		}
	case release.LogStep:
		if entry.Step == nil {
			return // somebody changed the entry by hand
		}
		steps, attribute := r.RolloutSteps, "rolloutSteps"
		if entry.Step.Plan == release.RollbackPlan {
			steps, attribute = r.RollbackSteps, "rollbackSteps"
		}
		n := slices.IndexFunc(steps, func(s release.Step) bool {
			return s.Order == entry.Step.Order && s.CompletedAt != nil && sameSecond(*s.CompletedAt, entry)
		})
		if n >= 0 && erased("author") {
			e.removeIn(attribute, n, "completedBy")
		}
	}
}

// eraseFromChange erases from a change request what it repeats of an entry of its record.
func eraseFromChange(e *expression, c release.Change, key string, entry release.LogEntry, parts []release.Erasable) {
	author, text := slices.Contains(parts, "author"), slices.Contains(parts, "text")
	switch entry.Kind {
	case release.LogCreated:
		if author {
			e.remove("createdBy")
		}
	case release.LogDecision:
		if n := len(c.DecisionEntries); n == 0 || c.DecisionEntries[n-1] != key {
			return // a later decision has replaced it
		}
		if author {
			e.remove("decidedBy")
		}
		if text {
			e.remove("decisionNote")
		}
	case release.LogEdit, release.LogApprovalVoided:
		for _, copied := range []struct {
			attribute string
			of        *release.Voided
		}{{"voidedBy", c.Voided}, {"outdatedBy", c.Outdated}} {
			if v := copied.of; author && v != nil && v.By == entry.Author && sameSecond(v.At, entry) {
				e.remove(copied.attribute)
			}
		}
	}
}

// sameSecond tells whether a time, which is stored to the second, is that of an entry.
func sameSecond(at time.Time, entry release.LogEntry) bool {
	return at.Equal(entry.Timestamp.Truncate(time.Second))
}

// removeIn removes an attribute of the n-th element of a list.
func (e *expression) removeIn(list string, n int, attribute string) {
	e.removes = append(e.removes, e.name(list)+"["+strconv.Itoa(n)+"]."+e.name(attribute))
}
