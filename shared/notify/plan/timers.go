package plan

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/stream"
)

// Input is the event, all of it optional; an empty one means that every scheduled release is
// checked.
type Input struct {
	// DueOnly checks only releases whose timer is due. The schedule sets it.
	DueOnly bool `json:"sparing"`
	// Resend was an operator's way to send unknown mails again. It is only read to say where
	// that is done now.
	Resend []string `json:"resend"`
}

// Report says what a scheduled run found and did.
type Report struct {
	Opened int `json:"opened"` // jobs that were due or asked for
	Armed  int `json:"armed,omitempty"`
	// Overdue counts open jobs that nobody finished in time; nil where the run could not read
	// all of them. An alarm watches it.
	Overdue *int `json:"overdue,omitempty"`
}

const (
	// armAtOnce is how many scheduled releases one run checks for a missing timer.
	armAtOnce = 500
	// armFor is how long after the first run releases are still checked: while this version is
	// deployed, an earlier one may still schedule a release without a timer.
	armFor = 48 * time.Hour
)

// Run is the handler of the schedule: it opens the jobs that are due. The cost of a run
// depends on what is due, not on how many releases are scheduled. One release that fails
// does not hold up the others.
func (p *Planner) Run(ctx context.Context, event json.RawMessage) (Report, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	var in Input
	_ = json.Unmarshal(event, &in) // an event that cannot be read asks for everything
	var report Report
	var failures []error
	if len(in.Resend) > 0 {
		failures = append(failures, errors.New("plan: mails are sent again by tend-outbox; invoke that with resend"))
	}
	failures = append(failures, p.openDue(ctx, &report))
	if in.DueOnly {
		failures = append(failures, p.arm(ctx, &report))
	} else {
		failures = append(failures, p.openAll(ctx, &report))
	}
	line := []any{"opened", report.Opened, "armed", report.Armed}
	if report.Overdue != nil {
		line = append(line, "overdue", *report.Overdue) // left out where it was not read, so that no alarm takes it for zero
	}
	slog.InfoContext(ctx, "heads-up: done", line...)
	return report, errors.Join(failures...)
}

// openDue opens every job that is due, and reopens those that are overdue.
func (p *Planner) openDue(ctx context.Context, report *Report) error {
	now := p.now()
	due, err := p.store.DueJobs(ctx, now)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	overdue := 0
	err = parallel(ctx, due, func(ctx context.Context, _ int, k mail.JobKey) error {
		if epoch, settlement := k.Epoch(); settlement {
			// Until the settlement is complete its job stays closed, at the cost of one read
			// per run.
			r, there, err := p.store.SettlingRelease(ctx, k.ReleaseID)
			if err != nil || there && r.Settling != nil && r.Settling.Epoch == epoch && !r.Finished {
				return err
			}
		}
		opened, late, err := p.store.OpenDueJob(ctx, k, now)
		mu.Lock()
		defer mu.Unlock()
		if opened {
			report.Opened++
		}
		if late {
			overdue++
		}
		return err
	})
	if err == nil {
		report.Overdue = &overdue
	}
	return err
}

// openAll opens the jobs of every scheduled release, when an operator asks for it.
func (p *Planner) openAll(ctx context.Context, report *Report) error {
	ids, err := p.store.ScheduledReleases(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return parallel(ctx, ids, func(ctx context.Context, _ int, id string) error {
		opened, err := p.store.OpenJobOnce(ctx, mail.WindowJob(id), p.now())
		mu.Lock()
		defer mu.Unlock()
		if opened {
			report.Opened++
		}
		return err
	})
}

// arm gives timers to releases that an earlier version scheduled without one: for two days it
// walks over all scheduled releases, a part in each run.
func (p *Planner) arm(ctx context.Context, report *Report) error {
	now := p.now()
	walk, err := p.store.TimerWalk(ctx)
	if err != nil || !walk.Since.IsZero() && now.Sub(walk.Since) > armFor {
		return err
	}
	ids, err := p.store.WithoutTimer(ctx, walk, armAtOnce, now)
	report.Armed = len(ids)
	return errors.Join(err, parallel(ctx, ids, func(ctx context.Context, _ int, id string) error {
		return p.store.ArmJob(ctx, mail.WindowJob(id), now, now)
	}))
}
