package dynamo_test

import (
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// An id can be used once, with an Idempotency-Key or without.
func TestCreate_IDInUse_FirstStands(t *testing.T) {
	l := newHarness(t)
	_, err := l.CreateChange(l.ctx, newChange("CHG-1", release.DecisionPending), l.write())
	l.no(err)
	changed := newChange("CHG-1", release.DecisionApproved)
	for _, w := range []dynamo.Write{l.write(), l.withKey("k2")} {
		if _, err := l.CreateChange(l.ctx, changed, w); !release.HasCode(err, "already-exists") {
			t.Errorf("creating the change request again is answered %v, want already-exists", err)
		}
	}
	if c, err := l.Change(l.ctx, "CHG-1"); err != nil || c.CABDecision != release.DecisionPending {
		t.Errorf("the change request is %s, want pending as it was created first: %v", c.CABDecision, err)
	}
	task := newTask("T-1", "CHG-1")
	_, err = l.CreateTask(l.ctx, task, l.write())
	l.no(err)
	task.Title, task.CIIDs = "another", nil
	bare := task
	bare.ChangeRequestID = ""
	for _, try := range []struct {
		task release.Task
		w    dynamo.Write
	}{{task, l.write()}, {bare, l.write()}, {task, l.withKey("k3")}} {
		if _, err := l.CreateTask(l.ctx, try.task, try.w); !release.HasCode(err, "already-exists") {
			t.Errorf("creating the task again is answered %v, want already-exists", err)
		}
	}
	if now, err := l.Task(l.ctx, "T-1"); err != nil || now.Title != "A laptop" {
		t.Errorf("the task is %+v, want it as it was created first: %v", now, err)
	}
}

// Of two requests with one Idempotency-Key, the one that is held up writes nothing, whatever it was
// about to do.
func TestIdempotencyKey_UsedInBetween_WritesNothing(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 2)
	id := l.release("CHG-000")
	for name, run := range map[string]func(s *dynamo.Store, w dynamo.Write) error{
		"create a release": func(s *dynamo.Store, w dynamo.Write) error {
			r, _ := planOf()
			_, err := s.CreateRelease(l.ctx, r, nil, w)
			return err
		},
		"add": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.LinkChanges(l.ctx, id, []string{"CHG-001"}, nil, w)
			return err
		},
		"remove": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.LinkChanges(l.ctx, id, nil, []string{"CHG-000"}, w)
			return err
		},
		"add what is there": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.LinkChanges(l.ctx, id, []string{"CHG-000"}, nil, w)
			return err
		},
		"transition": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.Transition(l.ctx, id, moveTo(release.Approved), w)
			return err
		},
		"append": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.AppendLog(l.ctx, id, "x", "", w)
			return err
		},
		"edit": func(s *dynamo.Store, w dynamo.Write) error {
			return l.editRelease(s, id, w, func(r *release.Release) { r.Name = "edited" })
		},
		"edit nothing": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
				return r, release.LogEntry{Kind: release.LogEdit}, nil
			}, w)
			return err
		},
		"create a change request": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.CreateChange(l.ctx, newChange("CHG-new", release.DecisionPending), w)
			return err
		},
		"decide": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.Decide(l.ctx, "CHG-000", release.DecisionRejected, "", w)
			return err
		},
		"edit a change request": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.UpdateChange(l.ctx, "CHG-000", func(c release.Change) (release.Change, error) {
				c.Title = "edited"
				return c, nil
			}, w)
			return err
		},
		"create a task": func(s *dynamo.Store, w dynamo.Write) error {
			_, err := s.CreateTask(l.ctx, newTask("T-new", ""), w)
			return err
		},
	} {
		others := map[string]func(w dynamo.Write) error{ // in the table where the key is kept
			l.Tables.Releases: func(w dynamo.Write) error {
				_, err := l.AppendLog(l.ctx, id, "first", "", w)
				return err
			},
			l.Tables.Changes: func(w dynamo.Write) error {
				_, err := l.CreateChange(l.ctx, newChange("first of "+name, release.DecisionPending), w)
				return err
			},
			l.Tables.Tasks: func(w dynamo.Write) error {
				_, err := l.CreateTask(l.ctx, newTask("first of "+name, ""), w)
				return err
			},
		}
		s := l.heldUp("TransactWriteItems", func() {
			for _, other := range others {
				l.no(other(l.withKey(name)))
			}
		})
		if err := run(s, l.withKey(name)); !release.HasCode(err, "request-in-progress") {
			t.Errorf("%s: %v, want request-in-progress", name, err)
		}
	}
	l.wantLinks(id, []string{"CHG-000"})
	if r, err := l.Release(l.ctx, id); err != nil || r.Revision != 1 {
		t.Errorf("the release is at revision %d, want 1: %v", r.Revision, err)
	}
	if c, err := l.Change(l.ctx, "CHG-000"); err != nil || c.Revision != 2 {
		t.Errorf("the change request is at revision %d, want 2: %v", c.Revision, err)
	}
}
