package plan

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// window plans the mails that bring people up to date on a release's window, and returns when
// to look again: the zero time for never.
func (p *Planner) window(ctx context.Context, r *reading) (next time.Time, err error) {
	s, _, err := p.snapshotOf(ctx, r.job.ReleaseID)
	if err != nil {
		return next, err
	}
	next = mail.NextLook(s.Release, s.Now)
	team, err := p.team(ctx, &s)
	if err != nil {
		return next, err
	}
	concerned, err := p.begin(ctx, r, s)
	if err != nil {
		return next, err
	}
	if !concerned {
		return next, p.finish(ctx, r, s, team)
	}
	if err := r.readAll(ctx); err != nil {
		return next, err
	}
	w := windowNotices{p: p, s: s, older: map[string]mail.RecipientState{}}
	if err := r.notify(ctx, r.merging(p.rows(s.ID, r.job.Progress.Notified)), w.notify); err != nil {
		return next, err
	}
	if _, err := w.notifyOlder(ctx, ""); err != nil {
		return next, err
	}
	return next, p.finish(ctx, r, s, team)
}

// finish plans what does not depend on the tasks that a release touches.
func (p *Planner) finish(ctx context.Context, r *reading, s mail.Snapshot, team []member) error {
	planned, err := p.notifyTeam(ctx, s, team)
	if r.job.Progress.Planned += planned; err != nil {
		return err
	}
	return p.remind(ctx, s)
}

// rows are what people were told of a release's window, from after a key on.
func (p *Planner) rows(releaseID, after string) *queue[mail.RecipientState] {
	return &queue[mail.RecipientState]{
		last: after, key: func(row mail.RecipientState) string { return row.Recipient },
		more: func(ctx context.Context, after string) (page []mail.RecipientState, err error) {
			err = p.store.RecipientStates(ctx, releaseID, after, peopleAtOnce, func(rows []mail.RecipientState) bool { page = rows; return false })
			return page, err
		},
	}
}

// begin prepares the reading of the people whom a window concerns; false where nobody needs to
// be told anything.
func (p *Planner) begin(ctx context.Context, r *reading, s mail.Snapshot) (concerned bool, err error) {
	if !s.Off() && s.Status != release.Scheduled {
		return false, nil
	}
	if r.job.Progress.Of != "" { // an earlier turn has begun
		if of, err := p.ground(ctx, r, s, nil); err != nil || of == r.job.Progress.Of {
			// The release has not changed: go on where that turn stopped. What people were told
			// is read again only if it decides how the tasks that are still unread count.
			if err != nil || r.job.Progress.Read || !r.job.Progress.Matters {
				return true, err
			}
			before := r.job.Progress
			if _, err = p.survey(ctx, r, s); r.job.Progress.Of != before.Of {
				at := r.job.Progress
				r.job.Progress = mail.Progress{Of: at.Of, Informed: at.Informed, Matters: at.Matters}
			}
			return true, err
		}
		r.job.Progress = mail.Progress{} // the release has moved on
	}
	informed, err := p.survey(ctx, r, s)
	if err != nil || !informed && !mail.Due(s.Release, s.Now) {
		return false, err
	}
	return true, nil
}

// survey reads what people were told: because of which change requests, and which of that
// affects what their mails list. It reports whether anybody was told anything.
func (p *Planner) survey(ctx context.Context, r *reading, s mail.Snapshot) (informed bool, err error) {
	var matter []mail.RecipientState
	at := &r.job.Progress
	at.Informed = nil
	same := map[string][]string{} // people told because of the same change requests share one list
	shared := func(ids []string) []string {
		if len(ids) == 0 {
			return nil
		}
		key := strings.Join(ids, "\n")
		if same[key] == nil {
			same[key] = ids
		}
		return same[key]
	}
	err = p.store.RecipientStates(ctx, s.ID, "", 1000, func(rows []mail.RecipientState) bool {
		informed = true
		for _, row := range rows {
			via := shared(row.Via)
			if len(row.Left) > 0 || len(mail.Difference(via, s.ChangeIDs)) > 0 {
				matter = append(matter, mail.RecipientState{Recipient: row.Recipient, Address: row.Address, Via: via, Left: shared(row.Left)})
			}
		}
		return true
	})
	for _, ids := range same {
		at.Informed = append(at.Informed, ids...)
	}
	slices.Sort(at.Informed)
	at.Informed, at.Matters = slices.Compact(at.Informed), len(matter) > 0
	if err == nil {
		at.Of, err = p.ground(ctx, r, s, matter)
	}
	return informed, err
}

// ground finds the places at which a window concerns people. It returns a fingerprint of what
// is planned: another invocation continues a job only if the fingerprint is the same.
func (p *Planner) ground(ctx context.Context, r *reading, s mail.Snapshot, matter []mail.RecipientState) (of string, err error) {
	informed := r.job.Progress.Informed
	linked := s.ChangeIDs
	if s.Off() {
		linked = informed
	}
	changes, err := p.store.ChangesByID(ctx, slices.Concat(linked, mail.Difference(informed, linked)))
	if err != nil {
		return "", err
	}
	ground := mail.NewGround(changes, linked)
	r.places, r.people = ground.Places(), mail.NewPeople(ground, matter)
	r.take = func(t release.Task, found []mail.Place) {
		if first, touched := ground.First(t); touched && t.Status.IsOpen() && slices.Contains(found, first) {
			r.people.Add(t) // a task found at several places counts at the first only
		}
	}
	return fingerprint(s.Off(), s.WindowVersion, linked, r.places)
}

// windowNotices notifies people of a window. A row under an earlier version's key sorts
// elsewhere than the person it is about: older keeps such rows until that person comes.
type windowNotices struct {
	p     *Planner
	s     mail.Snapshot
	older map[string]mail.RecipientState
}

// decision holds what is needed to decide about one person.
type decision struct {
	row  mail.RecipientState
	who  *mail.Person
	lost mail.Listing
}

func (w *windowNotices) notify(ctx context.Context, some []found) (planned int, mayStop bool, err error) {
	var all []decision
	for _, f := range some {
		d, decide, err := w.decision(ctx, f)
		if err != nil {
			return 0, false, err
		}
		if decide {
			all = append(all, d)
		}
	}
	if planned, err = w.decide(ctx, all); err != nil {
		return planned, false, err
	}
	more, err := w.notifyOlder(ctx, some[len(some)-1].key)
	return planned + more, len(w.older) == 0, err
}

// decision collects what is needed to decide about a person; false where there is nothing to
// decide.
func (w *windowNotices) decision(ctx context.Context, f found) (decision, bool, error) {
	d := decision{row: mail.RecipientState{ReleaseID: w.s.ID, Recipient: f.key}}
	if f.who != nil {
		d.lost = f.who.Lost
		if f.who.Tasks.Count > 0 {
			d.who = f.who
		}
	}
	if f.row != nil {
		today := release.AddressKey(f.row.Address)
		if f.who == nil && today != f.key {
			if _, there := w.older[today]; !there && today > f.key {
				w.older[today] = *f.row
			}
			if today > f.key {
				return d, false, nil
			}
		}
		d.row = *f.row
		delete(w.older, f.key)
		return d, true, nil
	}
	if row, there := w.older[f.key]; there {
		d.row = row
		delete(w.older, f.key)
		return d, true, nil
	}
	row, there, err := w.p.olderRow(ctx, w.s.ID, f)
	if err != nil {
		return d, false, err
	}
	if there {
		d.row = row
		return d, true, nil
	}
	return d, d.who != nil && !w.s.Off(), nil // people who were never told need not hear that it is cancelled
}

// notifyOlder notifies people with an older row who are no longer affected, up to a key; empty
// for all.
func (w *windowNotices) notifyOlder(ctx context.Context, upTo string) (int, error) {
	var all []decision
	for key, row := range w.older {
		if upTo == "" || key <= upTo {
			all = append(all, decision{row: row})
			delete(w.older, key)
		}
	}
	return w.decide(ctx, all)
}

// decide decides what to write for each person, and writes it. It returns how many mails were
// new.
func (w *windowNotices) decide(ctx context.Context, all []decision) (int, error) {
	var ids []string
	for _, d := range all {
		if w.open(d.row) {
			ids = append(ids, d.row.MailID)
		}
	}
	mails, err := w.p.store.MailsByID(ctx, ids)
	if err != nil {
		return 0, err
	}
	var planned atomic.Int64
	err = parallel(ctx, all, func(ctx context.Context, _ int, d decision) error {
		return w.one(ctx, d, mails[d.row.MailID].State, &planned)
	})
	return int(planned.Load()), err
}

// open reports whether the state of a person's latest mail can matter: everybody else has been
// told the current window, or the mail is on its way.
func (w *windowNotices) open(row mail.RecipientState) bool {
	return row.MailID != "" && (w.s.Off() || row.Effect != w.s.WindowVersion || len(row.Left) > 0 || len(mail.Difference(row.Via, w.s.ChangeIDs)) > 0)
}

// asOf adapts a person's tasks to their current row: since the row was read, another planner
// may have told them that tasks are no longer part of the release, or are again.
func (w *windowNotices) asOf(d decision) (who *mail.Person, lost mail.Listing) {
	if len(mail.Difference(d.row.Via, w.s.ChangeIDs)) > 0 {
		lost = d.lost
	}
	who = d.who
	if who != nil && who.Back && len(d.row.Left) == 0 {
		other := *who
		other.Back, who = false, &other
	}
	return who, lost
}

// attempts bounds how often planning decides again because a person's row changed meanwhile.
const attempts = 5

func (w *windowNotices) one(ctx context.Context, d decision, state mail.State, planned *atomic.Int64) error {
	for range attempts {
		who, lost := w.asOf(d)
		step, changes := w.s.Decide(d.row, state, who, lost)
		if !changes {
			return nil
		}
		saved, err := w.p.take(ctx, w.s, step)
		if err != nil {
			return err
		}
		if saved {
			if step.Notice != nil {
				planned.Add(1)
			}
			return nil
		}
		if d.row, err = w.p.store.RecipientState(ctx, w.s.ID, d.row.Recipient); err != nil {
			return err
		}
		m, _, err := w.p.store.Mail(ctx, d.row.MailID)
		if err != nil {
			return err
		}
		state = m.State
	}
	return fmt.Errorf("plan: what is to be told to somebody of %s still changed after %d attempts", w.s.ID, attempts)
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

// remind reports a release on which nobody acted in time. Operators learn from the log that
// its window has begun and nobody was told; its manager gets one mail when the window is over.
func (p *Planner) remind(ctx context.Context, s mail.Snapshot) error {
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
	case !mail.Ahead(s.Release, s.Now) || s.Now.Before(*s.ScheduledStart):
		return nil
	}
	informed := false
	err := p.store.RecipientStates(ctx, s.ID, "", 1, func([]mail.RecipientState) bool { informed = true; return false })
	if err != nil || informed {
		return err
	}
	// One affected person is enough, and the reading for it is bounded.
	r := &reading{p: p}
	if _, err := p.ground(ctx, r, s, nil); err != nil {
		return err
	}
	for range 10 {
		if r.job.Progress.Read || len(r.people.All) > 0 {
			break
		}
		if err := r.readPages(ctx); err != nil {
			return err
		}
	}
	if len(r.people.All) > 0 {
		slog.ErrorContext(ctx, "plan: missed: the window has begun and nobody was told of it", "release", s.ID)
	}
	return nil
}
