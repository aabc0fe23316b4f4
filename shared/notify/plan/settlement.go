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
// one mail to each requester, listing the tasks that it has reached. Only the latest
// settlement is announced. It returns whether the job is finished.
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
	r.job.Progress.Of = r.job.Name // a settlement's job has one ground only
	r.people = mail.NewPeople(mail.Ground{}, nil)
	for _, id := range s.ChangeIDs { // they cannot change once it is deployed
		r.places = append(r.places, mail.Place{Change: id})
	}
	// Only tasks with this settlement's comment count, and of those the ones that it resolved
	// or opened again. Requesters who had closed or cancelled a task themselves are not told.
	comment := release.CommentID(release.Settlement{ReleaseID: s.ID, Epoch: epoch})
	r.take = func(t release.Task, found []mail.Place) {
		reached := slices.ContainsFunc(t.Comments, func(c release.Comment) bool { return c.ID == comment })
		if reached && slices.Contains(found, mail.Place{Change: t.ChangeRequestID}) && (t.ResolvedBy == s.ID || s.Status == release.RolledBack && t.Status.IsOpen()) {
			r.people.AddTo(t)
		}
	}
	if err := r.readAll(ctx); err != nil {
		return false, err
	}
	entry := s.History[epoch-1]
	kind := mail.Resolved
	if entry.To == release.RolledBack {
		kind = mail.RolledBack
	}
	err = r.notify(ctx, r.merging(&queue[mail.RecipientState]{dry: true}), func(ctx context.Context, some []found) (int, bool, error) {
		var planned atomic.Int64
		err := parallel(ctx, some, func(ctx context.Context, _ int, f found) error {
			n := s.Notice(kind, mail.RecipientState{Name: f.who.Name, Address: f.who.Address}, f.who.Tasks)
			n.At, n.Reason = entry.At, entry.Reason
			m, err := n.Outbox(epoch, 0)
			if err != nil {
				return err
			}
			put, err := p.store.PutMail(ctx, m, s.Now)
			if put {
				planned.Add(1)
			}
			return err
		})
		return int(planned.Load()), true, err
	})
	return err == nil, err
}
