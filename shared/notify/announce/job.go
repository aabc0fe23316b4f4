package announce

import (
	"context"
	"log/slog"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/figures"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// openJobs stores the jobs, in the Mail table, by which people are told of transitions: of
// a window when it is due, of a cancellation at once, of a deployment or a rollback once it
// is settled. A job that affects nobody costs its planner one read.
func (a *Announcer) openJobs(ctx context.Context, r release.Release, entered []release.HistoryEntry) error {
	for _, p := range entered {
		var err error
		switch p.To {
		case release.Scheduled:
			err = a.armTimer(ctx, r)
		case release.Cancelled:
			if r.WindowVersion > 0 { // only then anybody can have been told
				err = a.store.OpenJob(ctx, mail.WindowJob(r.ID), a.now())
			}
		case release.Deployed, release.RolledBack:
			if len(r.ChangeIDs) > 0 {
				err = a.store.AwaitSettlement(ctx, mail.SettlementJob(r.ID, p.Epoch), a.now())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// armTimer has the job of a release wait until the next look at it, or makes it due at once.
func (a *Announcer) armTimer(ctx context.Context, r release.Release) error {
	now := a.now()
	at := mail.NextLook(r, now)
	switch {
	case at.IsZero():
		return nil // its status has changed since, and people are told of that
	case mail.Due(r, now), len(mail.Team(r)) > 0:
		at = now // those who work on it learn of the window at once
	}
	return a.store.ArmJob(ctx, mail.WindowJob(r.ID), at, now)
}

// Wake opens the job of a release with changes that people may have to be told of and that
// were missed, and records that it did. It is how the sweep repairs what the stream gave up
// on.
func (a *Announcer) Wake(ctx context.Context, r dynamo.Settling) error {
	if err := a.store.OpenJob(ctx, mail.WindowJob(r.ID), a.now()); err != nil {
		return err
	}
	return a.store.MarkWoken(ctx, r.ID, r.Wake)
}

// wake opens the job for a write that is not a transition: the end of a settlement, another
// window, another scope, another decision of the CAB.
func (a *Announcer) wake(ctx context.Context, r dynamo.Settling, w wakeUp, record dynamo.StreamRecord) error {
	complete := w.op == dynamo.OpSettled && r.Finished && r.Settling != nil
	if complete && w.settledEpoch == r.Settling.Epoch {
		// From the transition to the write that found everything settled; the record comes for that write.
		entry := r.History[r.Settling.Epoch-1]
		slog.InfoContext(ctx, "announce: a settlement is complete", "release", r.ID,
			figures.Seconds("SettlementSeconds", max(0, record.At.Sub(entry.At)), "Outcome", string(entry.To)))
	}
	switch {
	case complete && r.Status != release.Cancelled && len(r.ChangeIDs) > 0:
		return a.store.OpenSettlement(ctx, mail.SettlementJob(r.ID, r.Settling.Epoch), a.now())
	case r.Wake != r.Woken && r.Status == release.Scheduled:
		return a.Wake(ctx, r)
	// Records of an earlier version, whose writes did not count.
	case r.Wake == 0 && (w.op == dynamo.OpLink || w.op == dynamo.OpDecide || w.op == dynamo.OpPatch && w.windowMoved) && r.Status == release.Scheduled:
		return a.store.OpenJob(ctx, mail.WindowJob(r.ID), a.now())
	}
	return nil
}
