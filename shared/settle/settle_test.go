package settle_test

import (
	"fmt"
	"testing"

	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
)

func TestADeploymentAndItsRollbackReachEveryTask(t *testing.T) {
	w := newWorld(t)
	w.change("CHG-1", release.Normal)
	w.change("CHG-2", release.Standard)
	for n, status := range release.TaskStatuses {
		w.task(fmt.Sprintf("T-%d", n), "CHG-1", status)
	}
	w.task("T-9", "CHG-2", release.TaskOpen)
	id := w.release("CHG-1", "CHG-2")
	r := w.move(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)

	var count inject.Counter
	s := settle.New(w.under(nil, count.Count))
	released := matching(w.releases.read(), settlingOps...)
	through(t, s.Changes, released)
	followed := matching(w.changes.read(), followingOps...)
	through(t, s.Tasks, followed)

	deployed := fmt.Sprintf("Resolved as part of release %s, deployed %s", id, r.ActualEnd.Format("2006-01-02T15:04:05Z"))
	for n, want := range []release.TaskStatus{"Resolved", "Resolved", "Resolved", "Resolved", "Closed", "Cancelled"} {
		if got := w.readTask(fmt.Sprintf("T-%d", n)); got.Status != want || comments(got) != deployed {
			t.Errorf("%s is %s with %q; want %s", got.ID, got.Status, comments(got), want)
		}
	}
	if p := w.progress(id); p.State != "settled" || p.Changes.Settled != 2 || p.Tasks.Settled != 7 {
		t.Errorf("progress %+v; want settled, 2 changes, 7 tasks", p)
	}
	t.Logf("deployment: %v", count.Take())

	through(t, s.Changes, released)
	through(t, s.Tasks, followed)
	if again := count.Take(); again.Writes() != 0 {
		t.Errorf("delivered again, it wrote: %v", again)
	}

	w.move(id, release.RolledBack)
	through(t, s.Changes, matching(w.releases.read(), settlingOps...))
	through(t, s.Tasks, matching(w.changes.read(), followingOps...))
	for n, want := range []release.TaskStatus{"Open", "Open", "Open", "Resolved", "Closed", "Cancelled"} {
		if got := w.readTask(fmt.Sprintf("T-%d", n)); got.Status != want || comments(got) != deployed+" | Rollback: checkout fails" {
			t.Errorf("%s is %s with %q; want %s", got.ID, got.Status, comments(got), want)
		}
	}
	if p := w.progress(id); p.State != "settled" || p.Tasks.Settled != 7 {
		t.Errorf("progress %+v; want settled, 7 tasks", p)
	}
}
