package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/releases/shared/address"
	"example.com/releases/shared/glyph"
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

// AdviceRow is something worth a second look before going on.
type AdviceRow struct {
	Code           string   `json:"code" doc:"Which advice it is."`
	Detail         string   `json:"detail" doc:"The same for people."`
	ChangeRequests []string `json:"changeRequests,omitempty" doc:"The change requests it is about."`
}

// AdviceCodes lists the codes of all advice, for documents.
var AdviceCodes = []string{
	"no-change-requests", "no-rollback-steps", "steps-without-owner", "steps-without-estimate", "unmeasurable-criteria",
	"window-in-the-past", "estimates-exceed-window", "change-outside-window", "unmailable-addresses",
}

// CheckReadiness checks a release with its links at a time. touched is what the caller
// counted, nil where nothing would be reached.
func (r Release) CheckReadiness(links []LinkedChange, now time.Time, touched *Touched) Readiness {
	out := Readiness{ID: r.ID, Status: r.Status, Next: []NextStatus{}, Advice: []AdviceRow{}, Holds: r.Holds, ChangedSinceApproval: r.ChangedSinceApproval()}
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
	if r.Live() && r.Status != Deployed {
		out.Advice = r.advise(links, now)
	}
	if r.Live() {
		out.Advice = append(out.Advice, r.adviseAddresses(touched)...)
	}
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
		c.Detail = fmt.Sprintf("All %d linked change requests are CAB-approved.", len(r.ChangeIDs))
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

func (r Release) advise(links []LinkedChange, now time.Time) []AdviceRow {
	rows := []AdviceRow{}
	add := func(code, format string, args ...any) {
		rows = append(rows, AdviceRow{Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	if len(r.ChangeIDs) == 0 {
		add("no-change-requests", "No change request is linked, so deploying resolves nothing.")
	}
	if len(r.RollbackSteps) == 0 {
		add("no-rollback-steps", "There is no rollback plan: write down how to get back before you need it.")
	}
	if s := stepsWhere(r.Plan, func(s Step) bool { return s.OwnerEmail == "" }); s != "" {
		add("steps-without-owner", "Nobody owns %s.", s)
	}
	if s := stepsWhere(r.Plan, func(s Step) bool { return s.EstimatedMinutes == 0 }); s != "" {
		add("steps-without-estimate", "There is no estimate for %s.", s)
	}
	if !strings.ContainsFunc(r.SuccessCriteria, unicode.IsDigit) {
		add("unmeasurable-criteria", "The success criteria hold no number; say how much, how long or how many, so that all agree whether they are met.")
	}
	if r.hasWindow() {
		r.adviseWindow(links, now, add, &rows)
	}
	return rows
}

func (r Release) adviseWindow(links []LinkedChange, now time.Time, add func(code, format string, args ...any), rows *[]AdviceRow) {
	if r.Status != InProgress && r.ScheduledStart.Before(now) {
		add("window-in-the-past", "The window began at %s, which is in the past.", FormatTime(*r.ScheduledStart))
	}
	minutes := 0
	for _, s := range r.RolloutSteps {
		minutes += s.EstimatedMinutes
	}
	if length := int(r.ScheduledEnd.Sub(*r.ScheduledStart).Minutes()); minutes > length {
		add("estimates-exceed-window", "The rollout steps are estimated at %d minutes; the window has %d.", minutes, length)
	}
	var outside []string
	for _, l := range links {
		if l.ScheduledStart != nil && (l.ScheduledStart.Before(*r.ScheduledStart) || l.ScheduledStart.After(*r.ScheduledEnd)) {
			outside = append(outside, l.ID)
		}
	}
	if len(outside) > 0 {
		add("change-outside-window", "Starting outside the window: %s.", strings.Join(outside, ", "))
		(*rows)[len(*rows)-1].ChangeRequests = outside
	}
}

// maxNamed bounds how many addresses an advice names.
const maxNamed = 20

// adviseAddresses names people whom no mail reaches: their addresses were stored under
// looser rules. It is given in every live status, since mails go out in most of them.
func (r Release) adviseAddresses(touched *Touched) []AdviceRow {
	var named []string
	name := func(email, whose string) {
		if _, err := address.ASCII(email); email != "" && err != nil {
			named = append(named, fmt.Sprintf("%s (%s: %s)", glyph.Clean(email), whose, err))
		}
	}
	name(r.ReleaseManagerEmail, "releaseManagerEmail")
	for _, plan := range []struct {
		name  PlanName
		steps []Step
	}{{RolloutPlan, r.RolloutSteps}, {RollbackPlan, r.RollbackSteps}} {
		for _, s := range plan.steps {
			name(s.OwnerEmail, fmt.Sprintf("owner of %s step %d", plan.name, s.Order))
		}
	}
	if touched != nil {
		for _, email := range touched.Unmailable {
			name(email, "requester")
		}
	}
	if len(named) == 0 {
		return nil
	}
	detail := strings.Join(named[:min(maxNamed, len(named))], "; ")
	if more := len(named) - maxNamed; more > 0 {
		detail += fmt.Sprintf("; and %d more", more)
	}
	if touched != nil && touched.AtLeast {
		detail += fmt.Sprintf(" (of the first %d tasks)", MaxCounted)
	}
	return []AdviceRow{{
		Code: "unmailable-addresses", Detail: "No mail reaches " + detail + ". Enter addresses that can be mailed; until then, these people hear nothing.",
	}}
}

// stepsWhere names the steps of both plans that a condition holds for.
func stepsWhere(p Plan, holds func(Step) bool) string {
	var named []string
	for _, plan := range []struct {
		name  PlanName
		steps []Step
	}{{RolloutPlan, p.RolloutSteps}, {RollbackPlan, p.RollbackSteps}} {
		var orders []string
		for _, s := range plan.steps {
			if holds(s) {
				orders = append(orders, fmt.Sprint(s.Order))
			}
		}
		if len(orders) > 0 {
			named = append(named, fmt.Sprintf("%s steps %s", plan.name, strings.Join(orders, ", ")))
		}
	}
	return strings.Join(named, " and ")
}
