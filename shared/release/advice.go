package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/releases/shared/address"
	"example.com/releases/shared/glyph"
)

// AdviceRow is something worth a second look. It blocks nothing.
type AdviceRow struct {
	Code           string   `json:"code" doc:"Which advice it is."`
	Detail         string   `json:"detail" doc:"The same for people."`
	ChangeRequests []string `json:"changeRequests,omitempty" doc:"The change requests it is about."`
}

// Advice is a row of the one table of all advice: readiness, the answer to a transition, the
// review and the documents read it.
type Advice struct {
	Code string
	// When is the case in which it is given, in the words of the documentation.
	When string
	// Asked, Moved and Reviewed say where it is given: in readiness, in the answer to a
	// transition, and in the review.
	Asked, Moved, Reviewed bool
	// find returns the advice's text, or nothing where it does not apply.
	find func(sight) (detail string, changes []string)
}

// sight is the input of all advice: a release, related data, and its latest transition, which
// is nil in readiness.
type sight struct {
	Release
	now     time.Time
	outside []string // linked change requests that start outside the window
	notes   int      // that its log has taken
	touched *Touched
	latest  *HistoryEntry
}

const (
	// shortReason is the length below which a reason is probably too short to be useful.
	shortReason = 20
	// NotesNearlyFull is the number of notes from which advice warns that the oldest will be
	// trimmed.
	NotesNearlyFull = MaxNotes - 50
)

// AdviceTable is all advice there is, in the order in which it is given.
var AdviceTable = []Advice{
	{Code: "no-change-requests", When: "no change request is linked, until it is deployed", Asked: true, Moved: true, find: unlinked},
	{Code: "no-rollback-steps", When: "there are no rollback steps, until it is deployed", Asked: true, Moved: true, find: noWayBack},
	{Code: "steps-without-owner", When: "steps have no `ownerEmail`, until it is deployed", Asked: true, Moved: true, find: unowned},
	{Code: "steps-without-estimate", When: "steps have no `estimatedMinutes`, until it is deployed", Asked: true, Moved: true, find: unestimated},
	{Code: "unmeasurable-criteria", When: "`successCriteria` are empty or hold no figure, until it is deployed", Asked: true, Moved: true, find: unmeasurable},
	{Code: "window-in-the-past", When: "the window has begun, but the release has not", Asked: true, Moved: true, find: windowPassed},
	{Code: "estimates-exceed-window", When: "the rollout steps are estimated to take longer than the window, until it is deployed", Asked: true, Moved: true, find: tooLong},
	{Code: "change-outside-window", When: "linked change requests start outside the window, until it is deployed", Asked: true, Moved: true, find: outsideWindow},
	{Code: "changed-since-approval", When: "the plan is not what it was when the release became `approved`, until it is deployed", Asked: true, Moved: true, find: changedPlan},
	{Code: "began-before-window", When: "it became `in-progress` before its window", Moved: true, Reviewed: true, find: beganEarly},
	{Code: "began-after-window", When: "it became `in-progress` after its window", Moved: true, Reviewed: true, find: beganLate},
	{Code: "overrun", When: "it is in progress after its window, or was `deployed` or rolled back then", Asked: true, Moved: true, Reviewed: true, find: overrun},
	{Code: "open-rollout-steps", When: "rollout steps are not completed while it is in progress, or were not when it became `deployed`", Asked: true, Moved: true, Reviewed: true, find: openRollout},
	{Code: "open-rollback-steps", When: "rollback steps were not completed when it became `rolled-back`", Moved: true, Reviewed: true, find: openRollback},
	{Code: "vague-reason", When: fmt.Sprintf("`rollback_reason` has fewer than %d characters, or no figure", shortReason), Moved: true, Reviewed: true, find: vagueReason},
	{Code: "cancelled-without-note", When: "it became `cancelled` without a note", Moved: true, Reviewed: true, find: cancelledSilently},
	{Code: "log-nearly-full", When: fmt.Sprintf("its log has taken %d notes or more; the newest %d are kept", NotesNearlyFull, MaxNotes), Asked: true, Moved: true, find: fullLog},
	{Code: "unmailable-addresses", When: "no mail can be sent to some of its addresses; only readiness checks those of requesters", Asked: true, Moved: true, find: unmailable},
}

// AdviceCodes lists every advice there is, for documents.
func AdviceCodes() []string {
	codes := make([]string, len(AdviceTable))
	for i, a := range AdviceTable {
		codes[i] = a.Code
	}
	return codes
}

func (s sight) advice(wanted func(Advice) bool) []AdviceRow {
	rows := []AdviceRow{}
	for _, a := range AdviceTable {
		if !wanted(a) {
			continue
		}
		if detail, changes := a.find(s); detail != "" {
			rows = append(rows, AdviceRow{Code: a.Code, Detail: detail, ChangeRequests: changes})
		}
	}
	return rows
}

// AdviceOnMove is the advice in the answer to the release's latest transition: on what was
// done, and on what comes next. outside are the change requests that start outside the window
// (see Outside), notes how many its log has taken. The same release gives the same advice at
// any time.
func (r Release) AdviceOnMove(outside []string, notes int) []AdviceRow {
	if len(r.History) == 0 {
		return []AdviceRow{}
	}
	last := r.History[len(r.History)-1]
	return sight{Release: r, now: last.At, outside: outside, notes: notes, latest: &last}.advice(func(a Advice) bool { return a.Moved })
}

// adviceInReview is the advice in the review, on each transition.
func (r Release) adviceInReview() []AdviceRow {
	var rows []AdviceRow
	for _, entry := range r.History {
		rows = append(rows, sight{Release: r, now: entry.At, latest: &entry}.advice(func(a Advice) bool { return a.Reviewed })...)
	}
	return rows
}

// Outside lists the linked change requests that start outside the release's window.
func (r Release) Outside(links []LinkedChange) []string {
	var outside []string
	for _, l := range links {
		if r.hasWindow() && l.ScheduledStart != nil && (l.ScheduledStart.Before(*r.ScheduledStart) || l.ScheduledStart.After(*r.ScheduledEnd)) {
			outside = append(outside, l.ID)
		}
	}
	return outside
}

// ahead reports whether the plan is still to be carried out, or is being carried out.
func (s sight) ahead() bool { return s.Live() && !s.Status.IsDeployed() }

// entered reports whether the latest transition entered one of these statuses.
func (s sight) entered(statuses ...Status) bool {
	return s.latest != nil && slices.Contains(statuses, s.latest.To)
}

// running reports whether the release is in progress and this is readiness: right after the
// start, advice on what is left to do would be useless.
func (s sight) running() bool { return s.latest == nil && s.Status == InProgress }

func unlinked(s sight) (string, []string) {
	if !s.ahead() || len(s.ChangeIDs) > 0 {
		return "", nil
	}
	return "No change request is linked, so deploying resolves nothing.", nil
}

func noWayBack(s sight) (string, []string) {
	if !s.ahead() || len(s.RollbackSteps) > 0 {
		return "", nil
	}
	return "There is no rollback plan: write down how to get back before you need it.", nil
}

func unowned(s sight) (string, []string) {
	steps := stepsWhere(s.Plan, func(s Step) bool { return s.OwnerEmail == "" })
	if !s.ahead() || steps == "" {
		return "", nil
	}
	return fmt.Sprintf("Nobody owns %s.", steps), nil
}

func unestimated(s sight) (string, []string) {
	steps := stepsWhere(s.Plan, func(s Step) bool { return s.EstimatedMinutes == 0 })
	if !s.ahead() || steps == "" {
		return "", nil
	}
	return fmt.Sprintf("There is no estimate for %s.", steps), nil
}

func unmeasurable(s sight) (string, []string) {
	switch {
	case !s.ahead() || hasFigure(s.SuccessCriteria):
		return "", nil
	case glyph.Blank(s.SuccessCriteria):
		return "There are no success criteria: say how much, how long or how many, so that all agree whether it worked.", nil
	}
	return "The success criteria contain no number: say how much, how long or how many, so that all agree whether they are met.", nil
}

func windowPassed(s sight) (string, []string) {
	if !s.ahead() || s.Status == InProgress || !s.hasWindow() || !s.ScheduledStart.Before(s.now) {
		return "", nil
	}
	return fmt.Sprintf("The window began at %s, which is in the past.", FormatTime(*s.ScheduledStart)), nil
}

func tooLong(s sight) (string, []string) {
	if !s.ahead() || !s.hasWindow() {
		return "", nil
	}
	minutes := 0
	for _, step := range s.RolloutSteps {
		minutes += step.EstimatedMinutes
	}
	length := int(s.ScheduledEnd.Sub(*s.ScheduledStart).Minutes())
	if minutes <= length {
		return "", nil
	}
	return fmt.Sprintf("The rollout steps are estimated at %d minutes; the window has %d.", minutes, length), nil
}

func outsideWindow(s sight) (string, []string) {
	if !s.ahead() || len(s.outside) == 0 {
		return "", nil
	}
	return fmt.Sprintf("These change requests start outside the window: %s.", strings.Join(s.outside, ", ")), s.outside
}

func changedPlan(s sight) (string, []string) {
	changed := s.ChangedSinceApproval()
	if !s.ahead() || len(changed) == 0 {
		return "", nil
	}
	return fmt.Sprintf("Changed since the release was approved: %s. Tell whoever approved it.", strings.Join(changed, ", ")), nil
}

func beganEarly(s sight) (string, []string) {
	if !s.entered(InProgress) || !s.hasWindow() || !s.now.Before(*s.ScheduledStart) {
		return "", nil
	}
	return fmt.Sprintf("It began at %s, before its window (%s): those who were told of the window do not expect it yet.", FormatTime(s.now), s.window()), nil
}

func beganLate(s sight) (string, []string) {
	if !s.entered(InProgress) || !s.hasWindow() || !s.now.After(*s.ScheduledEnd) {
		return "", nil
	}
	return fmt.Sprintf("It began at %s, after its window (%s): those who were told of the window think that it is over.", FormatTime(s.now), s.window()), nil
}

func overrun(s sight) (string, []string) {
	over := s.running() || s.entered(Deployed) || s.entered(RolledBack) && s.latest.From == InProgress
	if !over || !s.hasWindow() || !s.now.After(*s.ScheduledEnd) {
		return "", nil
	}
	late := max(time.Minute, s.now.Sub(*s.ScheduledEnd).Round(time.Minute))
	if s.running() {
		return fmt.Sprintf("The window ended at %s, %s ago: tell people, or roll back.", FormatTime(*s.ScheduledEnd), spoken(late)), nil
	}
	return fmt.Sprintf("It ended %s after its window (%s): say in the log what took longer.", spoken(late), s.window()), nil
}

func openRollout(s sight) (string, []string) {
	open := openSteps(s.RolloutSteps)
	switch {
	case open == "":
	case s.running():
		return fmt.Sprintf("Not completed: rollout %s.", open), nil
	case s.entered(Deployed):
		return fmt.Sprintf("It was deployed with rollout %s not completed: say in the log what was done and what was left out.", open), nil
	}
	return "", nil
}

func openRollback(s sight) (string, []string) {
	open := openSteps(s.RollbackSteps)
	if !s.entered(RolledBack) || open == "" {
		return "", nil
	}
	return fmt.Sprintf("It was rolled back with rollback %s not completed: say in the log what was done, and by whom.", open), nil
}

func vagueReason(s sight) (string, []string) {
	if !s.entered(RolledBack) {
		return "", nil
	}
	var lacks []string
	if n := utf8.RuneCountInString(strings.TrimSpace(s.latest.Reason)); n < shortReason {
		lacks = append(lacks, fmt.Sprintf("has only %d characters", n))
	}
	if !hasFigure(s.latest.Reason) {
		lacks = append(lacks, "contains no number")
	}
	if len(lacks) == 0 {
		return "", nil
	}
	return fmt.Sprintf("The reason %s: write into the log what was seen, how much and since when; the review rests on it.", strings.Join(lacks, " and ")), nil
}

func cancelledSilently(s sight) (string, []string) {
	if !s.entered(Cancelled) || !glyph.Blank(s.latest.Note) {
		return "", nil
	}
	return "It was cancelled without a note: write into the log why.", nil
}

func fullLog(s sight) (string, []string) {
	switch {
	case s.notes < NotesNearlyFull:
		return "", nil
	case s.notes < MaxNotes:
		return fmt.Sprintf("The log has taken %d notes; beyond %d the oldest are removed. Copy what has to stay to another place.", s.notes, MaxNotes), nil
	}
	return fmt.Sprintf("The log has taken %d notes; only the newest %d are kept. Copy what has to stay to another place.", s.notes, MaxNotes), nil
}

// maxNamed bounds how many addresses one piece of advice names.
const maxNamed = 20

// unmailable names people to whom no mail can be sent, because their addresses were stored
// under looser rules. It is given in every live status, since mails go out in most of them.
func unmailable(s sight) (string, []string) {
	if !s.Live() {
		return "", nil
	}
	var named []string
	name := func(email, whose string) {
		if _, err := address.ASCII(email); email != "" && err != nil {
			named = append(named, fmt.Sprintf("%s (%s: %s)", glyph.Clean(email), whose, err))
		}
	}
	name(s.ReleaseManagerEmail, "releaseManagerEmail")
	for _, plan := range s.plans() {
		for _, step := range plan.steps {
			name(step.OwnerEmail, fmt.Sprintf("owner of %s step %d", plan.name, step.Order))
		}
	}
	if s.touched != nil {
		for _, email := range s.touched.Unmailable {
			name(email, "requester")
		}
	}
	if len(named) == 0 {
		return "", nil
	}
	detail := strings.Join(named[:min(maxNamed, len(named))], "; ")
	if more := len(named) - maxNamed; more > 0 {
		detail += fmt.Sprintf("; and %d more", more)
	}
	if s.touched != nil && s.touched.AtLeast {
		detail += fmt.Sprintf(" (of the first %d tasks)", MaxCounted)
	}
	return "No mail reaches " + detail + ". Enter addresses that can be mailed; until then, these people hear nothing.", nil
}

func hasFigure(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) }

// window is the release's window as part of a sentence.
func (r Release) window() string {
	return FormatTime(*r.ScheduledStart) + " to " + FormatTime(*r.ScheduledEnd)
}

func spoken(d time.Duration) string {
	if minutes := int(d.Minutes()); minutes != 1 {
		return fmt.Sprintf("%d minutes", minutes)
	}
	return "1 minute"
}

type namedPlan struct {
	name  PlanName
	steps []Step
}

func (p Plan) plans() []namedPlan {
	return []namedPlan{{RolloutPlan, p.RolloutSteps}, {RollbackPlan, p.RollbackSteps}}
}

// stepsWhere names the steps of both plans that a condition holds for.
func stepsWhere(p Plan, holds func(Step) bool) string {
	var named []string
	for _, plan := range p.plans() {
		if orders := ordersWhere(plan.steps, holds); orders != "" {
			named = append(named, fmt.Sprintf("%s %s", plan.name, orders))
		}
	}
	return strings.Join(named, " and ")
}

func openSteps(steps []Step) string {
	return ordersWhere(steps, func(s Step) bool { return !s.Completed })
}

// ordersWhere names steps, as "step 2" or "steps 1, 2".
func ordersWhere(steps []Step, holds func(Step) bool) string {
	var orders []string
	for _, s := range steps {
		if holds(s) {
			orders = append(orders, fmt.Sprint(s.Order))
		}
	}
	switch len(orders) {
	case 0:
		return ""
	case 1:
		return "step " + orders[0]
	}
	return "steps " + strings.Join(orders, ", ")
}
