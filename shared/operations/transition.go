package operations

import (
	"context"
	"slices"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// TransitionInput moves a release; RollbackReason goes with rolled-back and no other.
type TransitionInput struct {
	Status         string `json:"status" doc:"The status to enter."`
	Note           string `json:"note" doc:"A remark for the log; for cancelled, why."`
	RollbackReason string `json:"rollback_reason" doc:"Why it is rolled back: required with 'rolled-back' and refused with any other status. Requesters read it."`
	DecodeErrors
}

// MovedRelease is a release after a transition.
type MovedRelease struct {
	ReleaseView
	Advice []release.AdviceRow `json:"advice" doc:"What is worth a second look, in what was done and in what comes next; none of it blocks."`
}

func viewMoved(m dynamo.Moved) MovedRelease {
	return MovedRelease{viewRelease(m.Release), m.Release.AdviceOnMove(m.Outside, m.Notes)}
}

// TransitionRelease moves a release to its next status.
func (o *Operations) TransitionRelease(ctx context.Context, id string, in TransitionInput, pre Precondition) (MovedRelease, error) {
	who, err := allow(ctx, TransitionRelease)
	if err != nil {
		return MovedRelease{}, err
	}
	if err := identified("release", id); err != nil {
		return MovedRelease{}, err
	}
	to, _ := release.ParseStatus(in.Status)
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInReleases, viewMoved, err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewMoved, func(w dynamo.Write) (dynamo.Moved, error) {
		return o.store.Transition(ctx, id, release.TransitionRequest{To: to, Note: in.Note, Reason: in.RollbackReason}, w)
	})
}

func (in TransitionInput) check(f *release.ValidationErrors) {
	release.OneOf(f, "status", in.Status, release.Statuses, true)
	f.Prose("note", in.Note, 0, release.MaxText)
	to, known := release.ParseStatus(in.Status)
	t, _ := release.TransitionTo(to)
	if !known && in.Status != "" {
		return // what else is required depends on the status
	}
	least := 0
	if slices.Contains(t.Guards, release.GuardReason) {
		least = 1
	} else if in.RollbackReason != "" {
		f.Add("rollback_reason", "goes with the status rolled-back only; put other remarks into note")
		return
	}
	f.Prose("rollback_reason", in.RollbackReason, least, release.MaxText)
}
