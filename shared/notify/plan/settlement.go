package plan

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// settlement notifies people of a deployment or a rollback, once its settlement is complete:
// one mail to each requester, listing the tasks that it has reached. Whoever was told of the
// window only because of a configuration item gets one mail, too: their requests stay open.
// Only the latest settlement is announced. It returns whether the job is finished.
func (p *Planner) settlement(ctx context.Context, r *reading, epoch int) (done bool, err error) {
	s, settling, err := p.snapshotOf(ctx, r.job.ReleaseID)
	switch {
	case err != nil:
		return false, err
	case s.Gone, settling.Settling == nil, settling.Settling.Epoch != epoch:
		slog.InfoContext(ctx, "plan: a settlement was overtaken before anybody was told", "release", s.ID, "epoch", epoch)
		return true, nil
	case !settling.Finished:
		return false, nil
	}
	informed, err := p.over(ctx, r, s, epoch)
	if err != nil {
		return false, err
	}
	if err := r.readAll(ctx); err != nil {
		return false, err
	}
	rows := &queue[mail.RecipientState]{dry: true}
	if informed {
		rows = p.rows(s.ID, r.job.Progress.Notified)
	}
	e := ending{p: p, s: s, epoch: epoch, kind: mail.Resolved}
	if s.History[epoch-1].To == release.RolledBack {
		e.kind = mail.RolledBack
	}
	err = r.notify(ctx, r.merging(rows), e.notify)
	return err == nil, err
}

// over prepares the reading of the people whom the end of a release concerns: the requesters
// of linked tasks and, where anybody was told of its window, those on its configuration items.
func (p *Planner) over(ctx context.Context, r *reading, s mail.Snapshot, epoch int) (informed bool, err error) {
	err = p.store.RecipientStates(ctx, s.ID, "", 1, func([]mail.RecipientState) bool { informed = true; return false })
	if err != nil {
		return informed, err
	}
	changes := make([]release.Change, len(s.ChangeIDs)) // they cannot change once it is deployed
	for n, id := range s.ChangeIDs {
		changes[n].ID = id
	}
	if informed {
		if changes, err = p.store.ChangesByID(ctx, s.ChangeIDs); err != nil {
			return informed, err
		}
	}
	ground := mail.NewGround(changes, s.ChangeIDs)
	r.places, r.people = ground.Places(), mail.NewPeople(ground, nil)
	// Only tasks with this settlement's comment count, and of those the ones that it resolved
	// or opened again. Requesters who had closed or cancelled a task themselves are not told.
	comment := release.CommentID(release.Settlement{ReleaseID: s.ID, Epoch: epoch})
	r.take = func(t release.Task, found []mail.Place) {
		first, touched := ground.First(t)
		if !touched || !slices.Contains(found, first) {
			return // a task found at several places counts at the first only
		}
		reached := slices.ContainsFunc(t.Comments, func(c release.Comment) bool { return c.ID == comment })
		switch {
		case first.Change == "" && t.Status.IsOpen():
			r.people.AddUnlinked(t, first.CI)
		case first.Change != "" && reached && (t.ResolvedBy == s.ID || s.Status == release.RolledBack && t.Status.IsOpen()):
			r.people.AddTo(t)
		}
	}
	of, err := fingerprint(r.job.Name, r.places)
	if of != r.job.Progress.Of {
		r.job.Progress = mail.Progress{Of: of}
	}
	return informed, err
}

// ending notifies people of the end of a release.
type ending struct {
	p     *Planner
	s     mail.Snapshot
	epoch int
	kind  mail.Kind // for those whose tasks it has reached
}

// recipient is one person at the end of a release, with what they were told of its window.
type recipient struct {
	who *mail.Person
	row mail.RecipientState
}

func (e ending) notify(ctx context.Context, some []found) (planned int, mayStop bool, err error) {
	var all []recipient
	var ids []string
	for _, f := range some {
		t, concerned, err := e.recipient(ctx, f)
		if err != nil {
			return 0, false, err
		}
		if !concerned {
			continue
		}
		all = append(all, t)
		if t.who.Tasks.Count == 0 && t.row.MailID != "" {
			ids = append(append(ids, t.row.MailID), e.earlier(t)...)
		}
	}
	mails, err := e.p.store.MailsByID(ctx, ids)
	if err != nil {
		return 0, false, err
	}
	var n atomic.Int64
	err = parallel(ctx, all, func(ctx context.Context, _ int, t recipient) error {
		kind := e.kind
		if t.who.Tasks.Count == 0 {
			kind = mail.StaysOpen
			if heard, err := e.heard(ctx, t, mails); err != nil || heard || !t.row.Knows(mails[t.row.MailID].State) {
				return err
			}
		}
		m, err := e.s.Over(kind, e.epoch, t.who, t.row).Outbox(e.epoch, 0)
		if err != nil {
			return err
		}
		put, err := e.p.store.PutMail(ctx, m, e.s.Now)
		if put {
			n.Add(1)
		}
		return err
	})
	return int(n.Load()), true, err
}

// recipient collects what a person was told; false for those whom the end does not concern: people
// without tasks, and people whose tasks stay open and who were never told of the window.
func (e ending) recipient(ctx context.Context, f found) (recipient, bool, error) {
	t := recipient{who: f.who}
	switch {
	case f.who == nil:
		return t, false, nil
	case f.row != nil:
		t.row = *f.row
		return t, true, nil
	}
	row, there, err := e.p.olderRow(ctx, e.s.ID, f)
	if err != nil {
		return t, false, err
	}
	t.row = row
	return t, there || t.who.Tasks.Count > 0, nil
}

// earlier are the mails by which a person may have been told of an earlier end that their
// requests stay open.
func (e ending) earlier(t recipient) (ids []string) {
	for _, h := range e.s.History[:e.epoch-1] {
		if h.To == release.Deployed {
			ids = append(ids, mail.ID(string(mail.StaysOpen), e.s.ID, h.Epoch, t.who.Address))
		}
	}
	return ids
}

// heard reports whether an earlier end has told a person already that their requests stay
// open: a rollback changes nothing about that. A mail that still waits is replaced.
func (e ending) heard(ctx context.Context, t recipient, mails map[string]mail.Mail) (bool, error) {
	for _, id := range e.earlier(t) {
		m := mails[id]
		if m.State == mail.Pending {
			won, err := e.p.store.SupersedeMail(ctx, id, "replaced by a newer one", e.s.Now)
			if err != nil {
				return false, err
			}
			if won {
				m.State = mail.Superseded
			}
		}
		if m.State != "" && m.State != mail.Superseded {
			return true, nil
		}
	}
	return false, nil
}
