// Package plan decides who is to be told what, and puts a mail for each into the
// outbox: the schedule that finds what is due, and the consumer that plans it. It must
// know neither how a mail is worded nor how it is sent.
//
// Planning compares what people should know with what they were told, from the tables
// alone. So it may run twice, late, or concurrently with itself: nobody is told anything
// twice, and a run with nothing new writes nothing.
package plan

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Planner plans mails on one store.
type Planner struct {
	store       *dynamo.Store
	now         func() time.Time
	publicURL   string
	trustCenter bool
}

// New returns a planner on a store.
func New(store *dynamo.Store) *Planner { return &Planner{store: store, now: time.Now} }

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

// decision is the input of a decision about one person: their row, empty but for its key
// where they were told nothing, and how the release affects them now.
type decision struct {
	row  mail.RecipientState
	who  *mail.Person
	lost mail.Listing
}

// decisions lists the people whom the release affects, or did; rows are what each was told.
// The writes are derived from them one by one, since those take more memory.
func (p *Planner) decisions(ctx context.Context, s mail.Snapshot, rows []mail.RecipientState) ([]decision, error) {
	if len(rows) == 0 && !mail.Due(s.Release, s.Now) || !s.Off() && s.Status != release.Scheduled {
		return nil, nil
	}
	var informed []string // change requests because of which anybody was told
	for _, row := range rows {
		informed = append(informed, row.Via...)
	}
	slices.Sort(informed)
	informed = slices.Compact(informed)
	linked := s.ChangeIDs
	if s.Off() {
		linked = informed
	}
	people, err := p.reached(ctx, linked, mail.Difference(informed, linked), rows)
	if err != nil {
		return nil, err
	}
	var all []decision
	seen := map[string]bool{}
	for _, row := range rows {
		key := row.Recipient
		if people[key] == nil {
			key = release.AddressKey(row.Address) // it may have been written under an older key
		}
		if seen[key] {
			continue // a second row about one person, whom older keys took for two: the first speaks for both
		}
		seen[key] = true
		var lost mail.Listing
		who := people[key]
		if who != nil {
			lost = who.Lost
			if who.Tasks.Count == 0 {
				who = nil
			}
		}
		all = append(all, decision{row, who, lost})
	}
	if s.Off() {
		return all, nil // those who were never told need not be told now
	}
	for key, someone := range people {
		if seen[key] || someone.Tasks.Count == 0 {
			continue
		}
		all = append(all, decision{row: mail.RecipientState{ReleaseID: s.ID, Recipient: someone.Key}, who: someone})
	}
	return all, nil
}

// latest reads the states of the latest mails of those people for whom they matter: all
// others know the current window, or their mail is being sent.
func (p *Planner) latest(ctx context.Context, s mail.Snapshot, rows []mail.RecipientState) (map[string]mail.State, error) {
	var ids []string
	for _, row := range rows {
		if row.MailID != "" && (s.Off() || row.Effect != s.WindowVersion || len(row.Left) > 0 || len(mail.Difference(row.Via, s.ChangeIDs)) > 0) {
			ids = append(ids, row.MailID)
		}
	}
	mails, err := p.store.MailsByID(ctx, ids)
	states := make(map[string]mail.State, len(mails))
	for id, m := range mails {
		states[id] = m.State
	}
	return states, err
}

// passes bounds how often planning repeats for rows that others changed meanwhile.
const passes = 5

// Window brings what people know of a release's window up to date. It returns how many
// mails it put into the outbox, and when to look again: the zero time for never.
func (p *Planner) Window(ctx context.Context, id string) (planned int, next time.Time, err error) {
	for range passes {
		s, _, err := p.snapshotOf(ctx, id)
		if err != nil {
			return planned, next, err
		}
		rows, err := p.store.RecipientStates(ctx, id)
		if err != nil {
			return planned, next, err
		}
		all, err := p.decisions(ctx, s, rows)
		if err != nil {
			return planned, next, err
		}
		var latest map[string]mail.State
		if len(all) > 0 {
			if latest, err = p.latest(ctx, s, rows); err != nil {
				return planned, next, err
			}
		}
		var needed, mailed atomic.Int64
		err = parallel(ctx, all, func(ctx context.Context, d decision) error {
			step, changes := s.Decide(d.row, latest[d.row.MailID], d.who, d.lost)
			if !changes {
				return nil
			}
			needed.Add(1)
			ok, err := p.take(ctx, s, step)
			if ok && step.Notice != nil {
				mailed.Add(1)
			}
			return err
		})
		planned += int(mailed.Load())
		if err != nil {
			return planned, next, err
		}
		if needed.Load() == 0 {
			return planned, mail.NextLook(s.Release, s.Now), p.remind(ctx, s, rows)
		}
	}
	return planned, next, fmt.Errorf("plan: what people are to be told of %s still changed after %d passes", id, passes)
}

// remind reports a release on which nobody acted in time: to operators, that its window has
// begun and nobody was told of it, and to its manager, once, that the window is over.
func (p *Planner) remind(ctx context.Context, s mail.Snapshot, rows []mail.RecipientState) error {
	switch {
	case s.Gone || s.Status != release.Scheduled:
		return nil
	case mail.LeftOpen(s.Release, s.Now):
		slog.WarnContext(ctx, "plan: the window is over and the release is still scheduled", "release", s.ID)
		if !release.Mailable(s.ReleaseManagerEmail) {
			return nil
		}
		n := s.Notice(mail.WindowOver, mail.RecipientState{Name: s.ReleaseManager, Address: s.ReleaseManagerEmail}, mail.Listing{})
		n.Window = mail.Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
		m, err := n.Outbox(s.WindowVersion, s.WindowVersion)
		if err != nil {
			return err
		}
		_, err = p.store.PutMail(ctx, m, s.Now)
		return err
	case len(rows) > 0 || !mail.Ahead(s.Release, s.Now) || s.Now.Before(*s.ScheduledStart):
		return nil
	}
	people, err := p.reached(ctx, s.ChangeIDs, nil, nil)
	if err == nil && len(people) > 0 {
		slog.ErrorContext(ctx, "plan: missed: the window has begun and nobody was told of it", "release", s.ID, "people", len(people))
	}
	return err
}

func (p *Planner) take(ctx context.Context, s mail.Snapshot, next mail.Step) (bool, error) {
	if next.Notice == nil {
		return p.store.SaveRecipientState(ctx, next.Row, next.Supersede, nil, s.Now)
	}
	version := 0
	if next.Notice.Kind != mail.Withdrawn {
		version = next.Row.Effect
	}
	m, err := next.Notice.Outbox(next.Row.Sequence, version)
	if err != nil {
		return false, err
	}
	return p.store.SaveRecipientState(ctx, next.Row, next.Supersede, &m, s.Now)
}

// Settlement tells people of a deployment or a rollback, once it is complete: one mail
// to each requester with the tasks that it has reached. Mails are planned only for the
// latest settlement. It returns how many mails were new, and whether the job is done.
func (p *Planner) Settlement(ctx context.Context, id string, epoch int) (planned int, done bool, err error) {
	s, r, err := p.snapshotOf(ctx, id)
	switch {
	case err != nil:
		return 0, false, err
	case s.Gone, r.Settling == nil, r.Settling.Epoch != epoch:
		slog.InfoContext(ctx, "plan: a settlement was overtaken before anybody was told", "release", id, "epoch", epoch)
		return 0, true, nil
	case !r.Finished:
		return 0, false, nil
	}
	people, err := p.settled(ctx, r.Release, epoch)
	if err != nil {
		return 0, false, err
	}
	entry := r.History[epoch-1]
	kind := mail.Resolved
	if entry.To == release.RolledBack {
		kind = mail.RolledBack
	}
	added := make(chan bool, len(people))
	err = parallel(ctx, slices.Collect(maps.Keys(people)), func(ctx context.Context, key string) error {
		someone := people[key]
		n := s.Notice(kind, mail.RecipientState{Name: someone.Name, Address: someone.Address}, someone.Tasks)
		n.At, n.Reason = entry.At, entry.Reason
		m, err := n.Outbox(epoch, 0)
		if err != nil {
			return err
		}
		put, err := p.store.PutMail(ctx, m, s.Now)
		added <- put
		return err
	})
	close(added)
	for put := range added {
		if put {
			planned++
		}
	}
	return planned, err == nil, err
}

// settled finds whom a settlement concerns: requesters of the tasks that carry its
// comment and that it resolved, or that are open again after it. People who had closed or
// cancelled their task themselves are not told.
func (p *Planner) settled(ctx context.Context, r release.Release, epoch int) (map[string]*mail.Person, error) {
	people := mail.NewPeople(mail.Ground{}, nil)
	comment := release.CommentID(release.Settlement{ReleaseID: r.ID, Epoch: epoch})
	var places []mail.Place
	for _, id := range r.ChangeIDs {
		places = append(places, mail.Place{Change: id})
	}
	err := p.eachTask(ctx, places, func(t release.Task, found []mail.Place) {
		reached := slices.ContainsFunc(t.Comments, func(c release.Comment) bool { return c.ID == comment })
		if reached && slices.Contains(found, mail.Place{Change: t.ChangeRequestID}) && (t.ResolvedBy == r.ID || r.Status == release.RolledBack && t.Status.IsOpen()) {
			people.AddTo(t)
		}
	})
	return people.All, err
}
