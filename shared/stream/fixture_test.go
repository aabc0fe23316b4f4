package stream_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// fixture is the tables on the real engine, and three releases that have come so far
// that a consumer has one piece of work with each.
type fixture struct {
	*testkit.Harness
	t        testing.TB
	bus      *bus.Bus
	buses    string
	ses      string
	began    time.Time
	releases [3]string
	seq      int

	mu    sync.Mutex
	fault inject.Around // of the calls of the consumer's own store
	clock time.Time
}

func newFixture(t testing.TB, options ...testkit.Option) *fixture {
	t.Helper()
	now := time.Now().UTC()
	w := &fixture{Harness: testkit.New(t, options...), t: t, bus: &bus.Bus{}, began: now, clock: now}
	buses, ses := httptest.NewServer(w.bus.Handler()), httptest.NewServer((&mailbox.Mailbox{}).Handler())
	t.Cleanup(buses.Close)
	t.Cleanup(ses.Close)
	w.buses, w.ses = buses.URL+"/_local/eventbridge", ses.URL+"/_local/ses"
	return w
}

func (w *fixture) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *fixture) turn(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(by)
}

// breaks makes the consumer's calls meet a fault from now on; nil mends them.
func (w *fixture) breaks(fault inject.Around) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

// faulty is the consumer's own store.
func (w *fixture) faulty() *dynamo.Store {
	return w.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		w.mu.Lock()
		fault := w.fault
		w.mu.Unlock()
		if fault == nil {
			return do(ctx)
		}
		return fault(ctx, call, do)
	}, nil)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *fixture) write() dynamo.Write {
	w.seq++
	return dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.Person{Subject: "u1", Name: "Ada"}, Request: fmt.Sprint("req-", w.seq)}}
}

// piece makes a release with one change request and one task, and moves it.
func (w *fixture) piece(n int, to ...release.Status) {
	w.t.Helper()
	ctx := context.Background()
	change, at := fmt.Sprintf("CHG-%d", n), w.now()
	must(w.Store.CreateChange(ctx, release.Change{
		ID: change, ChangeType: release.Standard, CABDecision: release.DecisionApproved, ApprovalStatus: release.ApprovalApproved, Status: release.ChangeOpen,
		ChangePlan: release.ChangePlan{Title: "t", AffectedCIIDs: []string{}}, CreatedAt: at, UpdatedAt: at, Revision: 1,
	}, w.write()))(w.t)
	must(w.Store.CreateTask(ctx, release.Task{ID: fmt.Sprintf("T-%d", n), TaskPlan: release.TaskPlan{
		Title: "A laptop", RequesterEmail: fmt.Sprintf("ben%d@example.com", n), Status: release.TaskOpen, CIIDs: []string{}, ChangeRequestID: change,
	}, CreatedAt: at, UpdatedAt: at, Revision: 1}, w.write()))(w.t)
	start, end := at.Add(48*time.Hour).Truncate(time.Second), at.Add(50*time.Hour).Truncate(time.Second)
	created := must(w.Store.CreateRelease(ctx, release.Release{
		Status: release.Planned, Plan: release.Plan{Name: "Spring", ScheduledStart: &start, ScheduledEnd: &end}.Normalise(), CreatedAt: at, UpdatedAt: at, Revision: 1,
	}, []string{change}, w.write()))(w.t)
	w.releases[n] = created.Release.ID
	for _, s := range to {
		must(w.Store.Transition(ctx, created.Release.ID, release.TransitionRequest{To: s}, w.write()))(w.t)
	}
}

var untilDeployed = []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed}
