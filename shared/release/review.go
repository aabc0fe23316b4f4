package release

import (
	"fmt"
	"strings"
	"time"
)

// Review is a post-implementation review of a release as Markdown: planned against actual, the
// steps, the timeline, and what was left open. It reports what the release and its log
// contain, and draws no conclusions. log holds the newest entries, oldest first; older says
// that there are more. Texts by people are escaped, so that they cannot pass for the review's
// own.
func Review(r Release, links []LinkedChange, log []LogEntry, older bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Review of %s", r.ID)
	line("")
	line("%s", strings.TrimSpace(markdown(r.Name)+" "+markdown(r.Version)))
	line("")
	line("| | planned | actual |")
	line("|---|---|---|")
	line("| start | %s | %s |", orNone(r.ScheduledStart), orNone(r.ActualStart))
	line("| end | %s | %s |", orNone(r.ScheduledEnd), orNone(r.ActualEnd))
	if planned, actual := span(r.ScheduledStart, r.ScheduledEnd), span(r.ActualStart, r.ActualEnd); planned != "" || actual != "" {
		line("| duration | %s | %s |", orDash(planned), orDash(actual))
	}
	line("")
	line("- Status: %s", r.Status)
	line("- Release manager: %s", orDash(markdown(r.ReleaseManager)))
	line("- Planned by: %s", orDash(markdown(r.CreatedBy)))
	if r.RolledBackAt != nil {
		line("- Rolled back: %s, because: %s", FormatTime(*r.RolledBackAt), markdown(r.RolledBackReason))
	}
	reviewChanges(line, links)
	reviewSteps(line, "Rollout", r.RolloutSteps)
	reviewSteps(line, "Rollback", r.RollbackSteps)
	line("")
	line("## Success criteria")
	line("")
	line("%s", orNoneOf(markdown(r.SuccessCriteria)))
	reviewOpen(line, r)
	reviewAdvice(line, r)
	line("")
	line("## Timeline")
	line("")
	if older {
		line("The newest %d entries; the log has older ones.", len(log))
		line("")
	}
	line("| when | what | who | |")
	line("|---|---|---|---|")
	for _, e := range log {
		line("| %s | %s | %s | %s |", FormatTime(e.Timestamp), e.Kind, markdown(e.Author), markdown(reviewText(e)))
	}
	return b.String()
}

func reviewChanges(line func(string, ...any), links []LinkedChange) {
	line("")
	line("## Change requests")
	line("")
	if len(links) == 0 {
		line("None.")
		return
	}
	line("| id | type | control | CAB |")
	line("|---|---|---|---|")
	for _, l := range links {
		line("| %s | %s | %s | %s |", markdown(l.ID), l.ChangeType, orDash(strings.TrimSpace(markdown(l.ControlID)+" "+markdown(l.ControlTitle))), l.CABDecision)
	}
}

func reviewSteps(line func(string, ...any), plan string, steps []Step) {
	line("")
	line("## %s plan", plan)
	line("")
	if len(steps) == 0 {
		line("No steps.")
		return
	}
	line("| step | | owner | minutes planned | done | by |")
	line("|---|---|---|---|---|---|")
	for _, s := range steps {
		minutes := "–"
		if s.EstimatedMinutes > 0 {
			minutes = fmt.Sprint(s.EstimatedMinutes)
		}
		done := "no"
		if s.Completed {
			done = orNone(s.CompletedAt)
		}
		line("| %d | %s | %s | %s | %s | %s |", s.Order, markdown(s.Description), orDash(markdown(s.OwnerEmail)), minutes, done, orDash(markdown(s.CompletedBy)))
	}
}

// reviewText is an entry's text, with the change request that it is about.
func reviewText(e LogEntry) string {
	if e.ChangeRequestID != "" {
		return e.ChangeRequestID + ": " + e.Text
	}
	return e.Text
}

// reviewOpen lists what the release says is not done.
func reviewOpen(line func(string, ...any), r Release) {
	line("")
	line("## Left open")
	line("")
	open := 0
	item := func(format string, args ...any) {
		open++
		line("- "+format, args...)
	}
	for _, list := range []struct {
		name    PlanName
		steps   []Step
		matters bool
	}{
		{RolloutPlan, r.RolloutSteps, r.ActualStart != nil},
		{RollbackPlan, r.RollbackSteps, r.Status == RolledBack},
	} {
		for _, s := range list.steps {
			if list.matters && !s.Completed {
				item("%s step %d: %s", list.name, s.Order, markdown(s.Description))
			}
		}
	}
	for _, h := range r.Holds {
		item("held by %s since %s: %s", markdown(h.By), FormatTime(h.Since), markdown(h.Text))
	}
	for _, id := range r.Unapproved {
		item("%s is not CAB-approved", markdown(id))
	}
	if p := r.Progress(); p != nil && p.State != "settled" {
		item("%d of %d change requests have not followed yet", p.Changes.Total-p.Changes.Settled, p.Changes.Total)
	}
	if open == 0 {
		line("Nothing.")
	}
}

// reviewAdvice lists the advice on the release's transitions, in the same words as in the
// answers then. Without any, the section is left out.
func reviewAdvice(line func(string, ...any), r Release) {
	rows := r.adviceInReview()
	if len(rows) == 0 {
		return
	}
	line("")
	line("## Worth a second look")
	line("")
	for _, row := range rows {
		line("- %s", markdown(row.Detail))
	}
}

func span(start, end *time.Time) string {
	if start == nil || end == nil {
		return ""
	}
	return end.Sub(*start).Round(time.Minute).String()
}

func orNone(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return FormatTime(*t)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func orNoneOf(s string) string {
	if s == "" {
		return "None were given."
	}
	return s
}

// markdown escapes a text by people: it is put on one line, and nothing in it is taken
// for Markdown or HTML (CommonMark 2.4: any ASCII punctuation can be escaped). Addresses
// do not become links either, as some renderers would make them.
func markdown(s string) string {
	var b strings.Builder
	s = strings.TrimSpace(s)
	for n, c := range s {
		switch {
		case c == '\n' || c == '\r' || c == '\t':
			b.WriteByte(' ')
		case strings.ContainsRune("\\`*_{}[]()<>#+!|~&$@", c), c == '-' && n == 0, c == ':' && strings.HasPrefix(s[n:], "://"):
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
