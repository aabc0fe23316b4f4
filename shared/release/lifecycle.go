package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is where a release stands in its lifecycle.
type Status string

// The seven statuses.
const (
	Planned    Status = "planned"
	Approved   Status = "approved"
	Scheduled  Status = "scheduled"
	InProgress Status = "in-progress"
	Deployed   Status = "deployed"
	RolledBack Status = "rolled-back"
	Cancelled  Status = "cancelled"
)

// Statuses lists them in the order of a release's life.
var Statuses = []Status{Planned, Approved, Scheduled, InProgress, Deployed, RolledBack, Cancelled}

// Guard is a condition that a transition puts on the release or the request.
type Guard string

// The guards of the lifecycle.
const (
	GuardApproval Guard = "cab-approval"    // every linked change request is CAB-approved
	GuardWindow   Guard = "window"          // scheduledStart and scheduledEnd are set, start before end
	GuardHold     Guard = "no-hold"         // nobody holds the release
	GuardReason   Guard = "rollback-reason" // the request carries rollback_reason
)

// Effect names the fields that a transition sets.
type Effect string

// What a transition can set.
const (
	EffectNone       Effect = ""
	EffectStart      Effect = "actualStart" // unless it is set already
	EffectEnd        Effect = "actualEnd"
	EffectRolledBack Effect = "rolledBackAt, rolledBackReason"
)

// Transition is one row of the lifecycle.
type Transition struct {
	To     Status
	From   []Status
	Guards []Guard
	Effect Effect
	// Settles tells that change requests (and, but for a cancellation, their tasks)
	// follow the release into this status.
	Settles bool
}

// Lifecycle is the one place that says which transitions exist and what guards each.
// Conditions in writes, documents, tool descriptions and errors are derived from it.
var Lifecycle = []Transition{
	{To: Approved, From: []Status{Planned}, Guards: []Guard{GuardHold, GuardApproval}},
	{To: Scheduled, From: []Status{Approved}, Guards: []Guard{GuardHold, GuardApproval, GuardWindow}},
	{To: InProgress, From: []Status{Scheduled}, Guards: []Guard{GuardHold, GuardApproval, GuardWindow}, Effect: EffectStart},
	{To: Deployed, From: []Status{InProgress}, Guards: []Guard{GuardHold}, Effect: EffectEnd, Settles: true},
	{To: RolledBack, From: []Status{InProgress, Deployed}, Guards: []Guard{GuardReason}, Effect: EffectRolledBack, Settles: true},
	{To: Cancelled, From: []Status{Planned, Approved, Scheduled, InProgress}, Settles: true},
}

// TransitionTo returns the row that leads to a status; planned has none.
func TransitionTo(to Status) (Transition, bool) {
	for _, t := range Lifecycle {
		if t.To == to {
			return t, true
		}
	}
	return Transition{}, false
}

// AllowedNext lists the statuses that the lifecycle allows after a status, in
// the order of a release's life. It is empty, never nil, at the end of it.
func AllowedNext(from Status) []Status {
	next := []Status{}
	for _, t := range Lifecycle {
		if slices.Contains(t.From, from) {
			next = append(next, t.To)
		}
	}
	return next
}

// IsAhead tells whether the release has still to be carried out.
func (s Status) IsAhead() bool { return s == Planned || s == Approved || s == Scheduled }

// IsDeployed tells whether what is in the release stands: it was carried out, and not rolled back.
func (s Status) IsDeployed() bool { return s == Deployed }

// HasBegun tells whether the release is being carried out or was.
func (s Status) HasBegun() bool { return s == InProgress || s.IsDeployed() }

// HasEnded tells whether the release has given its change requests back: nothing can follow.
func (s Status) HasEnded() bool { return s == RolledBack || s == Cancelled }

// ScopeFrozen tells whether change requests can no longer be linked or removed.
func (s Status) ScopeFrozen() bool { return s.HasBegun() || s.HasEnded() }

// TransitionRequest is a requested transition.
type TransitionRequest struct {
	To     Status
	Note   string
	Reason string
}

// UnmetGuards returns the guards of a transition that the release does not satisfy.
// A reason is required of the request, not of the release, and is not checked here.
func (r Release) UnmetGuards(t Transition) []Guard {
	var unmet []Guard
	for _, d := range t.Guards {
		switch d {
		case GuardHold:
			if len(r.Held) > 0 {
				unmet = append(unmet, d)
			}
		case GuardApproval:
			if len(r.Unapproved) > 0 {
				unmet = append(unmet, d)
			}
		case GuardWindow:
			if !r.hasWindow() {
				unmet = append(unmet, d)
			}
		}
	}
	return unmet
}

func (r Release) hasWindow() bool {
	return r.ScheduledStart != nil && r.ScheduledEnd != nil && r.ScheduledStart.Before(*r.ScheduledEnd)
}

// Advance returns the release after the transition, with the fields that it sets, its new
// history entry and what is to be settled. The write that stores the result carries the
// same conditions, so that a race cannot get past them.
func (r Release) Advance(m TransitionRequest, stamp Stamp) (Release, error) {
	t, ok := TransitionTo(m.To)
	if m.To == r.Status {
		// Most likely a retry of a request that succeeded: it must not read as advice to go on
		// to the next status.
		e := r.Conflict("invalid-transition", "%s is %s already; there is nothing to do.", r.ID, r.Status)
		e.AlreadySo = true
		return r, e
	}
	if !ok || !slices.Contains(t.From, r.Status) {
		e := r.Conflict("invalid-transition", "A release that is %s cannot become %s.", r.Status, m.To)
		// Whoever is late must not be told the next status either.
		e.AlreadyPassed = slices.ContainsFunc(r.History, func(h HistoryEntry) bool { return h.To == m.To || h.From == m.To })
		return r, e
	}
	if unmet := r.UnmetGuards(t); len(unmet) > 0 {
		return r, r.unmetError(m.To, unmet[0])
	}
	at := stamp.At.UTC().Truncate(time.Second)
	if n := len(r.History); n > 0 && at.Before(r.History[n-1].At) {
		// The clocks of two functions may differ by minutes: nothing may seem to have been
		// rolled back before it was deployed.
		at = r.History[n-1].At
	}
	r.History = append(slices.Clone(r.History), HistoryEntry{
		Epoch: r.Epoch() + 1, From: r.Status, To: m.To, At: at, By: stamp.By, Note: m.Note, Reason: m.Reason, Request: stamp.Request,
	})
	r.Status = m.To
	r.Revision++
	r.UpdatedAt = at
	switch t.Effect {
	case EffectStart:
		if r.ActualStart == nil {
			r.ActualStart = &at
		}
	case EffectEnd:
		r.ActualEnd = &at
	case EffectRolledBack:
		r.RolledBackAt, r.RolledBackReason = &at, m.Reason
	}
	switch m.To {
	case Approved:
		r.ApprovedPlan = r.planDigests()
	case Scheduled:
		r.WindowVersion++
	}
	if t.Settles {
		r.Settling = &Settling{Epoch: r.Epoch(), Since: at, Unsettled: slices.Clone(r.ChangeIDs)}
	}
	return r, nil
}

// LogText words a transition for the deployment log.
func (p HistoryEntry) LogText() string {
	text := fmt.Sprintf("%s → %s", p.From, p.To)
	if p.Reason != "" {
		text += "\nReason: " + p.Reason
	}
	if p.Note != "" {
		text += noteMark + p.Note
	}
	return text
}

// Conflict is a refusal that carries the release's status and the statuses it may enter.
func (r Release) Conflict(code, format string, args ...any) *Error {
	e := Fail(KindConflict, code, format, args...)
	e.Status, e.AllowedNextStatuses = r.Status, AllowedNext(r.Status)
	return e
}

func (r Release) unmetError(to Status, d Guard) *Error {
	switch d {
	case GuardHold:
		return r.heldError(to)
	case GuardApproval:
		e := r.Conflict("cab-approval-missing",
			"%s cannot become %s: the CAB has not approved %s.",
			r.ID, to, strings.Join(r.Unapproved, ", "))
		e.ChangeRequests = r.Unapproved
		return e
	}
	return r.Conflict("window-missing", "%s cannot become %s without a window (scheduledStart before scheduledEnd).", r.ID, to)
}

// ParseStatus matches a status without regard to case.
func ParseStatus(s string) (Status, bool) { return parseEnum(s, Statuses) }

func parseEnum[T ~string](s string, known []T) (T, bool) {
	for _, k := range known {
		if strings.EqualFold(s, string(k)) {
			return k, true
		}
	}
	return "", false
}

// Either words statuses as alternatives, such as those in which something can be done.
func Either(all []Status) string {
	if len(all) < 2 {
		return Join(all)
	}
	last := len(all) - 1
	return Join(all[:last]) + " or " + string(all[last])
}

// Join lists words of one type with commas, such as the statuses that are allowed next.
func Join[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}
