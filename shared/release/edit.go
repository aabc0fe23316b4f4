package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// PlanName names one of the two plans of a release.
type PlanName string

// The plans.
const (
	RolloutPlan  PlanName = "rollout"
	RollbackPlan PlanName = "rollback"
)

// ParsePlanName matches a plan's name without regard to case.
func ParsePlanName(s string) (PlanName, bool) {
	return parseEnum(s, []PlanName{RolloutPlan, RollbackPlan})
}

// CompletableIn says in which statuses the steps of a plan can be completed.
var CompletableIn = map[PlanName][]Status{
	RolloutPlan:  {Scheduled, InProgress},
	RollbackPlan: {Scheduled, InProgress, Deployed},
}

// Edit returns the release with another plan; asked names the fields that the caller
// sent. A step keeps its completion by its order. moved tells that the window of a
// scheduled release moved, so that those who were informed must be informed again.
func (r Release) Edit(p Plan, asked []string, at time.Time) (after Release, moved bool, err error) {
	var frozen []string
	can := editable(r.Status)
	for _, field := range asked {
		if !slices.Contains(can, field) {
			frozen = append(frozen, field)
		}
	}
	if len(frozen) > 0 {
		e := r.Conflict("field-frozen", "%s is %s: %s can no longer change; %s",
			r.ID, r.Status, strings.Join(frozen, ", "), EditableSentence(r.Status))
		for _, field := range frozen {
			e.Fields = append(e.Fields, FieldError{Field: field, Message: "cannot change while the release is " + string(r.Status)})
		}
		return r, false, e
	}
	var f ValidationErrors
	p = p.Normalise()
	p.RolloutSteps = keepCompletion(&f, "rolloutSteps", r.RolloutSteps, p.RolloutSteps)
	p.RollbackSteps = keepCompletion(&f, "rollbackSteps", r.RollbackSteps, p.RollbackSteps)
	p.CheckEdit(&f, r.Plan)
	if r.Status == Scheduled && (p.ScheduledStart == nil || p.ScheduledEnd == nil) {
		f.Add("scheduledStart", "and scheduledEnd cannot be removed while the release is scheduled; move them instead")
	}
	if err := f.Err(); err != nil {
		return r, false, err
	}
	moved = r.Status == Scheduled && (!p.ScheduledStart.Equal(*r.ScheduledStart) || !p.ScheduledEnd.Equal(*r.ScheduledEnd))
	r.Plan = p
	r.Revision++
	r.UpdatedAt = at.UTC().Truncate(time.Second)
	if moved {
		r.WindowVersion++
	}
	return r, moved, nil
}

func keepCompletion(f *ValidationErrors, field string, was, is []Step) []Step {
	for i, s := range is {
		n := slices.IndexFunc(was, func(w Step) bool { return w.Order == s.Order })
		done := n >= 0 && was[n].Completed
		if s.Completed && !done {
			f.AddFor("complete-step", fmt.Sprintf("%s[%d].completed", field, i), "cannot be set here")
		}
		is[i].Completed, is[i].CompletedBy, is[i].CompletedAt = false, "", nil
		if done {
			is[i].Completed, is[i].CompletedBy, is[i].CompletedAt = true, was[n].CompletedBy, was[n].CompletedAt
		}
	}
	return is
}

// EditText words an edit for the deployment log: the fields that were sent, and the
// window where it moved.
func EditText(before, after Plan, asked []string, moved bool) string {
	if !moved {
		return "Changed " + strings.Join(asked, ", ")
	}
	text := fmt.Sprintf("Window moved from %s – %s to %s – %s", FormatTime(*before.ScheduledStart), FormatTime(*before.ScheduledEnd),
		FormatTime(*after.ScheduledStart), FormatTime(*after.ScheduledEnd))
	others := slices.DeleteFunc(slices.Clone(asked), func(f string) bool { return f == "scheduledStart" || f == "scheduledEnd" })
	if len(others) > 0 {
		text += "\nChanged " + strings.Join(others, ", ")
	}
	return text
}

// Complete returns the release with a step completed, or open again, and the entry for
// the log. An unchanged revision means that the step already was so. Who may do it is
// checked by the operation.
func (r Release) Complete(plan PlanName, order int, completed bool, stamp Stamp) (Release, LogEntry, error) {
	step, steps, err := r.step(plan, order)
	if err != nil {
		return r, LogEntry{}, err
	}
	if !slices.Contains(CompletableIn[plan], r.Status) {
		return r, LogEntry{}, r.Conflict("steps-closed", "%s is %s: steps of the %s plan can be completed while it is %s.",
			r.ID, r.Status, plan, Join(CompletableIn[plan]))
	}
	if step.Completed == completed {
		return r, LogEntry{}, nil
	}
	at := stamp.At.UTC().Truncate(time.Second)
	verb := "reopened"
	step.Completed, step.CompletedBy, step.CompletedAt = completed, "", nil
	if completed {
		verb = "completed"
		step.CompletedBy, step.CompletedAt = stamp.By.Author(), &at
	}
	*steps = slices.Clone(*steps)
	(*steps)[slices.IndexFunc(*steps, func(s Step) bool { return s.Order == order })] = step
	r.Revision++
	r.UpdatedAt = at
	entry := EntryBy(LogStep, fmt.Sprintf("%s step %d %s: %s", plan, order, verb, step.Description), stamp)
	entry.Step = &StepCompletion{Plan: plan, Order: order, Completed: completed}
	return r, entry, nil
}

// Uncompleted returns steps as they were planned, without how far they have come.
func Uncompleted(steps []Step) []Step {
	plain := make([]Step, len(steps))
	for n, s := range steps {
		plain[n] = Step{Order: s.Order, Description: s.Description, OwnerEmail: s.OwnerEmail, EstimatedMinutes: s.EstimatedMinutes}
	}
	return plain
}

// StepOwner returns the e-mail address of a step's owner; empty where nobody owns it.
func (r Release) StepOwner(plan PlanName, order int) (string, error) {
	s, _, err := r.step(plan, order)
	return s.OwnerEmail, err
}

func (r *Release) step(plan PlanName, order int) (Step, *[]Step, error) {
	steps := &r.RolloutSteps
	if plan == RollbackPlan {
		steps = &r.RollbackSteps
	}
	i := slices.IndexFunc(*steps, func(s Step) bool { return s.Order == order })
	if i < 0 {
		return Step{}, nil, NotFound(string(plan)+" step", fmt.Sprintf("%d in %s", order, r.ID))
	}
	return (*steps)[i], steps, nil
}
