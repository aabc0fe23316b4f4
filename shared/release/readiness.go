package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Readiness tells for each next status what its guards are and whether they hold, and
// gives advice that blocks nothing.
type Readiness struct {
	ID     string       `json:"id" doc:"The id."`
	Status Status       `json:"status" doc:"Where the release stands."`
	Next   []NextStatus `json:"next" doc:"Each next status and what it demands."`
	Advice []AdviceRow  `json:"advice" doc:"What is worth a second look; none of it blocks."`
	// Holds stop every next status but cancelled and rolled-back.
	Holds []Hold `json:"holds,omitempty" doc:"Who holds the release, which stops every next status but cancelled and rolled-back; left out where nobody does."`
	// ChangedSinceApproval are the fields of the plan that changed after the release was
	// approved; left out where there is none.
	ChangedSinceApproval []string `json:"changedSinceApproval,omitempty" doc:"The fields of the plan that changed after the release was approved; left out where none did."`
}

// NextStatus is one next status. Ready means that every condition holds; Asks are fields
// that the request itself must carry.
type NextStatus struct {
	Status     Status      `json:"status" doc:"The status."`
	Ready      bool        `json:"ready" doc:"Whether every condition holds."`
	Conditions []Condition `json:"conditions" doc:"Each condition, and whether it holds."`
	Asks       []string    `json:"asks" doc:"Fields that the request itself has to carry."`
	Touches    *Touched    `json:"touches,omitempty" doc:"Whom it would reach."`
}

// Condition is one guard of a transition.
type Condition struct {
	Condition      Guard    `json:"condition" doc:"Which condition it is."`
	Holds          bool     `json:"holds" doc:"Whether it holds."`
	Detail         string   `json:"detail" doc:"The same for people."`
	ChangeRequests []string `json:"changeRequests" doc:"The ids of the change requests that do not satisfy it."` // those that hold it up
}

// MaxCounted is how many tasks are counted for readiness.
const MaxCounted = 10_000

// Touched counts whom a deployment or a rollback would reach.
type Touched struct {
	ChangeRequests int `json:"changeRequests" doc:"How many change requests."`
	Tasks          int `json:"tasks" doc:"How many tasks."`
	People         int `json:"people" doc:"How many people asked for them."`
	// AtLeast tells that counting stopped at MaxCounted tasks.
	AtLeast bool `json:"atLeast,omitempty" doc:"Whether tasks and people are at least so many: counting stops at 10,000 tasks."`
	// Unmailable are the people's addresses to which no mail can be sent.
	Unmailable []string `json:"-"`
}

// CheckReadiness checks a release with its links at a time. touched is what the caller
// counted, nil where nothing would be reached; notes are how many its log has taken.
func (r Release) CheckReadiness(links []LinkedChange, now time.Time, touched *Touched, notes int) Readiness {
	out := Readiness{ID: r.ID, Status: r.Status, Next: []NextStatus{}, Holds: r.Holds, ChangedSinceApproval: r.ChangedSinceApproval()}
	for _, to := range AllowedNext(r.Status) {
		t, _ := TransitionTo(to)
		next := NextStatus{Status: to, Ready: len(r.Linking) == 0, Conditions: []Condition{}, Asks: []string{}}
		unmet := r.UnmetGuards(t)
		for _, d := range t.Guards {
			if d == GuardReason {
				next.Asks = append(next.Asks, "rollback_reason")
				continue
			}
			c := r.judge(d, !slices.Contains(unmet, d), links)
			next.Ready = next.Ready && c.Holds
			next.Conditions = append(next.Conditions, c)
		}
		if to == Deployed || to == RolledBack {
			next.Touches = touched
		}
		out.Next = append(out.Next, next)
	}
	out.Advice = sight{Release: r, now: now, outside: r.Outside(links), notes: notes, touched: touched}.advice(func(a Advice) bool { return a.Asked })
	return out
}

func (r Release) judge(d Guard, holds bool, links []LinkedChange) Condition {
	c := Condition{Condition: d, Holds: holds, ChangeRequests: []string{}}
	switch {
	case d == GuardHold && holds:
		c.Detail = "Nobody holds it."
	case d == GuardHold:
		c.Detail = heldDetail(len(r.Held))
	case d == GuardApproval && holds:
		switch n := len(r.ChangeIDs); n {
		case 0:
			c.Detail = "No change request is linked, so none needs approval."
		case 1:
			c.Detail = "The linked change request is CAB-approved."
		default:
			c.Detail = fmt.Sprintf("All %d linked change requests are CAB-approved.", n)
		}
	case d == GuardApproval:
		c.ChangeRequests = r.Unapproved
		c.Detail = heldUpByCAB(r.Unapproved, links)
	case holds:
		c.Detail = fmt.Sprintf("The window is %s to %s.", FormatTime(*r.ScheduledStart), FormatTime(*r.ScheduledEnd))
	default:
		c.Detail = "Set scheduledStart and scheduledEnd, start before end."
	}
	return c
}

// Rejected separates the ids that the CAB rejected from those on which it has yet to
// decide.
func Rejected(ids []string, links []LinkedChange) (rejected, pending []string) {
	for _, id := range ids {
		at := slices.IndexFunc(links, func(l LinkedChange) bool { return l.ID == id })
		if at >= 0 && (links[at].CABDecision == DecisionRejected || links[at].ApprovalStatus == ApprovalRejected) {
			rejected = append(rejected, id)
		} else {
			pending = append(pending, id)
		}
	}
	return rejected, pending
}

func heldUpByCAB(unapproved []string, links []LinkedChange) string {
	var parts []string
	rejected, pending := Rejected(unapproved, links)
	if len(pending) > 0 {
		parts = append(parts, "The CAB has yet to decide on "+strings.Join(pending, ", ")+": record its decision, or remove what is undecided from the release.")
	}
	if len(rejected) > 0 {
		parts = append(parts, "The CAB rejected "+strings.Join(rejected, ", ")+": remove what is rejected from the release, or have the CAB decide again.")
	}
	return strings.Join(parts, " ")
}
