package dynamo_test

import (
	"slices"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// deployed creates a release with CHG-000 and deploys it, so that it has to be settled, and announces
// it except for its last epochs.
func (l *harness) deployed(unannounced int) string {
	l.t.Helper()
	id := l.release("CHG-000")
	l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	l.announced(id, 4-unannounced)
	return id
}

func (l *harness) announced(id string, upTo int) {
	l.t.Helper()
	for epoch := 1; epoch <= upTo; epoch++ {
		l.no(l.MarkAnnounced(l.ctx, id, epoch))
	}
}

// giveBack lets CHG-000 follow its release, which is rolled back or cancelled and so frees it.
func (l *harness) giveBack(id string) {
	l.t.Helper()
	c, err := l.Change(l.ctx, "CHG-000")
	l.no(err)
	r, err := l.Release(l.ctx, id)
	l.no(err)
	c, _, err = l.FollowRelease(l.ctx, c, r)
	if l.no(err); c.ReleaseID != "" {
		l.t.Errorf("CHG-000 is linked to %s, want it free", c.ReleaseID)
	}
}

// through records CHG-000, the last of its release, as through, and dies before it records the end.
func (l *harness) through(id string, epoch int) {
	l.t.Helper()
	if err := l.Under(nil, dyingAfter("UpdateItem", 1)).ChangeIsThrough(l.ctx, id, epoch, "CHG-000", dynamo.Followed{Tasks: 1}, time.Now()); err == nil {
		l.t.Error("recording it did not die")
	}
}

// wants checks attributes of a release's item.
func (l *harness) wants(id, what string, want map[string]string) {
	l.t.Helper()
	for attribute, value := range want {
		if got := l.stored(id, attribute); got != value {
			l.t.Errorf("%s: %s is %q, want %q", what, attribute, got, value)
		}
	}
}

// settles checks how far a release's settlement has come.
func (l *harness) settles(id, what string, unsettled []string, tasks int, finished bool) {
	l.t.Helper()
	r, found, err := l.SettlingRelease(l.ctx, id)
	l.no(err)
	if !found || !slices.Equal(r.Settling.Unsettled, unsettled) || r.Settling.SettledTasks != tasks || r.Finished != finished {
		l.t.Errorf("%s: %+v, finished %v; want %q left, %d tasks, finished %v", what, r.Settling, r.Finished, unsettled, tasks, finished)
	}
}

func TestChangeIsThrough_Repeated_CountsOnce(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 2)...)
	l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	for range 2 {
		l.no(l.ChangeIsThrough(l.ctx, id, 4, "CHG-000", dynamo.Followed{Tasks: 3}, time.Now()))
		l.settles(id, "one of two through", []string{"CHG-001"}, 3, false)
	}
	for range 2 {
		l.no(l.ChangeIsThrough(l.ctx, id, 4, "CHG-001", dynamo.Followed{Tasks: 4}, time.Now()))
		l.settles(id, "both through", nil, 7, true)
	}
	l.wants(id, "twice through", map[string]string{"settledTasks": "7", "settledEpoch": "4", "unsettled": ""})
}

func TestChangeIsThrough_OvertakenByRollback_LeavesItUnsettled(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.deployed(0)
	l.transition(id, release.RolledBack)
	l.no(l.ChangeIsThrough(l.ctx, id, 4, "CHG-000", dynamo.Followed{Tasks: 3}, time.Now()))
	l.wants(id, "through for the deployment", map[string]string{"settledTasks": "0", "settledEpoch": "0", "unsettled": "*types.AttributeValueMemberSS"})
	l.settles(id, "through for the deployment", []string{"CHG-000"}, 0, false)
}

// endings are the two ways in which the end of a settlement is recorded: together with the last change
// request that is through or, if that dies, by the sweep. Meanwhile something happens.
func (l *harness) endings() map[string]func(id string, epoch int, meanwhile func()) error {
	return map[string]func(id string, epoch int, meanwhile func()) error{
		"the last one through": func(id string, epoch int, meanwhile func()) error {
			return l.heldUp("TransactWriteItems", meanwhile).ChangeIsThrough(l.ctx, id, epoch, "CHG-000", dynamo.Followed{Tasks: 1}, time.Now())
		},
		"the sweep": func(id string, epoch int, meanwhile func()) error {
			l.through(id, epoch)
			return l.heldUp("TransactWriteItems", meanwhile).EndSettlement(l.ctx, id, time.Now())
		},
	}
}

// If the release is rolled back while the end of the deployment's settlement is being recorded, it
// keeps the sweep's attention.
func TestEndSettlement_RollbackInBetween_KeepsAttention(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	for name, end := range l.endings() {
		id := l.deployed(0)
		l.no(end(id, 4, func() { l.transition(id, release.RolledBack) }))
		l.wants(id, name+" after a rollback", map[string]string{"attention": "1", "op": "rolled-back", "settledEpoch": "0"})
		l.giveBack(id)
	}
}

// The end is recorded once, since its stream record makes people be told.
func TestEndSettlement_AnotherInBetween_RecordsItOnce(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	for name, end := range l.endings() {
		id := l.deployed(0)
		l.no(end(id, 4, func() {
			l.no(l.EndSettlement(l.ctx, id, time.Now()))
			l.renameRelease(id, "other")
		}))
		l.wants(id, name+" after another", map[string]string{"attention": "", "op": "patch", "settledEpoch": "4"})
		l.transition(id, release.RolledBack)
		l.giveBack(id)
	}
}

// A deletion that died is left to the sweep, even if a settlement ends meanwhile.
func TestEndSettlement_DeletionBegun_KeepsAttention(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	for name, end := range l.endings() {
		for _, before := range []bool{true, false} {
			id := l.release("CHG-000")
			l.transition(id, release.Cancelled)
			l.announced(id, 1)
			meanwhile := func() { l.beginDeleting(id) }
			if before {
				meanwhile()
				meanwhile = func() {}
			}
			l.no(end(id, 1, meanwhile))
			l.wants(id, name+" of what is being deleted", map[string]string{"attention": "1"})
			l.no(l.ResumeDeleting(l.ctx, id, l.write().Stamp))
		}
	}
}

func TestMarkAnnounced_Repeated_WritesOnce(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.transition(id, release.Approved)
	l.announced(id, 1)
	l.renameRelease(id, "other")
	l.announced(id, 1)
	l.wants(id, "announced again", map[string]string{"announced": "1", "op": "patch", "attention": ""})
}

// When a status change has been announced, the release keeps the sweep's attention for as long as
// anything else about it is unfinished.
func TestMarkAnnounced_SomethingUnfinished_KeepsAttention(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.transition(id, release.Approved, release.Scheduled)
	l.announced(id, 1)
	l.wants(id, "a later change of status", map[string]string{"announced": "1", "attention": "1"})
	l.announced(id, 2)
	l.wants(id, "all announced", map[string]string{"announced": "2", "attention": ""})

	l.changes("CHG", 1)
	id = l.deployed(1)
	l.announced(id, 4)
	l.wants(id, "an unfinished settlement", map[string]string{"announced": "4", "attention": "1"})

	id = l.release()
	l.transition(id, release.Cancelled)
	l.beginDeleting(id)
	l.announced(id, 1)
	l.wants(id, "an unfinished deletion", map[string]string{"announced": "1", "attention": "1"})
}

func TestMarkAnnounced_LaterOneInBetween_LaterStands(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.transition(id, release.Approved, release.Scheduled)
	s := l.heldUpAt("UpdateItem", func(n int64) {
		if n == 2 {
			l.no(l.MarkAnnounced(l.ctx, id, 2))
		}
	})
	l.no(s.MarkAnnounced(l.ctx, id, 1))
	l.wants(id, "the first after the second", map[string]string{"announced": "2", "attention": ""})
}

// If the settlement ends while an announcement is being recorded that found it unfinished, the release
// loses the sweep's attention, unless something new begins in between.
func TestMarkAnnounced_SettlementEndsMeanwhile_ClearsAttention(t *testing.T) {
	for _, test := range []struct {
		what      string
		prepare   func(l *harness) (id string, epoch int)
		then      func(l *harness, id string)
		attention string
	}{
		{"nothing", func(l *harness) (string, int) { return l.deployed(1), 4 }, func(*harness, string) {}, ""},
		{"a rollback", func(l *harness) (string, int) { return l.deployed(1), 4 }, func(l *harness, id string) { l.transition(id, release.RolledBack) }, "1"},
		{"a deletion", func(l *harness) (string, int) {
			id := l.release("CHG-000")
			l.transition(id, release.Cancelled)
			return id, 1
		}, func(l *harness, id string) { l.beginDeleting(id) }, "1"},
	} {
		l := newHarness(t)
		l.changes("CHG", 1)
		id, epoch := test.prepare(l)
		s := l.heldUpAt("UpdateItem", func(n int64) {
			switch n {
			case 2: // it was found unsettled
				l.no(l.ChangeIsThrough(l.ctx, id, epoch, "CHG-000", dynamo.Followed{Tasks: 1}, time.Now()))
			case 3: // nothing seems to be left
				test.then(l, id)
			}
		})
		l.no(s.MarkAnnounced(l.ctx, id, epoch))
		l.wants(id, test.what, map[string]string{"attention": test.attention})
	}
}

// If a person edits the task between the settlement's read and its write, both take effect.
func TestFollowChange_EditInBetween_SeesIt(t *testing.T) {
	l := newHarness(t)
	id := func() string {
		l.changes("CHG", 1)
		_, err := l.CreateTask(l.ctx, newTask("T-1", "CHG-000"), l.write())
		l.no(err)
		id := l.release("CHG-000")
		l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
		return id
	}()
	r, err := l.Release(l.ctx, id)
	l.no(err)
	task, err := l.Task(l.ctx, "T-1")
	l.no(err)
	s := l.heldUp("UpdateItem", func() {
		l.editTask(l.Store, "T-1", func(t *release.Task) { t.Title, t.Status = "other", release.TaskClosed })
	})
	moved, err := s.FollowChange(l.ctx, task, "CHG-000", r.Settlements())
	if err != nil || !moved {
		t.Errorf("the task followed: %v, want true: %v", moved, err)
	}
	if task, err = l.Task(l.ctx, "T-1"); err != nil || task.Title != "other" || task.Status != release.TaskClosed || len(task.Comments) != 1 || task.Revision != 3 {
		t.Errorf("the task is %+v, want it edited, closed and with the comment, at revision 3: %v", task, err)
	}
}

func (l *harness) editTask(s *dynamo.Store, id string, edit func(*release.Task)) {
	l.t.Helper()
	_, err := s.UpdateTask(l.ctx, id, func(t release.Task) (release.Task, error) {
		edit(&t)
		return t, nil
	}, l.write())
	l.no(err)
}

// Two edits of a task at once: the later one sees the earlier.
func TestUpdateTask_AnotherEditInBetween_SeesIt(t *testing.T) {
	l := newHarness(t)
	_, err := l.CreateTask(l.ctx, newTask("T-1", ""), l.write())
	l.no(err)
	s := l.heldUp("TransactWriteItems", func() { l.editTask(l.Store, "T-1", func(t *release.Task) { t.Title = "other" }) })
	l.editTask(s, "T-1", func(t *release.Task) { t.Status = release.TaskOnHold })
	if task, err := l.Task(l.ctx, "T-1"); err != nil || task.Title != "other" || task.Status != release.TaskOnHold || task.Revision != 3 {
		t.Errorf("the task is %+v, want both edits, at revision 3: %v", task, err)
	}
}

// If a settlement reaches the change request while a task is being linked to it, moved to it or moved
// away, the task either counts the settlement as applied or has not met it, never half.
func TestTaskLinks_SettlementReachesTheRequestInBetween_SeeIt(t *testing.T) {
	for name, test := range map[string]struct {
		create   func(l *harness)
		run      func(l *harness, s *dynamo.Store)
		applied  int // the settlements that the task has behind it
		comments int // comments it got from them
	}{
		"create": {
			func(*harness) {},
			func(l *harness, s *dynamo.Store) {
				_, err := s.CreateTask(l.ctx, newTask("T-1", "CHG-000"), l.write())
				l.no(err)
			}, 1, 0,
		},
		"move to it": {
			func(l *harness) {
				_, err := l.CreateTask(l.ctx, newTask("T-1", ""), l.write())
				l.no(err)
			},
			func(l *harness, s *dynamo.Store) {
				l.editTask(s, "T-1", func(t *release.Task) { t.ChangeRequestID = "CHG-000" })
			}, 1, 0,
		},
		"move away": {
			func(l *harness) {
				_, err := l.CreateTask(l.ctx, newTask("T-1", "CHG-000"), l.write())
				l.no(err)
			},
			func(l *harness, s *dynamo.Store) {
				l.editTask(s, "T-1", func(t *release.Task) { t.ChangeRequestID = "" })
			}, 0, 1,
		},
	} {
		l := newHarness(t)
		l.changes("CHG", 1)
		test.create(l)
		id := l.release("CHG-000")
		l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.RolledBack)
		s := l.heldUp("TransactWriteItems", func() {
			r, err := l.Release(l.ctx, id)
			l.no(err)
			c, err := l.Change(l.ctx, "CHG-000")
			l.no(err)
			_, _, err = l.FollowRelease(l.ctx, c, r)
			l.no(err)
		})
		test.run(l, s)
		if task, err := l.Task(l.ctx, "T-1"); err != nil || task.AppliedEpoch != test.applied || len(task.Comments) != test.comments {
			t.Errorf("%s: %d settlements are applied, with %d comments; want %d and %d: %v", name, task.AppliedEpoch, len(task.Comments), test.applied, test.comments, err)
		}
	}
}
