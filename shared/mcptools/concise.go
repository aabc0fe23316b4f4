package mcptools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// How much get_release answers with: a model reads all of it, and its context is small.
const (
	detailFull    = "full"
	detailConcise = "concise"

	// MaxFull and MaxConcise bound an answer in bytes; about four are a token.
	MaxFull    = 80_000
	MaxConcise = 16_000

	// conciseEntries is how many log entries a concise answer holds at most.
	conciseEntries = 5
)

var details = []string{detailFull, detailConcise}

// cut is how far an answer is shortened; 0 leaves a part as it is.
type cut struct {
	steps     int // of each plan, those not done first
	stepText  int
	text      int // of what people wrote at length, and of details in readiness
	changes   int // where there are more, only those not approved, and at most so many
	entryText int
	plain     bool // no conditions that hold, and only the fields of steps and entries needed to watch
}

var (
	conciseCuts = []cut{
		{stepText: 80, text: 200, changes: 30, entryText: 200, plain: true},
		{steps: 20, stepText: 80, text: 200, changes: 20, entryText: 200, plain: true},
		{steps: 8, stepText: 60, text: 120, changes: 10, entryText: 120, plain: true},
		{steps: 3, stepText: 40, text: 60, changes: 5, entryText: 60, plain: true},
	}
	fullCuts = []cut{
		{entryText: 500},
		{entryText: 500, text: 2000, stepText: 300},
		{entryText: 200, text: 500, stepText: 100, changes: 50},
		{entryText: 200, text: 500, stepText: 80, changes: 30, steps: 50},
	}
)

// readRelease reads a release in the detail that was asked for, but no more of it than fits
// an agent's context: the log is shortened first, then long texts, and the answer says what
// was.
func readRelease(ctx context.Context, ops *operations.Operations, in getArgs, limit int) (operations.Brief, error) {
	if in.Detail == detailConcise {
		limit = min(limit, conciseEntries)
	}
	b, err := ops.BriefRelease(ctx, in.ID, operations.LogWanted{Limit: limit, Cursor: in.LogCursor})
	if err != nil {
		return b, err
	}
	if in.Detail == detailConcise {
		return conciseAnswer(b), nil
	}
	if n := entriesThatFit(b); n < len(b.DeploymentLog) {
		// Read again, so that the cursor is where the shorter log ends.
		wanted := len(b.DeploymentLog)
		if b, err = ops.BriefRelease(ctx, in.ID, operations.LogWanted{Limit: n, Cursor: in.LogCursor}); err != nil {
			return b, err
		}
		b.Shortened = append(b.Shortened, fmt.Sprintf("deploymentLog: %d of %d entries, with all the answer would be too long; go on with logCursor.", n, wanted))
	}
	return fullAnswer(b), nil
}

// conciseAnswer always leaves out what is of no use for watching a release, and more where
// it is still too long.
func conciseAnswer(b operations.Brief) operations.Brief { return fit(b, conciseCuts, MaxConcise) }

// fullAnswer leaves as it is what fits.
func fullAnswer(b operations.Brief) operations.Brief {
	if len(encode(b)) <= MaxFull {
		return b
	}
	return fit(b, fullCuts, MaxFull)
}

// noteRoom is what entriesThatFit leaves for the sentence that says how many there are.
const noteRoom = 300

// entriesThatFit is how many of the newest log entries leave a full answer within its bound;
// at least one, whose text can be cut.
func entriesThatFit(b operations.Brief) int {
	log := b.DeploymentLog
	b.DeploymentLog = nil
	room := MaxFull - len(encode(b)) - noteRoom
	for n := len(log) - 1; n >= 0; n-- {
		if room -= len(encode(log[n])) + 1; room < 0 {
			return max(1, len(log)-1-n)
		}
	}
	return len(log)
}

// fit cuts an answer as little as necessary.
func fit(b operations.Brief, cuts []cut, most int) operations.Brief {
	var out operations.Brief
	for _, c := range cuts {
		if out = c.apply(b); len(encode(out)) <= most {
			break
		}
	}
	return out
}

const getFull = "get_release with detail full shows more"

func (c cut) apply(b operations.Brief) operations.Brief {
	shortened := append([]string{}, b.Shortened...)
	say := func(format string, args ...any) { shortened = append(shortened, fmt.Sprintf(format, args...)) }
	for _, t := range []struct {
		name string
		text *string
	}{{"description", &b.Description}, {"successCriteria", &b.SuccessCriteria}, {"publicSummary", &b.PublicSummary}, {"rolledBackReason", &b.RolledBackReason}} {
		if was := len(*t.text); shortText(t.text, c.text) {
			say("%s: %d of %d bytes; %s.", t.name, c.text, was, getFull)
		}
	}
	b.RolloutSteps = c.planSteps("rolloutSteps", b.RolloutSteps, say)
	b.RollbackSteps = c.planSteps("rollbackSteps", b.RollbackSteps, say)
	if all := len(b.LinkedChangeRequests); c.changes > 0 && all > c.changes {
		b.LinkedChangeRequests, b.LinkedChangeRequestIDs = notApproved(b.LinkedChangeRequests, c.changes)
		say("linkedChangeRequests: %d of %d, those that the CAB has not approved; linkedChangeRequestIds likewise; %s.", len(b.LinkedChangeRequests), all, getFull)
	}
	b.Holds = c.holds(b.Holds, say)
	if c.changes > 0 && len(b.StillLinking) > c.changes {
		say("stillLinking: %d of %d.", c.changes, len(b.StillLinking))
		b.StillLinking = b.StillLinking[:c.changes]
	}
	b.Readiness = c.readiness(b.Readiness)
	b.DeploymentLog = c.log(b.DeploymentLog, say)
	if c.plain && b.OlderLogEntries {
		say("deploymentLog: the newest entries; go on with logCursor, and logLimit up to %d in detail full.", MaxLogLimit)
	}
	b.Shortened = shortened
	return b
}

// shortText cuts a text between two characters, and tells whether it did.
func shortText(s *string, most int) bool {
	if most == 0 || len(*s) <= most {
		return false
	}
	at := most
	for !utf8.RuneStart((*s)[at]) {
		at--
	}
	*s = strings.TrimRight((*s)[:at], " \n") + "…"
	return true
}

func (c cut) planSteps(name string, steps []release.Step, say func(string, ...any)) []release.Step {
	kept := []release.Step{}
	all := c.steps == 0 || len(steps) <= c.steps
	texts := false
	for _, s := range steps {
		if !all && (s.Completed || len(kept) == c.steps) {
			continue
		}
		texts = shortText(&s.Description, c.stepText) || texts
		if c.plain {
			s.CompletedBy, s.CompletedAt = "", nil
		}
		kept = append(kept, s)
	}
	if !all {
		say("%s: %d of %d, the first that are not done; %s.", name, len(kept), len(steps), getFull)
	}
	if texts {
		say("%s: descriptions cut at %d bytes; %s.", name, c.stepText, getFull)
	}
	return kept
}

func notApproved(links []release.LinkedChange, most int) (kept []release.LinkedChange, ids []string) {
	kept, ids = []release.LinkedChange{}, []string{}
	for _, l := range links {
		if !l.CABApproved() && len(kept) < most {
			shortText(&l.ControlTitle, 80)
			kept, ids = append(kept, l), append(ids, l.ID)
		}
	}
	return kept, ids
}

func (c cut) holds(all []release.Hold, say func(string, ...any)) []release.Hold {
	kept := slices.Clone(all)
	if c.changes > 0 && len(all) > c.changes {
		kept = kept[:c.changes]
		say("holds: %d of %d, the oldest; %s.", len(kept), len(all), getFull)
	}
	texts := false
	for i := range kept {
		texts = shortText(&kept[i].Text, c.text) || texts
	}
	if texts {
		say("holds: texts cut at %d bytes; %s.", c.text, getFull)
	}
	return kept
}

// readiness leaves out conditions that hold, and the end of long lists: what blocks a
// status comes first.
func (c cut) readiness(r release.Readiness) release.Readiness {
	next := make([]release.NextStatus, len(r.Next))
	for i, n := range r.Next {
		conditions := []release.Condition{}
		for _, one := range n.Conditions {
			if c.plain && one.Holds {
				continue
			}
			shortText(&one.Detail, c.text)
			one.ChangeRequests = first(one.ChangeRequests, c.changes)
			conditions = append(conditions, one)
		}
		n.Conditions = conditions
		next[i] = n
	}
	advice := make([]release.AdviceRow, len(r.Advice))
	for i, a := range r.Advice {
		shortText(&a.Detail, c.text)
		a.ChangeRequests = first(a.ChangeRequests, c.changes)
		advice[i] = a
	}
	r.Next, r.Advice = next, advice
	return r
}

func first(ids []string, most int) []string {
	if most == 0 || len(ids) <= most {
		return ids
	}
	return ids[:most]
}

func (c cut) log(entries []release.LogEntry, say func(string, ...any)) []release.LogEntry {
	out := make([]release.LogEntry, len(entries))
	texts := false
	for i, e := range entries {
		texts = shortText(&e.Text, c.entryText) || texts
		if c.plain {
			e.Added, e.Removed, e.Digest, e.AuthorEmail, e.AuthorEmailVerified = nil, nil, "", "", nil
		}
		out[i] = e
	}
	if texts {
		say("deploymentLog: texts cut at %d bytes; %s.", c.entryText, getFull)
	}
	return out
}
