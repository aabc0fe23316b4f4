package mcptools

import (
	"context"
	"encoding/json"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The tools for those who plan a release or carry out its steps; the core set reads, logs
// and makes transitions.

type (
	updateArgs struct {
		ID string `json:"id"`
		operations.NewPlan
		IfRevision *int `json:"ifRevision"`
	}
	addChangesArgs struct {
		ID string `json:"id"`
		operations.AddChangesInput
		IfRevision *int   `json:"ifRevision"`
		Key        string `json:"idempotencyKey"`
	}
	stepArgs struct {
		ID    string `json:"id"`
		Plan  string `json:"plan"`
		Order *int   `json:"order"`
		operations.CompleteStepInput
		IfRevision *int   `json:"ifRevision"`
		Key        string `json:"idempotencyKey"`
	}
)

// updateRelease takes the arguments about the call itself out; the others are the patch.
func updateRelease(ctx context.Context, _ tool, ops *operations.Operations, args []byte) (any, error) {
	var in struct {
		ID         string
		IfRevision *int
	}
	var patch map[string]json.RawMessage
	if err := operations.WellFormed(args); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(args, &patch); err != nil {
		return nil, err
	}
	var f release.ValidationErrors
	if json.Unmarshal(patch["id"], &in.ID) != nil && patch["id"] != nil {
		f.Add("id", "must be a text")
	} else {
		checkID(&f, in.ID)
	}
	if json.Unmarshal(patch["ifRevision"], &in.IfRevision) != nil && patch["ifRevision"] != nil {
		f.Add("ifRevision", "must be a whole number")
	}
	pre := operations.Precondition{IfRevision: revision(&f, in.IfRevision)}
	delete(patch, "id")
	delete(patch, "ifRevision")
	if len(patch) == 0 {
		f.Add("name", "or any other field of the plan is needed: there is nothing to change")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return ops.UpdateRelease(ctx, in.ID, encode(patch), pre)
}

func addChanges(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[addChangesArgs](args)
	if err != nil {
		return nil, err
	}
	pre, err := guarded(ctx, t, in.ID, in.Key, in.IfRevision, in.AddChangesInput)
	if err != nil {
		return nil, err
	}
	return ops.AddChanges(ctx, in.ID, in.AddChangesInput, pre)
}

func listChanges(ctx context.Context, _ tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[operations.ListChangesInput](args)
	if err != nil {
		return nil, err
	}
	return ops.ListChanges(ctx, in)
}

func completeStep(ctx context.Context, t tool, ops *operations.Operations, args []byte) (any, error) {
	in, err := operations.Decode[stepArgs](args)
	if err != nil {
		return nil, err
	}
	var f release.ValidationErrors
	checkID(&f, in.ID)
	release.OneOf(&f, "plan", in.Plan, []release.PlanName{release.RolloutPlan, release.RollbackPlan}, true)
	order := 0
	if in.Order == nil {
		f.Add("order", "is required: the step's order in its plan, as get_release shows it")
	} else {
		order = *in.Order
	}
	pre := precondition(ctx, &f, t, in.ID, in.Key, struct {
		Plan  string
		Order int
		operations.CompleteStepInput
	}{in.Plan, order, in.CompleteStepInput})
	pre.IfRevision = revision(&f, in.IfRevision)
	if err := in.With(f); err != nil {
		return nil, err
	}
	return ops.CompleteStep(ctx, in.ID, in.Plan, order, in.CompleteStepInput, pre)
}
