package settle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit/inject"
)

// announcing returns a sweep that notes in announced what it announces.
func announcing(store *dynamo.Store, announced *[]string) *settle.Sweep {
	var mu sync.Mutex
	return &settle.Sweep{Settler: settle.New(store), Announce: func(ctx context.Context, r release.Release, epoch int) error {
		mu.Lock()
		*announced = append(*announced, fmt.Sprintf("%s#%d", r.ID, epoch))
		mu.Unlock()
		return store.MarkAnnounced(ctx, r.ID, epoch)
	}}
}

// attention returns the releases that the sweep would look at.
func (w *fixture) attention() []string {
	w.t.Helper()
	var ids []string
	err := w.Store.NeedingAttention(context.Background(), time.Now().Add(time.Hour), 50, func(page []dynamo.Unfinished) bool {
		for _, u := range page {
			ids = append(ids, u.ID)
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// later returns arguments for Sweep.Before with which it looks at everything, however short a
// time that has been unfinished.
func later() (time.Time, time.Time) { return time.Now().Add(time.Hour), time.Now() }

// When no stream delivers anything, the sweep does all the work. A second run finds nothing and
// writes nothing.
func TestSweep_WithoutStreams_SettlesAll(t *testing.T) {
	w := newFixture(t)
	for n := range 3 {
		change := w.change(fmt.Sprintf("CHG-%d", n), release.Standard).ID
		w.task(fmt.Sprintf("T-%d", n), change, release.TaskOpen)
	}
	deployed, back, cancelled, idle := w.release("CHG-0"), w.release("CHG-1"), w.release("CHG-2"), w.release()
	w.transitionTo(deployed, untilDeployed...)
	w.transitionTo(back, append(untilDeployed, release.RolledBack)...)
	w.transitionTo(cancelled, release.Cancelled)
	w.transitionTo(idle, release.Approved)

	var announced []string
	var count inject.Counter
	sweep := announcing(w.Under(nil, count.Count), &announced)
	if swept, err := sweep.Before(t.Context(), time.Now().Add(-time.Minute), time.Now()); err != nil || swept.Looked != 0 {
		t.Errorf("it looked at what the streams may still finish: %+v, %v", swept, err)
	}
	at, now := later()
	swept, err := sweep.Before(t.Context(), at, now.Add(42*time.Second))
	if err != nil || swept.Looked != 4 || swept.Repaired != 4 || swept.OldestUnsettled < 42 {
		t.Errorf("swept %+v, %v; want 4 looked at and repaired, the oldest 42 s old", swept, err)
	}
	for id, want := range map[string]release.TaskStatus{"T-0": "Resolved", "T-1": "Open", "T-2": "Open"} {
		if got := w.readTask(id); got.Status != want {
			t.Errorf("%s is %s, want %s", id, got.Status, want)
		}
	}
	if got := w.readTask("T-1"); len(got.Comments) != 2 {
		t.Errorf("the task of the release that was rolled back has %q, want two comments", comments(got))
	}
	for _, id := range []string{deployed, back, cancelled} {
		if p := w.progress(id); p.State != "settled" {
			t.Errorf("the progress of %s is %+v, want settled", id, p)
		}
	}
	var want []string
	for id, epochs := range map[string]int{deployed: 4, back: 5, cancelled: 1, idle: 1} {
		for epoch := range epochs {
			want = append(want, fmt.Sprintf("%s#%d", id, epoch+1))
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(announced)); !slices.Equal(got, want) {
		t.Errorf("announced %v, want %v", got, want)
	}
	if left := w.attention(); len(left) != 0 {
		t.Errorf("%v still need attention", left)
	}
	count.Take()
	if _, err := sweep.Before(t.Context(), at, now); err != nil || count.Take().Writes() != 0 {
		t.Errorf("a second run wrote: %v", err)
	}
}

// A release that cannot be announced does not keep the others waiting, and its own tasks are
// settled all the same.
func TestSweep_OneReleaseFails_OthersAreSwept(t *testing.T) {
	w := newFixture(t)
	var ids []string
	for n := range 3 {
		change := w.change(fmt.Sprintf("CHG-%d", n), release.Standard).ID
		w.task(fmt.Sprintf("T-%d", n), change, release.TaskOpen)
		ids = append(ids, w.release(change))
		w.transitionTo(ids[n], untilDeployed...)
	}
	sweep := settle.Sweep{Settler: settle.New(w.Store), Announce: func(ctx context.Context, r release.Release, epoch int) error {
		if r.ID == ids[0] {
			return errors.New("the bus refuses it")
		}
		return w.Store.MarkAnnounced(ctx, r.ID, epoch)
	}}
	at, now := later()
	swept, err := sweep.Before(t.Context(), at, now)
	if err == nil || swept.Repaired != 2 || swept.Failed != 1 {
		t.Errorf("swept %+v, %v; want the failure reported", swept, err)
	}
	for n := range 3 {
		if got := w.readTask(fmt.Sprintf("T-%d", n)); got.Status != release.TaskResolved {
			t.Errorf("%s is %s, want Resolved", got.ID, got.Status)
		}
	}
	if left := w.attention(); !slices.Equal(left, ids[:1]) {
		t.Errorf("%v need attention, want %v", left, ids[:1])
	}
}

func TestSweep_Deadline_StopsBefore(t *testing.T) {
	w := newFixture(t)
	for range 2 {
		w.transitionTo(w.release(), release.Approved)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	sweep := settle.Sweep{Settler: settle.New(w.Store), Grace: -time.Hour, Announce: func(ctx context.Context, _ release.Release, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	swept, err := sweep.Run(ctx, nil)
	if err == nil || swept.Looked != swept.Failed || ctx.Err() != nil {
		t.Errorf("swept %+v, %v, deadline: %v; want all that it looked at failed, and the deadline not reached", swept, err, ctx.Err())
	}
}

// There are more releases that always fail than a run has time for. Each run goes on where the
// one before stopped, so that a release which can be repaired has its turn.
func TestSweep_ManyThatAlwaysFail_EverybodyHasATurn(t *testing.T) {
	w := newFixture(t)
	const failing = 130
	for range failing {
		w.transitionTo(w.release(), release.Approved)
	}
	time.Sleep(time.Second) // the index sorts by seconds, and those that fail are to be the oldest
	healthy := w.release()
	w.transitionTo(healthy, release.Approved)
	var mu sync.Mutex
	var turns []string
	const perRun = 60
	sweepOnce := func(now time.Time) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := 0
		sweep := settle.Sweep{Settler: settle.New(w.Store), Announce: func(ctx context.Context, r release.Release, epoch int) error {
			mu.Lock()
			defer mu.Unlock()
			if begun++; begun > perRun {
				cancel() // the time is up
				return ctx.Err()
			}
			turns = append(turns, r.ID)
			if r.ID == healthy {
				return w.Store.MarkAnnounced(t.Context(), r.ID, epoch)
			}
			return errors.New("the bus refuses it")
		}}
		if swept, err := sweep.Before(ctx, now.Add(time.Minute), now); err == nil || swept.Failed < perRun-1 {
			t.Errorf("swept %+v, %v; want %d failed or more", swept, err, perRun-1)
		}
	}
	now := time.Now().Add(time.Minute)
	for n := range 3 {
		sweepOnce(now.Add(time.Duration(n) * time.Minute))
	}
	if !slices.Contains(turns, healthy) {
		t.Errorf("in %d turns of %d releases, the one that can be repaired had none", len(turns), failing+1)
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(turns))))
	if distinct < failing {
		t.Errorf("%d turns went to only %d releases, want %d or more", len(turns), distinct, failing)
	}
}

// One run looks at all releases that wait, not only at the first page.
func TestSweep_MoreThanAPage_AllInOneRun(t *testing.T) {
	w := newFixture(t)
	const releases = 130
	for range releases {
		w.transitionTo(w.release(), release.Approved)
	}
	var announced []string
	at, now := later()
	swept, err := announcing(w.Store, &announced).Before(t.Context(), at, now)
	if err != nil || swept.Looked != releases || swept.Repaired != releases {
		t.Errorf("swept %+v, %v; want %d", swept, err, releases)
	}
}

// Counts the requests for each release that a run repairs, and works out how long 10,000 of them
// take: eight releases at once, run after run without a gap, and 10 ms for each request.
func TestSweep_TenThousandUnsettled_DrainWithinAnHour(t *testing.T) {
	w := newFixture(t)
	const releases = 60
	for n := range releases {
		change := w.change(fmt.Sprintf("CHG-%d", n), release.Standard).ID
		w.task(fmt.Sprintf("T-%d", n), change, release.TaskOpen)
		w.transitionTo(w.release(change), untilDeployed...)
	}
	var announced []string
	var count inject.Counter
	at, now := later()
	swept, err := announcing(w.Under(nil, count.Count), &announced).Before(t.Context(), at, now)
	if err != nil || swept.Repaired != releases {
		t.Fatalf("swept %+v, %v", swept, err)
	}
	each := float64(count.Take().Total()) / releases
	took := time.Duration(10_000*each/8) * 10 * time.Millisecond
	if took > time.Hour {
		t.Errorf("10,000 releases at %.1f requests each take %s", each, took)
	}
	t.Logf("10,000 releases at %.1f requests each, eight at once, take %s at 10 ms a request", each, took.Round(time.Second))
}

// dyingCreation creates a release with so many change requests that it takes several chunks, and
// dies between two of them.
func (w *fixture) dyingCreation(changes []string) (id string) {
	w.t.Helper()
	start := time.Now()
	r := release.Release{Status: release.Planned, Plan: release.Plan{Name: "Big"}, CreatedAt: start, UpdatedAt: start, Revision: 1}
	if _, err := w.Under(nil, afterTransactions(1)).CreateRelease(w.t.Context(), r, changes, w.write()); err == nil {
		w.t.Fatal("the creation did not die")
	}
	return w.attention()[0]
}

func (w *fixture) sixtyChanges() []string {
	var changes []string
	for n := range 60 {
		changes = append(changes, w.change(fmt.Sprintf("CHG-%02d", n), release.Standard).ID)
	}
	return changes
}

// A creation that died cannot be completed where another release has taken one of its change
// requests meanwhile. It is undone altogether, rather than completed without that one.
func TestSweep_CreationCannotBeCompleted_EndsAsNeverMade(t *testing.T) {
	w := newFixture(t)
	ctx, changes := t.Context(), w.sixtyChanges()
	id := w.dyingCreation(changes)
	taken := w.release("CHG-59")
	var announced []string
	at, now := later()
	if swept, err := announcing(w.Store, &announced).Before(ctx, at, now); err != nil || swept.Repaired != 1 {
		t.Fatalf("swept %+v, %v", swept, err)
	}
	if _, ok, err := w.Store.SettlingRelease(ctx, id); ok || err != nil {
		t.Errorf("the release is still there: %v", err)
	}
	if left := w.attention(); len(left) != 0 || len(announced) != 0 {
		t.Errorf("%v need attention; told %v", left, announced)
	}
	all, err := w.Store.ChangesByID(ctx, changes)
	if err != nil || len(all) != 60 {
		t.Fatalf("%d change requests are there, want 60: %v", len(all), err)
	}
	for _, c := range all[:59] {
		if c.ReleaseID != "" {
			t.Errorf("%s is linked to %s, want it free", c.ID, c.ReleaseID)
		}
	}
	if all[59].ReleaseID != taken {
		t.Errorf("CHG-59 is linked to %q, want %s", all[59].ReleaseID, taken)
	}
}

// A creation that died between two chunks is completed, and so is a deletion.
func TestSweep_CreationsAndDeletions_AreCompleted(t *testing.T) {
	w := newFixture(t)
	ctx, changes := t.Context(), w.sixtyChanges()
	id := w.dyingCreation(changes)
	var announced []string
	sweep := announcing(w.Store, &announced)
	at, now := later()
	if swept, err := sweep.Before(ctx, at, now); err != nil || swept.Repaired != 1 {
		t.Fatalf("swept %+v, %v", swept, err)
	}
	detail, err := w.Store.ReleaseDetail(ctx, id)
	if err != nil || len(detail.Links) != 60 || len(detail.Release.ChangeIDs) != 60 || len(detail.Release.Linking) != 0 {
		t.Fatalf("%d links, %d ids, %d to link, %v; want all 60", len(detail.Links), len(detail.Release.ChangeIDs), len(detail.Release.Linking), err)
	}
	if left := w.attention(); len(left) != 0 {
		t.Errorf("%v need attention", left)
	}

	dying := w.Under(nil, afterTransactions(2))
	if err := dying.DeleteRelease(ctx, id, w.write()); err == nil {
		t.Fatal("the deletion did not die")
	}
	if _, err := w.Store.Release(ctx, id); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("half-deleted, it reads as %v", err)
	}
	if swept, err := sweep.Before(ctx, at, now); err != nil || swept.Repaired != 1 {
		t.Fatalf("swept %+v, %v", swept, err)
	}
	for _, c := range changes {
		if got, err := w.Store.Change(ctx, c); err != nil || got.ReleaseID != "" {
			t.Errorf("%s is linked to %q, want it free: %v", c, got.ReleaseID, err)
		}
	}
	if _, ok, err := w.Store.SettlingRelease(ctx, id); ok || err != nil {
		t.Errorf("the release is still there: %v", err)
	}
}

// afterTransactions lets a number of transactions through, and then lets everything fail.
func afterTransactions(most int) inject.Around {
	var seen atomic.Int64
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if seen.Load() >= int64(most) {
			return errDead
		}
		if call.Operation == "TransactWriteItems" {
			seen.Add(1)
		}
		return do(ctx)
	}
}
