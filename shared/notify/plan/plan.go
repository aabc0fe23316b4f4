// Package plan decides who is to be told what, and puts a mail for each into the
// outbox: the schedule that finds what is due, and the consumer that plans it. It must
// know neither how a mail is worded nor how it is sent.
//
// Planning compares what people should know with what they were told, from the tables
// alone. So it may run twice, late, or concurrently with itself: nobody is told anything
// twice, and a run with nothing new writes nothing. What takes longer than a turn continues
// in another invocation, and the people in memory have a bound.
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

// A turn is how long one job keeps others waiting, and people are kept in memory up to a
// number. Before either is exceeded, a job is put aside.
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

// WithBounds returns the planner with other bounds, for tests: how many people it keeps in
// memory, and how long a turn is.
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
			s.Link = p.publicURL + "/trust-center#" + id
		}
	}
	return s, r, err
}

// Outcome is what came of a turn at a job.
type Outcome struct {
	Planned int // mails that were put into the outbox, in all turns
	// Done tells that the job is closed. One that is not waits for its settlement, goes on in
	// another invocation, or is somebody else's by now.
	Done bool
}

// Plan plans a job, from where it stopped, and closes it until the release is to be looked
// at again. One that is not open is left alone.
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
		return Outcome{}, err // one that is not complete yet is opened again when it is, or by the periodic look
	}
	slog.InfoContext(ctx, "plan: planned", "release", job.ReleaseID, "job", job.Name, "mails", r.job.Progress.Planned)
	return Outcome{Planned: r.job.Progress.Planned, Done: true}, p.store.CloseJob(ctx, r.job, next, p.now())
}

// toPutAside is what is left of an invocation's time for putting a job aside.
const toPutAside = 10 * time.Second
