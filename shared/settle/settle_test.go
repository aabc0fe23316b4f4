package settle_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit/inject"
)

var untilDeployed = []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed}

func (w *fixture) settleAll(s *settle.Settler) {
	w.t.Helper()
	through(w.t, s.Changes, matching(w.releases.Read(), settlingOps...))
	through(w.t, s.Tasks, matching(w.changes.Read(), followingOps...))
}

func TestSettlement_DeployedAndRolledBack_ReachEveryTask(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Normal)
	w.change("CHG-2", release.Standard)
	for n, status := range release.TaskStatuses {
		w.task(fmt.Sprintf("T-%d", n), "CHG-1", status)
	}
	w.task("T-9", "CHG-2", release.TaskOpen)
	id := w.release("CHG-1", "CHG-2")
	r := w.transitionTo(id, untilDeployed...)
	s := settle.New(w.Store)
	w.settleAll(s)

	deployed := fmt.Sprintf("Resolved as part of release %s, deployed %s", id, r.ActualEnd.Format("2006-01-02T15:04:05Z"))
	for n, want := range []release.TaskStatus{"Resolved", "Resolved", "Resolved", "Resolved", "Closed", "Cancelled"} {
		if got := w.readTask(fmt.Sprintf("T-%d", n)); got.Status != want || comments(got) != deployed {
			t.Errorf("%s is %s with %q; want %s", got.ID, got.Status, comments(got), want)
		}
	}
	if p := w.progress(id); p.State != "settled" || p.Changes.Settled != 2 || p.Tasks.Settled != 7 {
		t.Errorf("progress %+v; want settled, 2 changes, 7 tasks", p)
	}
	w.edit("T-1", func(task release.Task) release.Task { return task.SetStatus(release.TaskClosed, task.UpdatedAt) })

	w.transitionTo(id, release.RolledBack)
	w.settleAll(s)
	for n, want := range []release.TaskStatus{"Open", "Open", "Open", "Resolved", "Closed", "Cancelled"} {
		got := w.readTask(fmt.Sprintf("T-%d", n))
		if got.Status != want || comments(got) != deployed+" | Rollback: checkout fails" {
			t.Errorf("%s is %s with %q; want %s", got.ID, got.Status, comments(got), want)
		}
		if reopened := want == "Open"; (got.ReopenedAt != nil) != reopened || (got.ReopenCount == 1) != reopened {
			t.Errorf("%s: reopened %v, %d times", got.ID, got.ReopenedAt, got.ReopenCount)
		}
	}
	if p := w.progress(id); p.State != "settled" || p.Tasks.Settled != 7 {
		t.Errorf("progress %+v; want settled, 7 tasks", p)
	}
	c, err := w.Store.Change(context.Background(), "CHG-1")
	if err != nil || c.Status != release.ChangeOpen || c.ReleaseID != "" || !c.CABApproved() {
		t.Errorf("after the rollback: %+v, %v; want open, free and still approved", c, err)
	}
}

// The budget of a settlement, as exact counts: with 100 change requests of 100 tasks it is
// 2 + 100 + 4·100 + 10,000 + 1 requests, 1.0503 for each task.
func TestSettlement_Requests_AreCounted(t *testing.T) {
	const changes, tasks = 4, 30
	w := newFixture(t)
	var ids []string
	for n := range changes {
		ids = append(ids, w.change(fmt.Sprintf("CHG-%d", n), release.Standard).ID)
		for m := range tasks {
			w.task(fmt.Sprintf("T-%d-%d", n, m), ids[n], release.TaskOpen)
		}
	}
	id := w.release(ids...)
	w.transitionTo(id, untilDeployed...)
	var count inject.Counter
	s := settle.New(w.Under(nil, count.Count))
	released := matching(w.releases.Read(), settlingOps...)
	through(t, s.Changes, released)
	if got := count.Take(); got["Query"] != 1 || got["BatchGetItem"] != 1 || got["UpdateItem"] != changes || got.Total() != 2+changes {
		t.Errorf("to the change requests: %v", got)
	}
	followed := matching(w.changes.Read(), followingOps...)
	through(t, s.Tasks, followed)
	got := count.Take()
	// The end is one transaction, of what the release says and of its log, with a read before
	// it for the place in the log and one after it for an announcement in between.
	if got["UpdateItem"] != changes*tasks+changes || got["GetItem"] != changes+1 || got["Query"] != changes+1 || got["BatchGetItem"] != changes ||
		got["TransactWriteItems"] != 1 || got.Total() != changes*tasks+4*changes+3 {
		t.Errorf("to the tasks: %v", got)
	}
	through(t, s.Changes, released)
	through(t, s.Tasks, followed)
	if repeated := count.Take(); repeated.Writes() != 0 {
		t.Errorf("delivered again, it wrote: %v", repeated)
	}
	if p := w.progress(id); p.Tasks.Settled != changes*tasks || p.State != "settled" {
		t.Errorf("progress %+v", p)
	}
}

func TestSettlement_RollbackOvertakesDeployment_IsAppliedAfterIt(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	w.task("T-1", "CHG-1", release.TaskOpen)
	id := w.release("CHG-1")
	r := w.transitionTo(id, append(untilDeployed, release.RolledBack)...)
	records := matching(w.releases.Read(), settlingOps...)
	s := settle.New(w.Store)
	through(t, s.Changes, records[1:]) // the rollback's
	through(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	through(t, s.Changes, records[:1])
	w.settleAll(s)
	want := fmt.Sprintf("Resolved as part of release %s, deployed %s | Rollback: checkout fails", id, r.ActualEnd.Format("2006-01-02T15:04:05Z"))
	if got := w.readTask("T-1"); got.Status != release.TaskOpen || comments(got) != want || got.ReopenCount != 1 {
		t.Errorf("%s with %q, reopened %d times; want open with both comments", got.Status, comments(got), got.ReopenCount)
	}
}

func TestSettlement_Cancelled_FreesChangeRequestsAndTellsNoTask(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	w.task("T-1", "CHG-1", release.TaskOpen)
	id := w.release("CHG-1")
	w.transitionTo(id, release.Cancelled)
	s := settle.New(w.Store)
	through(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	if followed := matching(w.changes.Read(), followingOps...); len(followed) != 0 {
		t.Errorf("%d records wake settle-tasks; want none", len(followed))
	}
	if p := w.progress(id); p.State != "settled" {
		t.Errorf("progress %+v", p)
	}
	if got := w.readTask("T-1"); got.Status != release.TaskOpen || len(got.Comments) != 0 || got.Revision != 1 {
		t.Errorf("the task was touched: %+v", got)
	}
	other := w.release("CHG-1") // would be refused if it were held
	if c, err := w.Store.Change(context.Background(), "CHG-1"); err != nil || c.ReleaseID != other || c.Epoch() != 0 {
		t.Errorf("change request %+v, %v", c, err)
	}
}

// A task that is linked while a deployment is on its way follows it if the change
// request had not been reached, and not if it had.
func TestSettlement_TaskLinkedMeanwhile_FollowsWhatIsNewer(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	id := w.release("CHG-1")
	w.transitionTo(id, untilDeployed...)
	w.task("T-before", "CHG-1", release.TaskOpen)
	s := settle.New(w.Store)
	through(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	w.task("T-after", "CHG-1", release.TaskOpen)
	through(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	if got := w.readTask("T-before"); got.Status != release.TaskResolved {
		t.Errorf("linked before: %s", got.Status)
	}
	if got := w.readTask("T-after"); got.Status != release.TaskOpen || len(got.Comments) != 0 {
		t.Errorf("linked after: %s, %q", got.Status, comments(got))
	}
	w.transitionTo(id, release.RolledBack)
	w.settleAll(s)
	if got := w.readTask("T-after"); got.Status != release.TaskOpen || comments(got) != "Rollback: checkout fails" || got.ReopenCount != 0 {
		t.Errorf("linked after, rolled back: %+v", got)
	}
}

// A task that moves between two change requests of one release meets its settlement at
// both, and follows it once.
func TestSettlement_TaskMovesWithinARelease_FollowsOnce(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	w.change("CHG-2", release.Standard)
	w.task("T-1", "CHG-1", release.TaskClosed)
	id := w.release("CHG-1", "CHG-2")
	w.transitionTo(id, untilDeployed...)
	s := settle.New(w.Store)
	one, err := w.Store.Change(context.Background(), "CHG-1")
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Store.Release(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Store.FollowRelease(context.Background(), one, r); err != nil {
		t.Fatal(err)
	}
	w.edit("T-1", func(task release.Task) release.Task { task.ChangeRequestID = "CHG-2"; return task })
	w.settleAll(s)
	if got := w.readTask("T-1"); len(got.Comments) != 1 || got.Status != release.TaskClosed || got.AppliedEpoch != 1 {
		t.Errorf("it has %q, is %s at epoch %d", comments(got), got.Status, got.AppliedEpoch)
	}
	if p := w.progress(id); p.State != "settled" {
		t.Errorf("progress %+v", p)
	}
}

// What somebody deleted from the tables keeps nothing from being settled.
func TestSettlement_ItemGone_IsPassedOver(t *testing.T) {
	w := newFixture(t)
	for _, id := range []string{"CHG-1", "CHG-2", "CHG-3"} {
		w.change(id, release.Standard)
	}
	w.task("T-1", "CHG-1", release.TaskOpen)
	w.task("T-2", "CHG-1", release.TaskOpen)
	id := w.release("CHG-1", "CHG-2", "CHG-3")
	gone := w.release()
	w.transitionTo(gone, release.Cancelled)
	w.transitionTo(id, untilDeployed...)
	w.remove(w.Tables.Tasks, "TASK#T-1")
	w.remove(w.Tables.Changes, "CR#CHG-2")
	w.remove(w.Tables.Releases, "REL#"+gone)
	s := settle.New(w.Store)
	through(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	w.remove(w.Tables.Changes, "CR#CHG-3")
	through(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	if got := w.readTask("T-2"); got.Status != release.TaskResolved {
		t.Errorf("the other task is %s", got.Status)
	}
	// CHG-3 went after it had followed: nobody is woken for it any more but the sweep.
	if p := w.progress(id); p.Changes.Settled != 2 || p.Tasks.Settled != 1 {
		t.Errorf("progress %+v; want 2 changes and 1 task", p)
	}
}

// Clocks five minutes off, this way and that: what came first is said by the epochs. The
// rollback is the end of the story for release, log and task, although its clock was ten
// minutes behind that of the deployment.
func TestSettlement_ClocksMinutesApart_OrderIsTheEpochs(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	w.task("T-1", "CHG-1", release.TaskOpen)
	id := w.release("CHG-1")
	base := time.Now().UTC().Truncate(time.Second)
	var r release.Release
	for n, to := range append(untilDeployed, release.RolledBack) {
		stamp := w.write()
		stamp.At = base.Add(time.Duration([]int{-5, 5, -5, 5, -5}[n]) * time.Minute)
		moved, err := w.Store.Transition(t.Context(), id, release.TransitionRequest{To: to, Reason: map[bool]string{true: "checkout fails"}[to == release.RolledBack]}, stamp)
		if err != nil {
			t.Fatal(err)
		}
		r = moved.Release
	}
	w.settleAll(settle.New(w.Store))
	if got := w.readTask("T-1"); got.Status != release.TaskOpen || len(got.Comments) != 2 || !strings.HasPrefix(got.Comments[0].Text, "Resolved as part of") || got.Comments[1].Text != "Rollback: checkout fails" {
		t.Errorf("the task is %s with %q", got.Status, comments(got))
	}
	if r.RolledBackAt.Before(*r.ActualEnd) || r.ActualEnd.Before(*r.ActualStart) {
		t.Errorf("began %v, ended %v, rolled back %v", r.ActualStart, r.ActualEnd, r.RolledBackAt)
	}
	entries, _, err := w.Store.LogPage(t.Context(), id, release.LogTransition, 10, "", false)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	slices.Reverse(entries)
	for n, e := range entries {
		if e.Status != r.History[n].To || n > 0 && e.Timestamp.Before(r.History[n-1].At) {
			t.Errorf("entry %d: %s at %v", n, e.Status, e.Timestamp)
		}
	}
}

// A task that is gone keeps nothing from being settled, and the history says how many were,
// once for each settlement, however often its records come.
func TestSettlement_TaskGone_IsCountedInTheHistory(t *testing.T) {
	w := newFixture(t)
	for _, id := range []string{"CHG-1", "CHG-2"} {
		w.change(id, release.Standard)
		for n := range 3 {
			w.task(fmt.Sprintf("%s-T%d", id, n), id, release.TaskOpen)
		}
	}
	id := w.release("CHG-1", "CHG-2")
	s := settle.New(w.Store)
	settles := func(want string, to ...release.Status) {
		t.Helper()
		w.transitionTo(id, to...)
		announced := matching(w.releases.Read(), settlingOps...)
		through(t, s.Changes, announced)
		followed := matching(w.changes.Read(), followingOps...)
		for range 2 {
			through(t, s.Tasks, followed)
			through(t, s.Changes, announced)
		}
		entries, _, err := w.Store.LogPage(t.Context(), id, release.LogSettlement, 10, "", false)
		if err != nil || len(entries) == 0 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		if got := fmt.Sprintf("%d entries, %+v, %s", len(entries), *entries[0].Settlement, entries[0].Text); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	w.remove(w.Tables.Tasks, "TASK#CHG-1-T0")
	settles("1 entries, {Epoch:4 Changes:2 Tasks:5 Missing:1}, Settled: 2 change requests and 5 tasks have followed; linked tasks that no longer exist: 1", untilDeployed...)
	w.remove(w.Tables.Tasks, "TASK#CHG-2-T1")
	settles("2 entries, {Epoch:5 Changes:2 Tasks:4 Missing:2}, Settled: 2 change requests and 4 tasks have followed; linked tasks that no longer exist: 2", release.RolledBack)
}

func (w *fixture) edit(id string, edit func(release.Task) release.Task) {
	w.t.Helper()
	_, err := w.Store.UpdateTask(context.Background(), id, func(t release.Task) (release.Task, error) { return edit(t), nil }, w.write())
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *fixture) remove(table, pk string) {
	w.t.Helper()
	_, err := w.Client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &table, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: "M"},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func event(records ...events.DynamoDBEventRecord) events.DynamoDBEvent {
	return events.DynamoDBEvent{Records: records}
}
