package settle

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

const (
	// sweepGrace is how long something may be unfinished before the sweep looks at it.
	sweepGrace = 5 * time.Minute
	// sweepAtOnce is how many releases one run looks at; the oldest come first.
	sweepAtOnce = 50
)

// Sweep repairs, from the tables alone, what streams and callers left unfinished:
// creations and deletions that died half-way, settlements and announcements whose
// retries gave up.
type Sweep struct {
	Settler *Settler
	// Announce publishes one status change of a release and records that it did. The
	// function comes from whoever wires the sweep, which does not know the event bus.
	Announce func(ctx context.Context, r release.Release, epoch int) error
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

// Run is the handler of the schedule; its event says nothing.
func (s *Sweep) Run(ctx context.Context, _ json.RawMessage) (SweepReport, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	wait := s.Grace
	if wait == 0 {
		wait = sweepGrace
	}
	now := time.Now()
	return s.Before(ctx, now.Add(-wait), now)
}

// Before repairs what has been unfinished since before a moment. One release that
// cannot be repaired does not keep the others from it.
func (s *Sweep) Before(ctx context.Context, moment, now time.Time) (SweepReport, error) {
	var swept SweepReport
	ids, err := s.Settler.store.NeedingAttention(ctx, moment, sweepAtOnce)
	if err != nil {
		return swept, err
	}
	var failures []error
	for _, id := range ids {
		if ctx.Err() != nil {
			failures = append(failures, fmt.Errorf("settle: the sweep ran out of time after %d of %d releases: %w", swept.Looked, len(ids), ctx.Err()))
			break
		}
		swept.Looked++
		r, ok, err := s.Settler.store.SettlingRelease(ctx, id)
		if err == nil && !ok {
			continue // deleted meanwhile; the index lags
		}
		if err == nil {
			swept.OldestUnsettled = max(swept.OldestUnsettled, unsettledFor(r, now))
			err = s.repair(ctx, r, now)
		}
		if err != nil {
			swept.Failed++
			failures = append(failures, fmt.Errorf("%s: %w", id, err))
			slog.ErrorContext(ctx, "sweep: a release could not be repaired", "release", id, "error", err)
			continue
		}
		swept.Repaired++
	}
	// An alarm stands on oldestUnsettledSeconds: the line is there in every run.
	slog.InfoContext(ctx, "sweep: done", "looked", swept.Looked, "repaired", swept.Repaired, "failed", swept.Failed,
		"oldestUnsettledSeconds", swept.OldestUnsettled)
	return swept, errors.Join(failures...)
}

func unsettledFor(r dynamo.Settling, now time.Time) int {
	if r.Settling == nil || r.Finished {
		return 0
	}
	return max(0, int(now.Sub(r.Settling.Since).Seconds()))
}

// repair finishes everything that is unfinished on one release. What can be done is
// done, also where something else fails.
func (s *Sweep) repair(ctx context.Context, r dynamo.Settling, now time.Time) error {
	stamp := release.Stamp{At: now.UTC(), By: release.System, Request: "sweep-" + rand.Text()[:13]}
	store := s.Settler.store
	switch {
	case r.Deleting:
		slog.InfoContext(ctx, "sweep: going on with a deletion", "release", r.ID)
		if err := s.announce(ctx, r); err != nil {
			return err // with the release the passages that nobody was told of would be gone
		}
		return store.ResumeDeleting(ctx, r.ID, stamp)
	case len(r.Linking) > 0:
		slog.InfoContext(ctx, "sweep: going on with a creation", "release", r.ID, "toLink", len(r.Linking))
		_, err := store.FinishCreation(ctx, r.ID, stamp)
		if release.IsKind(err, release.KindConflict) || release.IsKind(err, release.KindInvalid) {
			slog.WarnContext(ctx, "sweep: a creation could not be completed and was ended", "release", r.ID, "error", err)
			return nil
		}
		return err
	}
	return errors.Join(s.settle(ctx, r), s.announce(ctx, r), store.ClearAttention(ctx, r.ID))
}

// settle does inline what the two consumers would have done.
func (s *Sweep) settle(ctx context.Context, r dynamo.Settling) error {
	if r.Settling == nil || r.Finished {
		return nil
	}
	if len(r.Settling.Unsettled) == 0 {
		return s.Settler.store.EndSettlement(ctx, r.ID, s.Settler.now())
	}
	slog.InfoContext(ctx, "sweep: going on with a settlement", "release", r.ID, "epoch", r.Settling.Epoch, "unsettled", len(r.Settling.Unsettled))
	return s.Settler.followRelease(ctx, r, func(c release.Change) error {
		if hasNoTasksToTell(r, c) {
			return s.Settler.store.ChangeIsThrough(ctx, r.ID, r.Settling.Epoch, c.ID, 0, s.Settler.now())
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
