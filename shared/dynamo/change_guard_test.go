package dynamo_test

import (
	"context"
	"slices"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// When an edit comes between the read and the write of anything that writes a change request, the
// write sees it: nothing of the edit is lost, and no revision is given twice.
func TestChangeWrites_EditInBetween_SeeIt(t *testing.T) {
	const before, other = "CHG-000", "in between"
	for _, test := range []struct {
		name      string
		held      string                  // the operation that is held up
		set       func(l *harness) string // returns the release
		run       func(l *harness, s *dynamo.Store, id string) error
		revisions int  // what the revision is afterwards
		linked    bool // whether it is linked afterwards
	}{
		{
			"link", "TransactWriteItems",
			func(l *harness) string { return l.release() },
			func(l *harness, s *dynamo.Store, id string) error {
				_, err := s.LinkChanges(l.ctx, id, []string{before}, nil, l.write())
				return err
			}, 3, true,
		},
		{
			"create a release", "TransactWriteItems",
			func(*harness) string { return "" },
			func(l *harness, s *dynamo.Store, _ string) error {
				r, ids := planOf(before)
				_, err := s.CreateRelease(l.ctx, r, ids, l.write())
				return err
			}, 3, true,
		},
		{
			"remove", "TransactWriteItems",
			func(l *harness) string { return l.release(before) },
			func(l *harness, s *dynamo.Store, id string) error {
				_, err := s.LinkChanges(l.ctx, id, nil, []string{before}, l.write())
				return err
			}, 4, false,
		},
		{
			"decide", "TransactWriteItems",
			func(l *harness) string { return l.release(before) },
			func(l *harness, s *dynamo.Store, _ string) error {
				_, err := s.Decide(l.ctx, before, release.DecisionRejected, "", l.write())
				return err
			}, 4, true,
		},
		{
			"edit", "TransactWriteItems",
			func(l *harness) string { return l.release(before) },
			func(l *harness, s *dynamo.Store, _ string) error {
				_, err := s.UpdateChange(l.ctx, before, func(c release.Change) (release.Change, error) {
					c.ControlID = "C-1"
					return c, nil
				}, l.write())
				return err
			}, 4, true,
		},
		{
			"delete the release", "TransactWriteItems",
			func(l *harness) string {
				id := l.release(before)
				l.beginDeleting(id)
				return id
			},
			func(l *harness, s *dynamo.Store, id string) error {
				return s.ResumeDeleting(l.ctx, id, l.write().Stamp)
			},
			4, false,
		},
		{
			"follow the release", "UpdateItem",
			func(l *harness) string {
				id := l.release(before)
				l.transition(id, release.Cancelled)
				return id
			},
			func(l *harness, s *dynamo.Store, id string) error {
				c, err := l.Change(l.ctx, before)
				l.no(err)
				r, err := l.Release(l.ctx, id)
				l.no(err)
				_, _, err = s.FollowRelease(l.ctx, c, r)
				return err
			}, 4, false,
		},
	} {
		l := newHarness(t)
		l.changes("CHG", 1)
		id := test.set(l)
		if err := test.run(l, l.heldUp(test.held, func() { l.retitle(before, other) }), id); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		c, err := l.Change(l.ctx, before)
		l.no(err)
		if c.ControlTitle != other || c.Revision != test.revisions || (c.ReleaseID != "") != test.linked {
			t.Errorf("%s: %q at revision %d, linked to %q; want %q at %d, linked: %t", test.name, c.ControlTitle, c.Revision, c.ReleaseID, other, test.revisions, test.linked)
		}
		if !test.linked {
			continue
		}
		now, err := l.ReleaseWithLinks(l.ctx, c.ReleaseID)
		l.no(err)
		if len(now.Links) != 1 || now.Links[0] != c.Link() {
			t.Errorf("%s: the release says %+v of it, want %+v", test.name, now.Links, c.Link())
		}
	}
}

// A change request that two people add at once is added once.
func TestLinkChanges_AddedByAnotherInBetween_Unchanged(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.release()
	s := l.heldUp("BatchGetItem", func() { l.link(id, []string{"CHG-000"}, nil) })
	result, err := s.LinkChanges(l.ctx, id, []string{"CHG-000"}, nil, l.write())
	if err != nil || !slices.Equal(result.Unchanged, []string{"CHG-000"}) {
		t.Errorf("the second is answered %+v, %v; want CHG-000 unchanged", result, err)
	}
	l.wantLinks(id, []string{"CHG-000"})
}

// A removal does not take a change request from another release that it has moved to meanwhile.
func TestLinkChanges_MovedToAnotherReleaseInBetween_StaysThere(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id, other := l.release("CHG-000"), l.release()
	s := l.heldUp("BatchGetItem", func() {
		l.link(id, nil, []string{"CHG-000"})
		l.link(other, []string{"CHG-000"}, nil)
	})
	result, err := s.LinkChanges(l.ctx, id, nil, []string{"CHG-000"}, l.write())
	if err != nil || !slices.Equal(result.Unchanged, []string{"CHG-000"}) {
		t.Errorf("the removal is answered %+v, %v; want CHG-000 unchanged", result, err)
	}
	l.wantLinks(id, nil)
	l.wantLinks(other, []string{"CHG-000"})
}

// While a release is half created, a decision on one of its change requests is refused, and the
// refusal says why.
func TestDecide_HalfCreatedRelease_ConflictLinking(t *testing.T) {
	l := newHarness(t)
	id, _ := l.halfCreated("CHG")
	if _, err := l.Decide(l.ctx, "CHG-000", release.DecisionRejected, "", l.write()); !release.HasCode(err, "linking") {
		t.Errorf("got %v, want linking", err)
	}
	if r, err := l.Release(l.ctx, id); err != nil || len(r.Unapproved) > 0 {
		t.Errorf("unapproved %v, %v", r.Unapproved, err)
	}
}

// Two go on with one creation, and it is undone meanwhile because of a change request that is not in
// the slower one's chunk. So only the guard on the release itself bars the slower one from linking
// change requests to a release that is gone.
func TestFinishCreation_EndedInBetween_ChangesNothing(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 100)
	r, _ := planOf()
	if _, err := l.Under(nil, dyingAfter("TransactWriteItems", 1)).CreateRelease(l.ctx, r, ids, l.write()); err == nil {
		t.Fatal("it did not die")
	}
	id := l.onlyRelease()
	s := l.heldUp("TransactWriteItems", func() {
		l.release(ids[99])
		if _, err := l.FinishCreation(l.ctx, id, l.write().Stamp); !release.HasCode(err, "not-linkable") {
			t.Errorf("got %v, want not-linkable", err)
		}
	})
	if _, err := s.FinishCreation(l.ctx, id, l.write().Stamp); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	l.empty("REL#" + id)
	all, err := l.ChangesByID(l.ctx, ids[:99])
	l.no(err)
	for _, c := range all {
		if c.ReleaseID != "" {
			t.Errorf("%s is linked to %s, want it free", c.ID, c.ReleaseID)
		}
	}
}

// A change request that is edited while a creation links it is linked as edited.
func TestFinishCreation_EditInBetween_SeesIt(t *testing.T) {
	l := newHarness(t)
	id, missing := l.halfCreated("CHG")
	_, err := l.heldUp("TransactWriteItems", func() { l.retitle(missing, "in between") }).FinishCreation(l.ctx, id, l.write().Stamp)
	l.no(err)
	now, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	if n := slices.IndexFunc(now.Links, func(c release.LinkedChange) bool { return c.ID == missing }); n < 0 || now.Links[n].ControlTitle != "in between" {
		t.Errorf("the release's copy of %s does not have the edit: %+v", missing, now.Links)
	}
	if c, err := l.Change(l.ctx, missing); err != nil || c.Revision != 3 {
		t.Errorf("it is at revision %d, want 3: %v", c.Revision, err)
	}
}

// undone begins a creation with 46 change requests, of which the last is taken by another release
// after the first chunk, so that the creation has to be undone. It hands the write that marks the
// release for that to mark, which carries it out.
func (l *harness) undone(mark func(id string, write func() error) error) (id string, err error) {
	l.t.Helper()
	ids := l.changes("CHG", 46)
	reads, writes := 0, 0
	s := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		switch call.Operation {
		case "Query":
			if reads++; reads == 1 { // the creation reads what is left to link
				l.named.Store("other", l.release(ids[45]))
			}
		case "TransactWriteItems":
			if writes++; writes == 2 {
				c, err := l.Change(l.ctx, ids[0])
				l.no(err)
				id = c.ReleaseID
				return mark(id, func() error { return do(ctx) })
			}
		}
		return do(ctx)
	}, nil)
	r, _ := planOf()
	_, err = s.CreateRelease(l.ctx, r, ids, l.write())
	return id, err
}

// A creation that somebody else completes, because the change request has become free again, is not
// undone any more.
func TestCreateRelease_CompletedWhileItIsUndone_Stays(t *testing.T) {
	l := newHarness(t)
	id, err := l.undone(func(id string, write func() error) error {
		l.link(l.releaseOf("other"), nil, []string{"CHG-045"})
		_, err := l.FinishCreation(l.ctx, id, l.write().Stamp)
		l.no(err)
		return write()
	})
	l.no(err)
	now, err := l.ReleaseWithLinks(l.ctx, id)
	if err != nil || len(now.Links) != 46 || len(now.Release.ChangeIDs) != 46 {
		t.Errorf("%d links, %d ids, %v; want 46 of both", len(now.Links), len(now.Release.ChangeIDs), err)
	}
}

// Nobody goes on with a creation that is being undone, and it keeps the attention of the sweep,
// which has to finish it.
func TestFinishCreation_UndoneInBetween_ChangesNothing(t *testing.T) {
	l := newHarness(t)
	id, _ := l.undone(func(id string, write func() error) error {
		s := l.heldUp("TransactWriteItems", func() { l.no(write()) })
		if _, err := s.FinishCreation(l.ctx, id, l.write().Stamp); !release.IsKind(err, release.KindNotFound) {
			t.Errorf("got %v, want not found", err)
		}
		return errDied
	})
	if l.stored(id, "attention") == "" || l.stored(id, "op") != "delete" {
		t.Errorf("its attention is %q, its op %q; want some attention, and delete", l.stored(id, "attention"), l.stored(id, "op"))
	}
	l.no(l.ResumeDeleting(l.ctx, id, l.write().Stamp))
	l.empty("REL#" + id)
}

// If-Match on a change request or a task is checked when it is read and again in the write.
func TestRevisionWrites_StaleIfMatch_PreconditionFailed(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	_, err := l.CreateTask(l.ctx, newTask("T-1", ""), l.write())
	l.no(err)
	retask := func(s *dynamo.Store, title string, w dynamo.Write) error {
		_, err := s.UpdateTask(l.ctx, "T-1", func(t release.Task) (release.Task, error) {
			t.Title = title
			return t, nil
		}, w)
		return err
	}
	for name, test := range map[string]struct {
		revision func() int
		run      func(s *dynamo.Store, w dynamo.Write) error
		edit     func(title string)
	}{
		"decide": {
			func() int { c, _ := l.Change(l.ctx, "CHG-000"); return c.Revision },
			func(s *dynamo.Store, w dynamo.Write) error {
				_, err := s.Decide(l.ctx, "CHG-000", release.DecisionRejected, "", w)
				return err
			},
			func(title string) { l.retitle("CHG-000", title) },
		},
		"edit a change request": {
			func() int { c, _ := l.Change(l.ctx, "CHG-000"); return c.Revision },
			func(s *dynamo.Store, w dynamo.Write) error {
				_, err := s.UpdateChange(l.ctx, "CHG-000", func(c release.Change) (release.Change, error) {
					c.Title = "over it"
					return c, nil
				}, w)
				return err
			},
			func(title string) { l.retitle("CHG-000", title) },
		},
		"edit a task": {
			func() int { t, _ := l.Task(l.ctx, "T-1"); return t.Revision },
			func(s *dynamo.Store, w dynamo.Write) error { return retask(s, "over it", w) },
			func(title string) { l.no(retask(l.Store, title, l.write())) },
		},
	} {
		w := l.write()
		w.IfRevision = test.revision()
		held := l.heldUp("TransactWriteItems", func() { test.edit("in between " + name) })
		if err := test.run(held, w); !release.IsKind(err, release.KindPreconditionFailed) {
			t.Errorf("%s, which moved in between: %v", name, err)
		}
		if err := test.run(l.Store, w); !release.IsKind(err, release.KindPreconditionFailed) {
			t.Errorf("%s, which has moved: %v", name, err)
		}
	}
	c, err := l.Change(l.ctx, "CHG-000")
	l.no(err)
	task, err := l.Task(l.ctx, "T-1")
	l.no(err)
	if c.Title == "over it" || c.CABDecision == release.DecisionRejected || task.Title == "over it" {
		t.Errorf("one of the refused writes has changed something: %+v, %+v", c, task)
	}
}
