package notify_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// arm sets a release's timer, as announce does when the release is scheduled.
func (w *fixture) arm(id string) {
	w.t.Helper()
	r := must(w.Store.Release(w.t.Context(), id))(w.t)
	if err := w.Store.ArmJob(w.t.Context(), mail.WindowJob(id), mail.NextLook(r, w.now()), w.now()); err != nil {
		w.t.Fatal(err)
	}
}

// until runs the schedule at regular intervals until a moment, and returns how many jobs it
// opened.
func (w *fixture) until(at time.Time, every time.Duration) (opened int) {
	w.t.Helper()
	for w.now().Before(at) {
		w.advanceClock(min(every, at.Sub(w.now())))
		opened += w.onTime().Opened
	}
	return opened
}

// Follows a release from ten days before its window until nothing is due any more, with only the
// schedule at work.
func TestTimer_WholeLife_LooksWhenItShould(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	w.task("T-1", "ann", "CHG-1")
	start := began.Add(10 * 24 * hour)
	id := w.scheduled(start, 2*hour, "CHG-1")
	w.manager(id, "rita@example.com")
	w.arm(id)
	w.onTime() // the search for releases without timers finds it armed

	if n := w.until(start.Add(-7*24*hour), 6*hour); n != 0 {
		t.Errorf("%d looks before it was due", n)
	}
	w.wantStates("")
	if n := w.until(start.Add(-7*24*hour+15*time.Minute), 5*time.Minute); n != 1 {
		t.Errorf("%d looks when it became due", n)
	}
	w.wantStates("ann heads-up 1 sent, rita window-fixed 1 sent")

	// The requester of a new task is told at the next look, at most a day later.
	w.task("T-2", "bob", "CHG-1")
	if n := w.until(start.Add(-6*24*hour+15*time.Minute), 30*time.Minute); n != 1 {
		t.Errorf("%d looks in a day", n)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, rita window-fixed 1 sent")

	if n := w.until(start.Add(-24*hour), hour); n != 4 { // the fifth is due right after
		t.Errorf("%d looks in the days before the last", n)
	}
	w.task("T-3", "cid", "CHG-1")
	if n := w.until(start, 30*time.Minute); n != 4 {
		t.Errorf("%d looks on the last day", n)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent, rita window-fixed 1 sent")

	// Nobody begins the release: its manager is told so, once, and then it rests.
	if n := w.until(start.Add(5*hour), 30*time.Minute); n != 2 {
		t.Errorf("%d looks at and after the window", n)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent, rita window-fixed 1 sent, rita window-over 1 sent")
	if n := w.until(start.Add(30*24*hour), 12*hour); n != 0 {
		t.Errorf("%d looks at a release that rests", n)
	}
	// Another look, by hand or because of a late record, reminds nobody again.
	w.headsUp()
	w.wantMails(5)
	// Of another window people are told, and the manager is reminded again.
	w.window(id, w.now().Add(48*hour), hour)
	w.headsUp()
	w.wantMails(9)
	w.until(w.now().Add(52*hour), hour)
	if got := w.states(); !strings.HasSuffix(got, "rita window-over 1 sent, rita window-moved 2 sent, rita window-over 2 sent") {
		t.Errorf("the outbox is %s; want it to end with the manager's mails about the new window", got)
	}
}

// manager gives a release a manager.
func (w *fixture) manager(id, email string) {
	w.t.Helper()
	must(w.ops.UpdateRelease(w.ctx, id, []byte(`{"releaseManagerEmail":"`+email+`"}`), operations.Precondition{}))(w.t)
}

// A release that an earlier version scheduled has no timer. The schedule finds such releases, also
// those that the earlier version schedules during the upgrade, and tells nobody twice.
func TestTimer_ScheduledByAnEarlierVersion_ArmedAndNobodyToldTwice(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	w.task("T-1", "ann", "CHG-1")
	informed := w.scheduled(began.Add(60*hour), hour, "CHG-1")
	w.headsUp()
	w.wantStates("ann heads-up 1 sent")
	w.asEarlierVersionLeftIt(informed)
	w.change("CHG-2")
	w.task("T-2", "bob", "CHG-2")
	w.scheduled(began.Add(50*hour), hour, "CHG-2")
	w.advanceClock(time.Minute)
	w.onTime() // arms
	w.advanceClock(time.Minute)
	if r := w.onTime(); r.Opened != 2 {
		t.Errorf("%d releases were looked at, want 2", r.Opened)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent")
	w.advanceClock(5 * time.Minute)
	if r := w.onTime(); r.Opened != 0 {
		t.Errorf("%d releases were looked at again, want none", r.Opened)
	}
	w.change("CHG-3")
	w.task("T-3", "cid", "CHG-3")
	w.advanceClock(hour)
	w.scheduled(w.now().Add(40*hour), hour, "CHG-3")
	w.until(w.now().Add(15*time.Minute), 5*time.Minute)
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent")
	w.wantMails(3)
}

// The search for releases without timers goes on where the run before stopped, over more releases
// than one run looks at. It begins again at the end, and stops after two days.
func TestTimer_Walk_ReachesAllAndEnds(t *testing.T) {
	t.Parallel()
	var n inject.Counter
	w := newFixture(t, fixtureOptions{around: n.Count})
	want := map[string]int{}
	for range 7 {
		want[w.scheduled(began.Add(30*24*hour), hour)] = 2
	}
	rests := w.scheduled(began.Add(30*24*hour), hour) // its job is closed, as after its window
	if err := w.Store.OpenJob(t.Context(), mail.WindowJob(rests), w.now()); err != nil {
		t.Fatal(err)
	}
	w.closeJob(rests)
	got := map[string]int{}
	for range 6 { // 3 + 3 + 2, twice
		walk := must(w.Store.TimerWalk(t.Context()))(t)
		for _, id := range must(w.Store.WithoutTimer(t.Context(), walk, 3, w.now()))(t) {
			got[id]++
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	w.onTime()
	w.advanceClock(49 * hour)
	w.onTime()
	n.Take()
	must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t)
	if c := n.Take(); c["BatchGetItem"] != 0 {
		t.Errorf("two days later a run still searches: %v", c)
	}
}

// closeJob closes the job of a release's window, so that nothing is due any more.
func (w *fixture) closeJob(id string) {
	w.t.Helper()
	j, found, err := w.Store.Job(w.t.Context(), mail.WindowJob(id))
	if err != nil || !found {
		w.t.Fatal(found, err)
	}
	if err := w.Store.CloseJob(w.t.Context(), j, time.Time{}, w.now()); err != nil {
		w.t.Fatal(err)
	}
}

// asEarlierVersionLeftIt leaves the job of a release's window done and without a timer.
func (w *fixture) asEarlierVersionLeftIt(id string) {
	w.t.Helper()
	must(w.Client.UpdateItem(w.t.Context(), &dynamodb.UpdateItemInput{
		TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "JOB#" + id}, "sk": &types.AttributeValueMemberS{Value: "window"},
		},
		UpdateExpression:          aws.String("SET op = :planned REMOVE dueKey, dueAt"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":planned": &types.AttributeValueMemberS{Value: "planned"}},
	}))(w.t)
}

// Releases for which nothing is due cost nothing: ten runs read little and write nothing.
func TestTimer_NothingNew_FewReadsNoWrites(t *testing.T) {
	t.Parallel()
	var n inject.Counter
	w := newFixture(t, fixtureOptions{around: n.Count})
	for k := range 12 {
		id := w.scheduled(began.Add(30*24*hour), hour)
		w.arm(id)
		if k == 0 {
			w.transition(id, release.Cancelled)
		}
	}
	w.onTime()
	n.Take()
	for range 10 {
		w.advanceClock(5 * time.Minute)
		must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t)
	}
	if c := n.Take(); c.Writes() != 0 || c.Total() > 100 {
		t.Errorf("ten runs take %v; each may take 10 requests and write nothing", c)
	}
	w.advanceClock(49 * hour)
	w.onTime()
	n.Take()
	must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t)
	if c := n.Take(); c.Total() > 5 {
		t.Errorf("once the search for releases of earlier versions has ended, a run makes %v; want at most 5 requests", c)
	}
}

// Everything that becomes due at once is opened in one run.
func TestTimer_ManyDueAtOnce_OpenedInOneRun(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	const jobs = 600
	for k := range jobs {
		if err := w.Store.ArmJob(t.Context(), mail.WindowJob(fmt.Sprintf("REL-2026-Q1-%03d", k)), began, began); err != nil {
			t.Fatal(err)
		}
	}
	w.advanceClock(time.Minute)
	if r := must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t); r.Opened != jobs || *r.Overdue != 0 {
		t.Errorf("opened %d, overdue %d; want %d and none", r.Opened, *r.Overdue, jobs)
	}
	// Nobody planned them: they are late, and opened again.
	w.advanceClock(mail.ReplanAfter + time.Minute)
	if r := must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t); r.Opened != jobs || *r.Overdue != jobs {
		t.Errorf("later it opened %d, overdue %d; want %d both", r.Opened, *r.Overdue, jobs)
	}
}

// If a window begins before anybody was told of it, that is logged for the operator, once.
func TestTimer_BegunBeforeAnybodyWasTold_LoggedOnce(t *testing.T) { //nolint:paralleltest // the log is the process's
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	w.task("T-1", "dan", "CHG-1")
	w.change("CHG-2")
	id := w.scheduled(began.Add(hour), 2*hour, "CHG-1")
	w.scheduled(began.Add(hour), 2*hour, "CHG-2") // touches nobody
	w.advanceClock(hour)                          // and nothing ran
	text := logs(t, func() {
		for range 8 {
			w.advanceClock(5 * time.Minute)
			w.onTime()
		}
	})
	if n := strings.Count(text, "plan: missed: the window has begun and nobody was told of it"); n != 1 || !strings.Contains(text, `"release":"`+id+`"`) {
		t.Errorf("it was logged %d times, want once, with the release %s: %s", n, id, text)
	}
	w.wantStates("")
}

// A run whose time is up reports no figure that it has not read.
func TestHeadsUp_TimeIsUp_NoNumbers(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if r, err := w.planner.Run(ctx, []byte(`{"sparing":true}`)); err == nil || r.Overdue != nil {
		t.Errorf("it reports %+v, %v; want an error and no figure", r, err)
	}
	if _, err := w.planner.Run(t.Context(), []byte(`{"sparing":true,"resend":["x"]}`)); err == nil || !strings.Contains(err.Error(), "tend-outbox") {
		t.Errorf("somebody who resends the old way is answered %v; want an error that names tend-outbox", err)
	}
}
