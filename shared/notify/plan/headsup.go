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

// Input is what the event may carry; nothing has every scheduled release looked at.
type Input struct {
	// DueOnly leaves releases to their timers. The schedule asks for it.
	DueOnly bool `json:"sparing"`
	// Resend was an operator's way to have unknown mails sent again.
	Resend []string `json:"resend"`
}

// Report tells what a run of the schedule found and did.
type Report struct {
	Opened int `json:"opened"` // jobs whose time had come, or that somebody asked for
	Armed  int `json:"armed,omitempty"`
	// Overdue are jobs that were forgotten; nil where the run could not look at all of
	// them. An alarm stands on it.
	Overdue *int `json:"overdue,omitempty"`
}

const (
	// armAtOnce is how many scheduled releases one run looks at for a missing timer.
	armAtOnce = 500
	// armFor is for how long after the first run releases are looked at for one: while
	// functions are exchanged, an earlier version may still schedule one without.
	armFor = 48 * time.Hour
)

// Run is the handler of the schedule: it opens the jobs whose time has come, so that each
// release is looked at when its timer says. What a run costs follows what is due, whatever
// rests. One release that fails does not keep the others from it.
func (p *Planner) Run(ctx context.Context, event json.RawMessage) (Report, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	var in Input
	_ = json.Unmarshal(event, &in) // an event that is none asks for everything
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
		line = append(line, "overdue", *report.Overdue) // alarms stand on what was read, and on nothing else
	}
	slog.InfoContext(ctx, "heads-up: done", line...)
	return report, errors.Join(failures...)
}

// openDue opens every job whose time has come, and again those that were forgotten.
func (p *Planner) openDue(ctx context.Context, report *Report) error {
	now := p.now()
	due, err := p.store.DueJobs(ctx, now)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	overdue := 0
	err = parallel(ctx, due, func(ctx context.Context, k mail.JobKey) error {
		if epoch, settlement := k.Epoch(); settlement {
			// One that waits for its settlement costs a read until that is complete.
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

// openAll has every scheduled release looked at, as somebody asks for by hand.
func (p *Planner) openAll(ctx context.Context, report *Report) error {
	ids, err := p.store.ScheduledReleases(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	return parallel(ctx, ids, func(ctx context.Context, id string) error {
		opened, err := p.store.OpenJobOnce(ctx, mail.WindowJob(id), p.now())
		mu.Lock()
		defer mu.Unlock()
		if opened {
			report.Opened++
		}
		return err
	})
}

// arm gives releases that an earlier version scheduled their timers: it walks over all
// that are scheduled, some in each run, again and again for two days.
func (p *Planner) arm(ctx context.Context, report *Report) error {
	now := p.now()
	walk, err := p.store.TimerWalk(ctx)
	if err != nil || !walk.Since.IsZero() && now.Sub(walk.Since) > armFor {
		return err
	}
	ids, err := p.store.WithoutTimer(ctx, walk, armAtOnce, now)
	report.Armed = len(ids)
	return errors.Join(err, parallel(ctx, ids, func(ctx context.Context, id string) error {
		return p.store.ArmJob(ctx, mail.WindowJob(id), now, now)
	}))
}
