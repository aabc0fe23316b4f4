package settle_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
)

// The product logs a line for most faults, which would bury the tests' own output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// fixture is a set of tables on the real engine, and what tests do with them.
type fixture struct {
	*testkit.Harness
	t testing.TB

	releases, changes, tasks *testkit.Stream

	mu  sync.Mutex
	seq int
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	h := testkit.New(t, testkit.WithStreams)
	return &fixture{Harness: h, t: t, releases: h.Stream("ReleasesTable"), changes: h.Stream("ChangesTable"), tasks: h.Stream("TasksTable")}
}

// matching keeps the records that the template's filter lets through to a consumer.
func matching(records []events.DynamoDBEventRecord, ops ...string) []events.DynamoDBEventRecord {
	var kept []events.DynamoDBEventRecord
	for _, r := range records {
		op, ok := r.Change.NewImage["op"]
		for _, want := range ops {
			if ok && op.DataType() == events.DataTypeString && op.String() == want {
				kept = append(kept, r)
			}
		}
	}
	return kept
}

var (
	settlingOps  = []string{"deployed", "rolled-back", "cancelled"}
	followingOps = []string{"follow"}
)

// write returns who writes, when, and under a new request id.
func (w *fixture) write() dynamo.Write {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	return dynamo.Write{Stamp: release.Stamp{
		At: time.Now().UTC(), By: release.Person{Subject: "u1", Name: "Ada", Email: "ada@example.com"}, Request: fmt.Sprintf("req-%d", w.seq),
	}}
}

func (w *fixture) change(id string, t release.ChangeType) release.Change {
	w.t.Helper()
	c := release.Change{
		ID: id, ChangeType: t, CABDecision: release.DecisionApproved, ApprovalStatus: release.ApprovalApproved, Status: release.ChangeOpen,
		ChangePlan: release.ChangePlan{AffectedCIIDs: []string{}}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1,
	}
	c, err := w.Store.CreateChange(context.Background(), c, w.write())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func newTask(id, change string, status release.TaskStatus) release.Task {
	return release.Task{ID: id, TaskPlan: release.TaskPlan{
		Title: "A laptop", RequesterEmail: "ben@example.com", Status: status, CIIDs: []string{}, ChangeRequestID: change,
	}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1}
}

func (w *fixture) task(id, change string, status release.TaskStatus) {
	w.t.Helper()
	if _, err := w.Store.CreateTask(context.Background(), newTask(id, change, status), w.write()); err != nil {
		w.t.Fatal(err)
	}
}

// release creates a planned release with a window and change requests.
func (w *fixture) release(changes ...string) string {
	w.t.Helper()
	start := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC)
	end := start.Add(2 * time.Hour)
	r := release.Release{Status: release.Planned, Plan: release.Plan{Name: "Spring", ScheduledStart: &start, ScheduledEnd: &end}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1}
	created, err := w.Store.CreateRelease(context.Background(), r, changes, w.write())
	if err != nil {
		w.t.Fatal(err)
	}
	return created.Release.ID
}

// transitionTo takes a release through statuses.
func (w *fixture) transitionTo(id string, to ...release.Status) release.Release {
	w.t.Helper()
	var r release.Release
	for _, status := range to {
		request := release.TransitionRequest{To: status}
		if status == release.RolledBack {
			request.Reason = "checkout fails"
		}
		moved, err := w.Store.Transition(context.Background(), id, request, w.write())
		if err != nil {
			w.t.Fatalf("%s to %s: %v", id, status, err)
		}
		r = moved.Release
	}
	return r
}

func (w *fixture) readTask(id string) release.Task {
	w.t.Helper()
	t, err := w.Store.Task(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *fixture) progress(id string) release.Progress {
	w.t.Helper()
	r, found, err := w.Store.SettlingRelease(context.Background(), id)
	if err != nil || !found || r.Progress() == nil {
		w.t.Fatalf("%s has no settlement: %v", id, err)
	}
	return *r.Progress()
}

// deliverAll hands records to a handler in one batch, and fails the test unless all are
// acknowledged.
func deliverAll(t testing.TB, handler streams.Handler, records []events.DynamoDBEventRecord) {
	t.Helper()
	answer, err := handler(context.Background(), events.DynamoDBEvent{Records: records})
	if err != nil || len(answer.BatchItemFailures) != 0 {
		t.Fatalf("not acknowledged: %v, %v", answer.BatchItemFailures, err)
	}
}

func comments(t release.Task) string {
	var all []string
	for _, c := range t.Comments {
		all = append(all, c.Text)
	}
	return strings.Join(all, " | ")
}
