package plan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Input is what the event may carry; nothing has every release looked at whole.
type Input struct {
	// SkipRecent passes over releases that rest until their turn. The schedule asks for it.
	SkipRecent bool `json:"sparing"`
	// Resend was an operator's way to have unknown mails sent again.
	Resend []string `json:"resend"`
}

// Report tells what a run of the schedule found and did.
type Report struct {
	Looked int `json:"looked"` // scheduled releases
	Opened int `json:"opened"` // jobs opened for them
	Missed int `json:"missed"` // releases that began before anybody could be told
	Woken  int `json:"woken"`  // jobs that waited, or were forgotten
	// Overdue are jobs that were forgotten; nil where the run could not look at all of
	// them. An alarm stands on it.
	Overdue *int `json:"overdue,omitempty"`
}

// Run is the handler of the schedule: it opens a job for each scheduled release of
// which somebody is to be told something, and looks after the jobs. With nothing new
// it writes nothing. One release that fails does not keep the others from it.
func (p *Planner) Run(ctx context.Context, event json.RawMessage) (Report, error) {
	var order Input
	_ = json.Unmarshal(event, &order) // an event that is none is no order
	var report Report
	ids, err := p.store.ScheduledReleases(ctx)
	failures := []error{err}
	for _, id := range ids {
		if ctx.Err() != nil {
			failures = append(failures, fmt.Errorf("plan: the run ended after %d of %d releases: %w", report.Looked, len(ids), ctx.Err()))
			break
		}
		report.Looked++
		if err := p.look(ctx, id, order, &report); err != nil {
			slog.ErrorContext(ctx, "heads-up: a release could not be looked at", "release", id, "error", err)
			failures = append(failures, fmt.Errorf("%s: %w", id, err))
		}
	}
	if len(order.Resend) > 0 {
		failures = append(failures, errors.New("plan: mails are sent again by tend-outbox; invoke that with resend"))
	}
	failures = append(failures, p.lookAfterJobs(ctx, &report))
	line := []any{"looked", report.Looked, "opened", report.Opened, "missed", report.Missed, "woken", report.Woken}
	if report.Overdue != nil {
		line = append(line, "overdue", *report.Overdue) // alarms stand on what was read, and on nothing else
	}
	slog.InfoContext(ctx, "heads-up: done", line...)
	return report, errors.Join(failures...)
}

// look opens a release's job where its planning would tell anybody anything. Planning
// reads everything again, so an eventually consistent look is enough here.
func (p *Planner) look(ctx context.Context, id string, order Input, report *Report) error {
	glance := p.eventuallyConsistent()
	s, _, err := glance.snapshotOf(ctx, id)
	if err != nil || s.Gone || s.Status != release.Scheduled {
		return err // the index lags
	}
	rows, err := glance.store.RecipientStates(ctx, id)
	if err != nil || order.SkipRecent && waitsForTurn(s, rows) {
		return err
	}
	steps, err := glance.steps(ctx, s, rows)
	if err != nil {
		return err
	}
	if len(steps) > 0 {
		report.Opened++
		return p.store.OpenJobOnce(ctx, mail.WindowJob(id), s.Now)
	}
	if mail.Ahead(s.Release, s.Now) && !s.Now.Before(*s.ScheduledStart) {
		return p.missed(ctx, s, report)
	}
	return nil
}

const (
	// lastDay is when a task that appears has to be told of at once; before, its requester
	// has a day's time.
	lastDay = 24 * time.Hour
	// turns is how many parts the hour has: in one of them each release is looked at
	// whole. A part is as long as the schedule's pace in the template.
	turns = 12
)

// waitsForTurn tells that a sparing run need not read whom the release touches, which is by
// far the dearest of its reads: everybody who was told knows the window and scope as
// they are, and other changes of the release open its job themselves, so all there may
// be is tasks that came since. They wait for the release's turn, within the hour.
func waitsForTurn(s mail.Snapshot, rows []mail.RecipientState) bool {
	if len(rows) == 0 || s.ScheduledStart.Sub(s.Now) <= lastDay || turn(s) {
		return false
	}
	return !slices.ContainsFunc(rows, func(row mail.RecipientState) bool {
		return row.Effect > 0 && row.Effect != s.WindowVersion || len(mail.NotIn(row.Via, s.ChangeIDs)) > 0
	})
}

// turn tells that this is the release's part of the hour. It follows from the id alone,
// so that nothing has to be written down and releases take turns.
func turn(s mail.Snapshot) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.ID)) // never fails
	return uint32(s.Now.UTC().Minute()*turns/60) == h.Sum32()%turns
}

// missed notes, once, that a window has begun and nobody was ever told of it, though
// there were people to tell. It is too late for a heads-up then.
func (p *Planner) missed(ctx context.Context, s mail.Snapshot, report *Report) error {
	_, planned, err := p.store.Job(ctx, mail.WindowJob(s.ID))
	if err != nil || planned {
		return err
	}
	people, err := p.reach(ctx, s.ChangeIDs)
	if err != nil || len(people) == 0 {
		return err
	}
	report.Missed++
	slog.ErrorContext(ctx, "heads-up: missed: the window has begun and nobody was told of it", "release", s.ID, "people", len(people))
	return p.store.MissJob(ctx, mail.WindowJob(s.ID), s.Now)
}
