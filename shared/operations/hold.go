package operations

import (
	"context"

	"example.com/releases/shared/release"
)

// A hold is placed by a note of the deployment log that says why: AppendLogInput.Hold. Here it
// is lifted.

// LiftHoldInput names whose hold is lifted; empty means the caller's.
type LiftHoldInput struct {
	Holder string `json:"holder" doc:"The 'subject' of whoever placed the hold, as the release shows it under 'holds'; left out, the caller's own. Only an Admin lifts another's."`
	DecodeErrors
}

func (in LiftHoldInput) check(f *release.ValidationErrors) {
	f.Line("holder", in.Holder, 0, release.MaxSubject)
}

// LiftHold lifts a hold: an Auditor their own, an Admin any. It is logged. Where there is no
// such hold, it does nothing.
func (o *Operations) LiftHold(ctx context.Context, id string, in LiftHoldInput, pre Precondition) error {
	who, err := allow(ctx, LiftHold)
	if err != nil {
		return err
	}
	if err := identified("release", id); err != nil {
		return err
	}
	if err := in.invalid(in); err != nil {
		return err
	}
	holder := in.Holder
	if holder == "" {
		holder = who.Subject
	}
	if holder != who.Subject && who.Role < release.Admin {
		return release.Fail(release.KindForbidden, "not-hold-owner", "Only whoever placed a hold, or an Admin, can lift it.")
	}
	return o.store.LiftHold(ctx, id, holder, o.write(who, pre))
}
