package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// edit checks the fields of a plan that differ from what is stored. What was stored under
// looser rules stays usable: an edit of something else is not refused because of it.
type edit struct {
	*ValidationErrors
	anew bool // nothing is stored yet: everything is checked
}

func (e edit) line(field, was, is string, minBytes, maxBytes int) {
	if e.anew || is != was {
		e.Line(field, is, minBytes, maxBytes)
	}
}

// prose checks a text of several lines, which may be empty.
func (e edit) prose(field, was, is string, maxBytes int) {
	if e.anew || is != was {
		e.Prose(field, is, 0, maxBytes)
	}
}

func (e edit) email(field, was, is string, required bool) {
	if e.anew || is != was {
		e.Email(field, is, required)
	}
}

func (e edit) risk(field string, was, is Risk) {
	if e.anew || is != was {
		OneOf(e.ValidationErrors, field, string(is), Risks, false)
	}
}

// timeInBounds bounds the year to four digits, so that stored times sort as text.
func (e edit) timeInBounds(field string, was, is *time.Time) {
	if is != nil && (e.anew || !sameInstant(was, is)) && (is.Year() < 2000 || is.Year() > 2199) {
		e.Add(field, "must lie between the years 2000 and 2199")
	}
}

// window checks both ends together once either has changed.
func (e edit) window(wasStart, wasEnd, start, end *time.Time) {
	e.timeInBounds("scheduledStart", wasStart, start)
	e.timeInBounds("scheduledEnd", wasEnd, end)
	if !e.anew && sameInstant(wasStart, start) && sameInstant(wasEnd, end) {
		return
	}
	if start != nil && end != nil && !start.Before(*end) {
		e.Add("scheduledEnd", "must be after scheduledStart")
	}
}

func sameInstant(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// The bounds of steps.
const (
	MaxSteps     = 100 // per plan
	MaxStepText  = 1000
	MaxOrder     = 9999
	MaxMinutes   = 60 * 24 * 30
	MaxStepsJSON = 275_000 // both plans' steps together, so that an entry of the log holds them
)

// steps checks a plan's steps. Lists are replaced as a whole, so a value counts as changed
// when no step of the plan had it before, whatever its place.
func (e edit) steps(field string, was, is []Step) {
	e.note(field, Bound{MaxItems: MaxSteps})
	if len(is) > MaxSteps && len(is) > len(was) {
		e.Add(field, "has %d steps; at most %d are allowed", len(is), MaxSteps)
		return
	}
	held := func(same func(Step) bool) bool { return !e.anew && slices.ContainsFunc(was, same) }
	seen := make(map[int]bool, len(is))
	for i, s := range is {
		at := fmt.Sprintf("%s[%d].", field, i)
		stood := held(func(w Step) bool { return w.Order == s.Order })
		if (stood || e.Number(at+"order", s.Order, 1, MaxOrder)) && seen[s.Order] {
			e.Add(at+"order", "repeats %d; every step of a plan has an order of its own", s.Order)
		}
		seen[s.Order] = true
		if !held(func(w Step) bool { return w.Description == s.Description }) {
			e.Prose(at+"description", s.Description, 1, MaxStepText)
		}
		if !held(func(w Step) bool { return w.OwnerEmail == s.OwnerEmail }) {
			e.Email(at+"ownerEmail", s.OwnerEmail, false)
		}
		if !held(func(w Step) bool { return w.EstimatedMinutes == s.EstimatedMinutes }) {
			e.Number(at+"estimatedMinutes", s.EstimatedMinutes, 0, MaxMinutes)
		}
	}
}

// stepsTogether bounds the size of both plans as JSON once either has changed, since one
// log entry holds them completely. Only texts full of line breaks or quotation marks, or
// plans at every other bound, come near it.
func (e edit) stepsTogether(was, is Plan) {
	if !e.anew && slices.EqualFunc(was.RolloutSteps, is.RolloutSteps, sameStep) && slices.EqualFunc(was.RollbackSteps, is.RollbackSteps, sameStep) {
		return
	}
	var all bytes.Buffer
	out := json.NewEncoder(&all)
	out.SetEscapeHTML(false)
	if err := out.Encode([][]Step{Uncompleted(is.RolloutSteps), Uncompleted(is.RollbackSteps)}); err != nil || all.Len() > MaxStepsJSON {
		e.Add("rolloutSteps", "and rollbackSteps take %d bytes as JSON; together at most %d are allowed", all.Len(), MaxStepsJSON)
	}
}

func sameStep(a, b Step) bool {
	return a.Order == b.Order && a.Description == b.Description && a.OwnerEmail == b.OwnerEmail && a.EstimatedMinutes == b.EstimatedMinutes
}

// Check notes every wrong field of a new change request's plan.
func (p ChangePlan) Check(f *ValidationErrors) { p.check(edit{f, true}, ChangePlan{}) }

// CheckEdit notes every wrong field of a change request's plan among those that differ
// from what is stored.
func (p ChangePlan) CheckEdit(f *ValidationErrors, was ChangePlan) { p.check(edit{f, false}, was) }

// MaxBackoutPlan bounds what only a change request has.
const MaxBackoutPlan = 4000

func (p ChangePlan) check(e edit, was ChangePlan) {
	e.line("title", was.Title, p.Title, 0, MaxName)
	e.prose("description", was.Description, p.Description, MaxDescription)
	e.line("controlId", was.ControlID, p.ControlID, 0, MaxID)
	e.line("controlTitle", was.ControlTitle, p.ControlTitle, 0, MaxName)
	e.list("affectedCiIds", was.AffectedCIIDs, p.AffectedCIIDs, MaxCIs, e.ConfigurationItem)
	e.prose("justification", was.Justification, p.Justification, MaxText)
	e.risk("risk", was.Risk, p.Risk)
	e.prose("impact", was.Impact, p.Impact, MaxText)
	e.prose("backoutPlan", was.BackoutPlan, p.BackoutPlan, MaxBackoutPlan)
	e.window(was.ScheduledStart, was.ScheduledEnd, p.ScheduledStart, p.ScheduledEnd)
}

// Check notes every wrong field of a new task's plan.
func (p TaskPlan) Check(f *ValidationErrors) { p.check(edit{f, true}, TaskPlan{}) }

// CheckEdit notes every wrong field of a task's plan among those that differ from what
// is stored.
func (p TaskPlan) CheckEdit(f *ValidationErrors, was TaskPlan) { p.check(edit{f, false}, was) }

func (p TaskPlan) check(e edit, was TaskPlan) {
	e.line("title", was.Title, p.Title, 1, MaxName)
	e.line("requesterName", was.RequesterName, p.RequesterName, 0, MaxName)
	e.email("requesterEmail", was.RequesterEmail, p.RequesterEmail, true)
	e.list("ciIds", was.CIIDs, p.CIIDs, MaxCIs, e.ConfigurationItem)
	if e.anew || p.ChangeRequestID != was.ChangeRequestID {
		e.IdentifierOrNone("changeRequestId", p.ChangeRequestID)
	}
	if e.anew || p.Status != was.Status {
		OneOf(e.ValidationErrors, "status", string(p.Status), TaskStatuses, true)
	}
}

// Normalise brings the plan into the form that is stored: times in UTC to the
// second, steps by order, lists never nil.
func (p Plan) Normalise() Plan {
	p.ScheduledStart, p.ScheduledEnd = toSecond(p.ScheduledStart), toSecond(p.ScheduledEnd)
	p.RolloutSteps, p.RollbackSteps = byOrder(p.RolloutSteps), byOrder(p.RollbackSteps)
	return p
}

// Normalise brings the plan into the form that is stored.
func (p ChangePlan) Normalise() ChangePlan {
	p.ScheduledStart, p.ScheduledEnd = toSecond(p.ScheduledStart), toSecond(p.ScheduledEnd)
	if p.AffectedCIIDs == nil {
		p.AffectedCIIDs = []string{}
	}
	if risk, known := ParseRisk(string(p.Risk)); known {
		p.Risk = risk
	}
	return p
}

func toSecond(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Second)
	return &u
}

func byOrder(steps []Step) []Step {
	sorted := append([]Step{}, steps...)
	slices.SortStableFunc(sorted, func(a, b Step) int { return a.Order - b.Order })
	return sorted
}
