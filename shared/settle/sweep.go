package settle

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

const (
	// sweepGrace is how long something may be unfinished before the sweep looks at it: the
	// streams, with their retries, normally take seconds, and two that repair the same thing
	// only cost each other conflicts.
	sweepGrace = 5 * time.Minute
	// sweepPage is how many releases a run asks the index for at once, sweepAtOnce how many
	// it repairs at once: a run goes on until none is left.
	sweepPage   = 100
	sweepAtOnce = 8
	// sweepEach is how much of a run's five minutes one release may take.
	sweepEach = time.Minute
	// maxNamedFailures bounds how many failures the error of a run names; each has a log line.
	maxNamedFailures = 10
)

// Sweep repairs, from the tables alone, what streams and callers left unfinished:
// creations and deletions that were interrupted, settlements and announcements whose
// retries were exhausted.
type Sweep struct {
	Settler *Settler
	// Announce publishes one transition of a release and records that it did. It is a
	// function because this package must not know the event bus.
	Announce func(ctx context.Context, r release.Release, epoch int) error
	// Wake opens the job for changes that announce has missed, likewise.
	Wake func(ctx context.Context, r dynamo.Settling) error
	// Grace overrides how long something may be unfinished; 0 is five minutes.
	Grace time.Duration
}

// SweepReport tells what a run of the sweep did.
type SweepReport struct {
	Looked   int `json:"looked"`
	Repaired int `json:"repaired"`
	Failed   int `json:"failed"`
	// OldestUnsettled is the age of the oldest settlement that was found unfinished, in
	// seconds.
	OldestUnsettled int `json:"oldestUnsettledSeconds"`
}

// Run is the handler of the schedule; it ignores the event.
func (s *Sweep) Run(ctx context.Context, _ json.RawMessage) (SweepReport, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	wait := s.Grace
	if wait == 0 {
		wait = sweepGrace
	}
	now := time.Now()
	report, err := s.Before(ctx, now.Add(-wait), now)
	if ctx.Err() == nil { // otherwise there is no time left
		err = errors.Join(err, s.KeepForPublic(ctx, now))
	}
	return report, err
}

const (
	// publicFor is how far back the public page looks, publicPerRun how many releases of
	// those that it shows one run writes to.
	publicFor    = 90 * 24 * time.Hour
	publicPerRun = 50
)

// KeepForPublic writes down when the releases on the public page were scheduled and
// cancelled, for those of an earlier version, which did not. It reads what the page
// reads; an upgrade later, with the index before this one, it goes.
func (s *Sweep) KeepForPublic(ctx context.Context, now time.Time) error {
	all, err := s.Settler.store.Published(ctx, now, now.Add(-publicFor))
	written := 0
	for _, p := range all {
		if ctx.Err() != nil || written == publicPerRun {
			break
		}
		_, scheduled := p.When(release.Scheduled)
		_, cancelled := p.When(release.Cancelled)
		if scheduled && cancelled == (p.Status == release.Cancelled) {
			continue
		}
		written++
		err = errors.Join(err, s.Settler.store.KeepForPublic(ctx, p.ID))
	}
	return err
}

// Before repairs what has been unfinished since before cutoff, the oldest first, while
// there is time. A release that cannot be repaired does not keep others from being
// repaired: it gets a share of the time only, and is then put behind the others.
func (s *Sweep) Before(ctx context.Context, cutoff, now time.Time) (SweepReport, error) {
	r := run{Sweep: s, now: now}
	err := s.Settler.store.NeedingAttention(ctx, cutoff, sweepPage, func(page []dynamo.Unfinished) bool {
		var group errgroup.Group
		group.SetLimit(sweepAtOnce)
		for _, u := range page {
			group.Go(func() error {
				r.look(ctx, u)
				return nil
			})
		}
		_ = group.Wait() // nothing above returns an error: they are in the report
		return ctx.Err() == nil
	})
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("settle: the sweep ran out of time after %d releases: %w", r.report.Looked, context.Cause(ctx))
	}
	if r.report.Looked == 0 && err != nil {
		return r.report, err // nothing was read, so there is nothing to report
	}
	// An alarm uses oldestUnsettledSeconds, so every run writes this line.
	slog.InfoContext(ctx, "sweep: done", "looked", r.report.Looked, "repaired", r.report.Repaired, "failed", r.report.Failed,
		"oldestUnsettledSeconds", r.report.OldestUnsettled)
	return r.report, errors.Join(append(r.failures, err)...)
}

// run is one run of the sweep, with its report.
type run struct {
	*Sweep
	now time.Time

	mu       sync.Mutex
	report   SweepReport
	failures []error
}

// look repairs one release, and postpones it where that fails.
func (r *run) look(ctx context.Context, u dynamo.Unfinished) {
	if ctx.Err() != nil {
		return
	}
	within, cancel := context.WithTimeout(ctx, sweepEach)
	defer cancel()
	found, ok, err := r.Settler.store.SettlingRelease(within, u.ID)
	if err == nil && ok {
		err = r.repair(within, found, r.now)
	}
	if err != nil {
		slog.ErrorContext(ctx, "sweep: a release could not be repaired", "release", u.ID, "error", err)
		err = errors.Join(fmt.Errorf("%s: %w", u.ID, err), r.Settler.store.Postpone(ctx, u, r.now))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Looked++
	switch {
	case err != nil:
		r.report.Failed++
		if len(r.failures) < maxNamedFailures {
			r.failures = append(r.failures, err)
		}
	case ok: // otherwise it was deleted meanwhile; the index lags
		r.report.Repaired++
	}
	if ok {
		r.report.OldestUnsettled = max(r.report.OldestUnsettled, unsettledFor(found, r.now))
	}
}

func unsettledFor(r dynamo.Settling, now time.Time) int {
	if r.Settling == nil || r.Finished {
		return 0
	}
	return max(0, int(now.Sub(r.Settling.Since).Seconds()))
}

// repair finishes everything that is unfinished on one release, as far as possible: one
// failure does not keep it from the rest.
func (s *Sweep) repair(ctx context.Context, r dynamo.Settling, now time.Time) error {
	stamp := release.Stamp{At: now.UTC(), By: release.System, Request: "sweep-" + rand.Text()[:13]}
	store := s.Settler.store
	switch {
	case r.Deleting:
		slog.InfoContext(ctx, "sweep: continuing a deletion", "release", r.ID)
		if err := s.announce(ctx, r); err != nil {
			return err // a deleted release could not be announced any more
		}
		return store.ResumeDeleting(ctx, r.ID, stamp)
	case len(r.Linking) > 0:
		slog.InfoContext(ctx, "sweep: continuing a creation", "release", r.ID, "toLink", len(r.Linking))
		_, err := store.FinishCreation(ctx, r.ID, stamp)
		if release.IsKind(err, release.KindConflict) || release.IsKind(err, release.KindInvalid) {
			slog.WarnContext(ctx, "sweep: a creation could not be completed and was ended", "release", r.ID, "error", err)
			return nil
		}
		return err
	}
	return errors.Join(s.settle(ctx, r), s.announce(ctx, r), s.wake(ctx, r), store.ClearAttention(ctx, r.ID))
}

// settle does inline what the two consumers would have done.
func (s *Sweep) settle(ctx context.Context, r dynamo.Settling) error {
	if r.Settling == nil || r.Finished {
		return nil
	}
	if len(r.Settling.Unsettled) == 0 {
		return s.Settler.store.EndSettlement(ctx, r.ID, s.Settler.now())
	}
	slog.InfoContext(ctx, "sweep: continuing a settlement", "release", r.ID, "epoch", r.Settling.Epoch, "unsettled", len(r.Settling.Unsettled))
	return s.Settler.followRelease(ctx, r, func(c release.Change) error {
		if settlesNoTasks(r, c) {
			return s.Settler.store.ChangeIsThrough(ctx, r.ID, r.Settling.Epoch, c.ID, dynamo.Followed{}, s.Settler.now())
		}
		return s.Settler.followChange(ctx, c, r.ID)
	})
}

func (s *Sweep) announce(ctx context.Context, r dynamo.Settling) error {
	for epoch := r.Announced + 1; epoch <= r.Epoch(); epoch++ {
		slog.InfoContext(ctx, "sweep: announcing a status change", "release", r.ID, "epoch", epoch)
		if err := s.Announce(ctx, r.Release, epoch); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweep) wake(ctx context.Context, r dynamo.Settling) error {
	if r.Wake == r.Woken || r.Status != release.Scheduled {
		return nil
	}
	slog.InfoContext(ctx, "sweep: opening the job for a change that announce has missed", "release", r.ID)
	return s.Wake(ctx, r)
}
