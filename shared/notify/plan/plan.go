// Package plan decides who is told what, and puts the mails into the outbox. It holds the
// scheduled run that finds due jobs and the stream consumer that plans them. It must know
// neither how a mail is worded nor how it is sent.
//
// Planning compares what people should know with what they were told, from the tables alone.
// So it may run twice, late, or concurrently with itself: nobody is told anything twice, and a
// run with nothing new writes nothing. A job that takes longer than a turn continues in
// another invocation, and the number of people in memory is bounded.
package plan

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
)

// Planner plans mails on one store.
type Planner struct {
	store       *dynamo.Store
	now         func() time.Time
	publicURL   string
	trustCenter bool
	inMemory    int
	turn        time.Duration
}

// A turn is the longest time that one job may keep others waiting; defaultInMemory bounds the
// people in memory. A job that reaches either stores what it has and continues later.
const (
	defaultTurn     = time.Minute
	defaultInMemory = 25_000
)

// New returns a planner on a store.
func New(store *dynamo.Store) *Planner {
	return &Planner{store: store, now: time.Now, inMemory: defaultInMemory, turn: defaultTurn}
}

// WithClock returns the planner with another clock, for tests and replays.
func (p *Planner) WithClock(now func() time.Time) *Planner {
	c := *p
	c.now = now
	return &c
}

// WithPublicURL returns the planner with the public URL, which is part of the ids of
// calendar events, and whether there is a public page below it that mails can link to.
func (p *Planner) WithPublicURL(url string, trustCenter bool) *Planner {
	c := *p
	c.publicURL, c.trustCenter = url, trustCenter
	return &c
}

// WithBounds returns the planner with other bounds on people in memory and on the length of a
// turn, for tests.
func (p *Planner) WithBounds(inMemory int, turn time.Duration) *Planner {
	c := *p
	c.inMemory, c.turn = inMemory, turn
	return &c
}

// snapshotOf reads a release for planning.
func (p *Planner) snapshotOf(ctx context.Context, id string) (mail.Snapshot, dynamo.Settling, error) {
	r, found, err := p.store.SettlingRelease(ctx, id)
	s := mail.Snapshot{Release: r.Release, Gone: !found || r.Deleting, Now: p.now(), UID: calendar.UID(id, p.publicURL)}
	s.ID = id
	if p.trustCenter && p.publicURL != "" {
		if _, public := r.Published(); public {
			s.Link = p.publicURL + "/trust-center/" + id
		}
	}
	return s, r, err
}

// Outcome is the result of one turn on a job.
type Outcome struct {
	Planned int // mails that were put into the outbox, in all turns
	// Done says that the job is closed. Otherwise it waits for its settlement, continues in
	// another invocation, or has been taken over by another planner.
	Done bool
}

// Plan plans a job from where it stopped, and closes it until the release has to be looked at
// again. A job that is not open is left alone.
func (p *Planner) Plan(ctx context.Context, k mail.JobKey) (Outcome, error) {
	job, found, err := p.store.Job(ctx, k)
	if err != nil || !found || !job.Open {
		return Outcome{}, err
	}
	r := &reading{p: p, job: job, until: time.Now().Add(p.turn)}
	if end, ok := ctx.Deadline(); ok && end.Add(-toPutAside).Before(r.until) {
		r.until = end.Add(-toPutAside)
	}
	var next time.Time
	done := true
	if epoch, settlement := job.Epoch(); settlement {
		done, err = p.settlement(ctx, r, epoch)
	} else {
		next, err = p.window(ctx, r)
	}
	switch {
	case errors.Is(err, errLater), errors.Is(err, errNotOurs):
		return Outcome{Planned: r.job.Progress.Planned}, nil
	case err != nil || !done:
		return Outcome{}, err // a settlement that is not complete yet opens its job when it is, or the schedule does
	}
	slog.InfoContext(ctx, "plan: planned", "release", job.ReleaseID, "job", job.Name, "mails", r.job.Progress.Planned)
	return Outcome{Planned: r.job.Progress.Planned, Done: true}, p.store.CloseJob(ctx, r.job, next, p.now())
}

// toPutAside is the part of an invocation's time that is reserved for storing a job's
// progress.
const toPutAside = 10 * time.Second
