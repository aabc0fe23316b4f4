package operations

import (
	"context"
	"slices"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// TransitionInput moves a release; RollbackReason goes with rolled-back and no other.
type TransitionInput struct {
	Status         string `json:"status"`
	Note           string `json:"note"`
	RollbackReason string `json:"rollback_reason"`
	DecodeErrors
}

// TransitionRelease moves a release to its next status.
func (o *Operations) TransitionRelease(ctx context.Context, id string, in TransitionInput, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, TransitionRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	var f release.ValidationErrors
	to, known := release.ParseStatus(in.Status)
	if !known {
		f.Add("status", "is required, one of %s", release.Join(release.Statuses))
	}
	f.Prose("note", in.Note, 0, release.MaxText)
	switch t, _ := release.TransitionTo(to); {
	case slices.Contains(t.Guards, release.GuardReason):
		f.Prose("rollback_reason", in.RollbackReason, 1, release.MaxText)
	case in.RollbackReason != "":
		f.Add("rollback_reason", "goes with the status rolled-back only; put other remarks into note")
	}
	if err := in.err(f); err != nil {
		return refused(ctx, o, pre, o.store.RecordInReleases, viewRelease, err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewRelease, func(w dynamo.Write) (release.Release, error) {
		return o.store.Transition(ctx, id, release.TransitionRequest{To: to, Note: in.Note, Reason: in.RollbackReason}, w)
	})
}
