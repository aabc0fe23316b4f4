package operations

import (
	"context"
	"slices"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// UpdateRelease applies a JSON merge patch to the editable fields of a release. Moving
// the window of a scheduled release is logged, and those who were told are told again.
func (o *Operations) UpdateRelease(ctx context.Context, id string, body []byte, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, UpdateRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return ReleaseView{}, err
	}
	w := o.write(who, pre)
	r, err := o.store.UpdateRelease(ctx, id, func(r release.Release) (release.Release, string, error) {
		in, asked, wrong, err := patched[NewPlan](r.Plan, patch, besideRelease)
		if err != nil {
			return r, "", err
		}
		plan := in.Plan
		plan.Public = in.Public == nil || *in.Public
		after, moved, err := r.Edit(plan, asked, w.At)
		switch err := wrong.and(err); {
		case err != nil:
			return r, "", err
		case len(asked) == 0:
			return r, "", nil
		case !moved:
			return after, "", nil
		}
		return after, release.MovedText(r.Plan, after.Plan), nil
	}, w)
	return viewRelease(r), err
}

// CompleteStepInput says whether a step is done.
type CompleteStepInput struct {
	Completed *bool `json:"completed"`
	DecodeErrors
}

// CompleteStep completes a step of a plan, or opens it again: an Auditor their own
// steps, an Admin any. It is logged.
func (o *Operations) CompleteStep(ctx context.Context, id, plan string, order int, in CompleteStepInput, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, CompleteStep)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	name, known := release.ParsePlanName(plan)
	if !known {
		return ReleaseView{}, release.NotFound("plan", shorten(plan)+" (there are rollout and rollback)")
	}
	var f release.ValidationErrors
	if in.Completed == nil {
		f.Add("completed", "is required: true or false")
	}
	if err := in.err(f); err != nil {
		return ReleaseView{}, err
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewRelease, func(w dynamo.Write) (release.Release, error) {
		return o.store.UpdateRelease(ctx, id, func(r release.Release) (release.Release, string, error) {
			owner, err := r.StepOwner(name, order)
			if err != nil {
				return r, "", err
			}
			if who.Role < release.Admin && !who.Owns(owner) {
				return r, "", notTheOwner(owner)
			}
			return r.Complete(name, order, *in.Completed, w.Stamp)
		}, w)
	})
}

func notTheOwner(owner string) error {
	if owner == "" {
		return release.Fail(release.KindForbidden, "not-step-owner",
			"Nobody owns this step, so only an Admin can complete it.")
	}
	return release.Fail(release.KindForbidden, "not-step-owner",
		"Only the step's owner or an Admin can complete it, and your token does not carry the owner's verified e-mail address.")
}

// LogPage is one page of the deployment log, newest first.
type LogPage struct {
	Entries    []release.LogEntry `json:"entries"`
	NextCursor string             `json:"nextCursor,omitempty"`
}

// ListLog returns a page of the deployment log, newest first.
func (o *Operations) ListLog(ctx context.Context, id string, in Paging) (LogPage, error) {
	if _, err := allow(ctx, ListLog); err != nil {
		return LogPage{}, err
	}
	if err := identified("release", id); err != nil {
		return LogPage{}, err
	}
	var f release.ValidationErrors
	limit := in.check(&f)
	if err := in.err(f); err != nil {
		return LogPage{}, err
	}
	entries, next, err := o.store.LogPage(ctx, id, limit, in.Cursor)
	return LogPage{Entries: entries, NextCursor: next}, err
}

// UpdateChange applies a JSON merge patch to the editable fields of a change request.
func (o *Operations) UpdateChange(ctx context.Context, id string, body []byte, pre Precondition) (ChangeView, error) {
	who, err := allow(ctx, UpdateChange)
	if err != nil {
		return ChangeView{}, err
	}
	if err := identified("change request", id); err != nil {
		return ChangeView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return ChangeView{}, err
	}
	c, err := o.store.UpdateChange(ctx, id, func(c release.Change) (release.Change, error) {
		plan, _, wrong, err := patched[release.ChangePlan](c.ChangePlan, patch, besideChange)
		if err != nil {
			return c, err
		}
		plan = plan.Normalise()
		var f release.ValidationErrors
		plan.CheckEdit(&f, c.ChangePlan)
		c.ChangePlan = plan
		return c, wrong.err(f)
	}, o.write(who, pre))
	return viewChange(c), err
}

// UpdateTask applies a JSON merge patch to a task. Moving it to another change request
// is refused while the release that resolved it is deployed.
func (o *Operations) UpdateTask(ctx context.Context, id string, body []byte, pre Precondition) (TaskView, error) {
	who, err := allow(ctx, UpdateTask)
	if err != nil {
		return TaskView{}, err
	}
	if err := identified("task", id); err != nil {
		return TaskView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return TaskView{}, err
	}
	w := o.write(who, pre)
	t, err := o.store.UpdateTask(ctx, id, func(t release.Task) (release.Task, error) {
		plan, _, wrong, err := patched[release.TaskPlan](t.TaskPlan, patch, besideTask)
		if err != nil {
			return t, err
		}
		after, err := editTask(t, plan, w.At)
		return after, wrong.and(err)
	}, w)
	return viewTask(t), err
}

func editTask(t release.Task, plan release.TaskPlan, at time.Time) (release.Task, error) {
	var f release.ValidationErrors
	if plan.CIIDs == nil {
		plan.CIIDs = []string{}
	}
	plan.CheckEdit(&f, t.TaskPlan)
	status, known := release.ParseTaskStatus(string(plan.Status))
	if !known {
		f.Add("status", "must be one of %s", list(release.TaskStatuses))
	}
	if err := f.Err(); err != nil {
		return t, err
	}
	plan.Status = t.Status
	t.TaskPlan = plan
	return t.SetStatus(status, at), nil
}

// CheckReadiness tells what each next status of a release demands, whether it holds,
// what is worth a second look, and whom a deployment or rollback would reach.
func (o *Operations) CheckReadiness(ctx context.Context, id string) (release.Readiness, error) {
	if _, err := allow(ctx, CheckReadiness); err != nil {
		return release.Readiness{}, err
	}
	if err := identified("release", id); err != nil {
		return release.Readiness{}, err
	}
	whole, err := o.store.ReleaseWithLinks(ctx, id)
	if err != nil {
		return release.Readiness{}, err
	}
	r := whole.Release
	var touched *release.Touched
	next := release.AllowedNext(r.Status)
	// Counted where it is about to happen, and looked at from when people are told of it.
	if slices.ContainsFunc(next, func(s release.Status) bool {
		return s == release.InProgress || s == release.Deployed || s == release.RolledBack
	}) {
		reached, err := o.store.CountReached(ctx, r.ChangeIDs)
		if err != nil {
			return release.Readiness{}, err
		}
		touched = &reached
	}
	return r.CheckReadiness(whole.Links, o.now().UTC(), touched), nil
}
