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

// settleAll runs both consumers on what the streams have.
func (w *fixture) settleAll(s *settle.Settler) {
	w.t.Helper()
	deliverAll(w.t, s.Changes, matching(w.releases.Read(), settlingOps...))
	deliverAll(w.t, s.Tasks, matching(w.changes.Read(), followingOps...))
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
			t.Errorf("%s is %s with %q; want %s with %q", got.ID, got.Status, comments(got), want, deployed)
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
			t.Errorf("%s is %s with %q; want %s with the comments of deployment and rollback", got.ID, got.Status, comments(got), want)
		}
		if reopened := want == "Open"; (got.ReopenedAt != nil) != reopened || (got.ReopenCount == 1) != reopened {
			t.Errorf("%s was reopened at %v, %d times; want it reopened: %t", got.ID, got.ReopenedAt, got.ReopenCount, reopened)
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

// What a settlement costs, in exact counts. With 100 change requests of 100 tasks each it would
// be 102 requests of settle-changes and 10,403 of settle-tasks, 1.0505 for each task.
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
	deliverAll(t, s.Changes, released)
	if got := count.Take(); got["Query"] != 1 || got["BatchGetItem"] != 1 || got["UpdateItem"] != changes || got.Total() != 2+changes {
		t.Errorf("settle-changes made %v; want a Query, a BatchGetItem and %d UpdateItems", got, changes)
	}
	followed := matching(w.changes.Read(), followingOps...)
	deliverAll(t, s.Tasks, followed)
	got := count.Take()
	// The end is recorded in one transaction, on the release and in its log, with a read before
	// it for the place in the log, and one after it in case an announcement came in between.
	if got["UpdateItem"] != changes*tasks+changes || got["GetItem"] != changes+1 || got["Query"] != changes+1 || got["BatchGetItem"] != changes ||
		got["TransactWriteItems"] != 1 || got.Total() != changes*tasks+4*changes+3 {
		t.Errorf("settle-tasks made %v; want %d UpdateItems, %d GetItems, %d Queries, %d BatchGetItems and a transaction", got, changes*tasks+changes, changes+1, changes+1, changes)
	}
	deliverAll(t, s.Changes, released)
	deliverAll(t, s.Tasks, followed)
	if repeated := count.Take(); repeated.Writes() != 0 {
		t.Errorf("delivered again, it wrote: %v", repeated)
	}
	if p := w.progress(id); p.Tasks.Settled != changes*tasks || p.State != "settled" {
		t.Errorf("progress %+v; want settled, %d tasks", p, changes*tasks)
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
	deliverAll(t, s.Changes, records[1:]) // the rollback's
	deliverAll(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	deliverAll(t, s.Changes, records[:1])
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
	deliverAll(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	if followed := matching(w.changes.Read(), followingOps...); len(followed) != 0 {
		t.Errorf("%d records wake settle-tasks; want none", len(followed))
	}
	if p := w.progress(id); p.State != "settled" {
		t.Errorf("progress %+v", p)
	}
	if got := w.readTask("T-1"); got.Status != release.TaskOpen || len(got.Comments) != 0 || got.Revision != 1 {
		t.Errorf("the task was touched: %+v", got)
	}
	other := w.release("CHG-1") // would be refused if the change request were not free
	if c, err := w.Store.Change(context.Background(), "CHG-1"); err != nil || c.ReleaseID != other || c.Epoch() != 0 {
		t.Errorf("the change request is %+v, %v; want it in %s, without a settlement", c, err, other)
	}
}

// A task that is linked while a deployment is being settled follows the deployment if that had
// not reached the change request yet, and does not if it had.
func TestSettlement_TaskLinkedMeanwhile_FollowsWhatIsNewer(t *testing.T) {
	w := newFixture(t)
	w.change("CHG-1", release.Standard)
	id := w.release("CHG-1")
	w.transitionTo(id, untilDeployed...)
	w.task("T-before", "CHG-1", release.TaskOpen)
	s := settle.New(w.Store)
	deliverAll(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	w.task("T-after", "CHG-1", release.TaskOpen)
	deliverAll(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	if got := w.readTask("T-before"); got.Status != release.TaskResolved {
		t.Errorf("the task linked before is %s, want Resolved", got.Status)
	}
	if got := w.readTask("T-after"); got.Status != release.TaskOpen || len(got.Comments) != 0 {
		t.Errorf("the task linked after is %s with %q, want Open without comments", got.Status, comments(got))
	}
	w.transitionTo(id, release.RolledBack)
	w.settleAll(s)
	if got := w.readTask("T-after"); got.Status != release.TaskOpen || comments(got) != "Rollback: checkout fails" || got.ReopenCount != 0 {
		t.Errorf("the task linked after is %+v, want open, never reopened, with the comment of the rollback alone", got)
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
		t.Errorf("it has %q and is %s at epoch %d, want one comment, Closed, epoch 1", comments(got), got.Status, got.AppliedEpoch)
	}
	if p := w.progress(id); p.State != "settled" {
		t.Errorf("progress %+v", p)
	}
}

// Items that somebody deleted from the tables do not keep the others from being settled.
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
	deliverAll(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	w.remove(w.Tables.Changes, "CR#CHG-3")
	deliverAll(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	if got := w.readTask("T-2"); got.Status != release.TaskResolved {
		t.Errorf("the other task is %s, want Resolved", got.Status)
	}
	// CHG-3 was deleted after it had followed the release. Only the sweep looks for it now.
	if p := w.progress(id); p.Changes.Settled != 2 || p.Tasks.Settled != 1 {
		t.Errorf("progress %+v; want 2 changes and 1 task", p)
	}
}

// With clocks that are wrong by five minutes either way, epochs say what came first. The
// rollback comes last on the release, in its log and on the task, although its clock was ten
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
		t.Errorf("the task is %s with %q, want Open with the comments of deployment and rollback", got.Status, comments(got))
	}
	if r.RolledBackAt.Before(*r.ActualEnd) || r.ActualEnd.Before(*r.ActualStart) {
		t.Errorf("began %v, ended %v, rolled back %v; want them in this order", r.ActualStart, r.ActualEnd, r.RolledBackAt)
	}
	entries, _, err := w.Store.LogPage(t.Context(), id, release.LogTransition, 10, "", false)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	slices.Reverse(entries)
	for n, e := range entries {
		if e.Status != r.History[n].To || n > 0 && e.Timestamp.Before(r.History[n-1].At) {
			t.Errorf("entry %d of the log is %s at %v, want %s, not before the entry before it", n, e.Status, e.Timestamp, r.History[n].To)
		}
	}
}

// A task that was deleted does not keep the others from being settled, and the log says how many
// such tasks there were, once for each settlement, however often its records come.
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
		deliverAll(t, s.Changes, announced)
		followed := matching(w.changes.Read(), followingOps...)
		for range 2 {
			deliverAll(t, s.Tasks, followed)
			deliverAll(t, s.Changes, announced)
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
