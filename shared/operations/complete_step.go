package operations

import (
	"context"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// CompleteStepInput says whether a step is done.
type CompleteStepInput struct {
	Completed *bool `json:"completed" doc:"Whether it is done."`
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
	if err := in.invalid(in); err != nil {
		return ReleaseView{}, err
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewRelease, func(w dynamo.Write) (release.Release, error) {
		return o.store.UpdateRelease(ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
			owner, err := r.StepOwner(name, order)
			if err != nil {
				return r, release.LogEntry{}, err
			}
			if who.Role < release.Admin && !who.Owns(owner) {
				return r, release.LogEntry{}, notTheOwner(owner)
			}
			return r.Complete(name, order, *in.Completed, w.Stamp)
		}, w)
	})
}

func (in CompleteStepInput) check(f *release.ValidationErrors) {
	if in.Completed == nil {
		f.Add("completed", "is required: true or false")
	}
}

func notTheOwner(owner string) error {
	if owner == "" {
		return release.Fail(release.KindForbidden, "not-step-owner",
			"Nobody owns this step, so only an Admin can complete it.")
	}
	return release.Fail(release.KindForbidden, "not-step-owner",
		"Only the step's owner or an Admin can complete it, and your token does not carry the owner's verified e-mail address.")
}
