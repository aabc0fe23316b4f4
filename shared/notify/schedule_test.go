package notify_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Fault 22: the schedule comes twice, late, or not at all.
func TestHeadsUp_TwiceLateMissed_OneMail(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann", "bob")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := w.planner.Run(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if _, err := w.planner.Plan(t.Context(), mail.WindowJob(id)); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	w.plan()
	w.send()
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent")

	late := w.scheduled(began.Add(100*hour), hour)
	w.change("CHG-2", "ci")
	w.task("T-late", "cid", "", "ci")
	must(w.Store.LinkChanges(t.Context(), late, []string{"CHG-2"}, nil, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "link"}}))(t)
	w.turn(100*hour - time.Minute)
	w.headsUp()
	if got := w.states(); !strings.Contains(got, "cid heads-up 1 sent") {
		t.Errorf("not told a minute before: %s", got)
	}

	w.change("CHG-3", "ci-3")
	w.task("T-missed", "dan", "", "ci-3")
	w.scheduled(w.now().Add(hour), hour, "CHG-3")
	w.turn(hour)
	before := w.states()
	w.headsUp()
	if w.states() != before || strings.Contains(before, "dan") {
		t.Errorf("told, though it had begun: %s", w.states())
	}
}

// Due is a matter of instants, whatever clocks and calendars do: seven days are 168
// hours, across the end of winter time and a leap day as well.
func TestHeadsUp_ClockChangesAndLeapDays_DueOnTime(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]time.Time{
		"clocks go forward": time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC),
		"clocks go back":    time.Date(2026, 10, 27, 0, 30, 0, 0, time.UTC),
		"leap day":          time.Date(2028, 3, 3, 0, 30, 0, 0, time.UTC),
		"new year":          time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t, fixtureOptions{})
			w.change("CHG-1")
			w.task("T-1", "ann", "CHG-1")
			w.scheduled(start, hour, "CHG-1")
			w.turn(start.Sub(began) - 7*24*hour)
			w.headsUp()
			w.wantStates("") // less than seven days, not seven
			w.turn(time.Second)
			w.headsUp()
			w.wantStates("ann heads-up 1 sent")
			w.headsUp()
			w.wantMails(1)
		})
	}
}

// The functions of the schedules run in sandboxes whose clocks are up to five minutes off
// either way: people are told once, at most five minutes early or late, and never of a
// window that has begun.
func TestHeadsUp_ClocksMinutesApart_ToldOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	w.task("T-1", "ann", "CHG-1")
	start := began.Add(7*24*hour + 30*time.Minute)
	w.scheduled(start, 2*hour, "CHG-1")
	mailed := time.Duration(-1)
	for minute := 0; minute <= 60; minute += 5 {
		off := time.Duration([]int{-5, 5, 0, 5, -5}[minute/5%5]) * time.Minute
		w.turn(off)
		w.onTime()
		w.turn(-off)
		if mailed < 0 && len(w.inbox.Mails()) > 0 {
			mailed = time.Duration(minute) * time.Minute
		}
		w.turn(5 * time.Minute)
	}
	// It is due after half an hour.
	if mailed < 25*time.Minute || mailed > 50*time.Minute {
		t.Errorf("mailed after %v", mailed)
	}
	w.wantMails(1)
	w.wantStates("ann heads-up 1 sent")
}

// A window that moves before the first mail has left: only the last is told.
func TestHeadsUp_WindowMovesBeforeTheMailLeft_OneMail(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.window(id, began.Add(50*hour), hour)
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.wantStates("ann heads-up 1 superseded, ann heads-up 2 pending")
	w.send()
	w.wantStates("ann heads-up 1 superseded, ann heads-up 2 sent")

	// It moves after planning, before sending: the sender sees it.
	w.window(id, began.Add(60*hour), hour)
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.window(id, began.Add(70*hour), hour)
	w.send()
	w.wantStates("ann heads-up 1 superseded, ann heads-up 2 sent, ann rescheduled 3 superseded")
	w.headsUp()
	w.wantStates("ann heads-up 1 superseded, ann heads-up 2 sent, ann rescheduled 3 superseded, ann rescheduled 4 sent")
	mails := w.inbox.Mails()
	if len(mails) != 2 || sequence(mails[1]) != "4" || !strings.Contains(mails[1].Text, "Instead of") || !strings.Contains(mails[1].Text, "3 March 2026, 12:00") {
		t.Errorf("told of the window they knew? %v", mails[len(mails)-1].Text)
	}
}

// A window that moves out of sight: who was told hears of it, nobody else does yet.
func TestHeadsUp_WindowMovesFarAway_IsTakenBack(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.headsUp()
	w.window(id, began.Add(60*24*hour), hour)
	w.task("T-new", "bob", "CHG-1")
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, ann rescheduled 2 sent")
	w.turn(54 * 24 * hour)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, ann rescheduled 2 sent, bob heads-up 2 sent")
}

// A release that is cancelled before the heads-up has left is nobody's news; one that
// is gone altogether still is for those who were told.
func TestHeadsUp_CancelledBeforeDeletedAfter_IsTakenBack(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.transition(id, release.Cancelled)
	w.planWindow(id)
	w.send()
	w.wantStates("ann heads-up 1 superseded")

	w.change("CHG-2")
	w.task("T-2", "bob", "CHG-2")
	second := w.scheduled(began.Add(24*hour), hour, "CHG-2")
	w.headsUp()
	w.transition(second, release.Cancelled)
	w.settle(second)
	if err := w.Store.DeleteRelease(t.Context(), second, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "x"}}); err != nil {
		t.Fatal(err)
	}
	w.planWindow(second)
	w.send()
	w.wantStates("ann heads-up 1 superseded, bob heads-up 1 sent, bob withdrawn 2 sent")
	mails := w.inbox.Mails()
	if last := mails[len(mails)-1]; !strings.Contains(last.Text, "Spring") || !strings.Contains(last.Attachments[0].Content, "STATUS:CANCELLED") {
		t.Errorf("it does not say what is off:\n%s", last.Text)
	}
}

// A change request that the CAB rejects after approval silences the release until it is
// approved again.
func TestHeadsUp_ChangeRequestRejected_NoMail(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	decide := func(decision release.CABDecision) {
		must(w.Store.Decide(t.Context(), "CHG-1", decision, "", dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: string(decision)}}))(t)
	}
	decide(release.DecisionRejected)
	w.headsUp()
	w.wantStates("")
	decide(release.DecisionApproved)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent")
	decide(release.DecisionRejected)
	w.window(id, began.Add(80*hour), hour)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent")
	decide(release.DecisionApproved)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, ann rescheduled 2 sent")
}

// Fault 35: the rollback's notices are ready before the deployment's.
func TestSettlementMail_TwoSettlements_OnlyTheLatest(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.transition(id, release.InProgress, release.Deployed)
	w.settle(id)
	deployed := must(w.Store.Release(t.Context(), id))(t).Epoch()
	if planned, done := w.plannedSettlement(id, deployed); planned != 1 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	w.transition(id, release.RolledBack)
	// The rollback is not settled yet: nothing can be told of it.
	if planned, done := w.plannedSettlement(id, deployed+1); planned != 0 || done {
		t.Errorf("planned %d, done %v before it was settled", planned, done)
	}
	w.settle(id)
	if planned, done := w.plannedSettlement(id, deployed+1); planned != 1 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	w.send()
	w.wantStates("ann resolved 4 superseded, ann rolled-back 5 sent")
	// The deployment's job, late: there is nothing left to tell of it.
	if planned, done := w.plannedSettlement(id, deployed); planned != 0 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	// The rollback's job again.
	if planned, _ := w.plannedSettlement(id, deployed+1); planned != 0 {
		t.Errorf("planned %d twice", planned)
	}
	w.wantMails(1)
}

// The job waits for the settlement; where the record of its end is lost, the schedule
// finds out.
func TestSettlementMail_NotComplete_Waits(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.transition(id, release.InProgress, release.Deployed)
	job := mail.SettlementJob(id, 4)
	if err := w.Store.AwaitSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	w.headsUp()
	w.turn(hour)
	if r := w.headsUp(); r.Opened != 0 {
		t.Errorf("woken before it was settled: %+v", r)
	}
	w.wantStates("")
	w.settle(id)
	if r := w.headsUp(); r.Opened != 1 {
		t.Errorf("%+v", r)
	}
	w.wantStates("ann resolved 4 sent")
	// A record that comes again opens nothing that is planned.
	if err := w.Store.OpenSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.wakes("plan")); n != 0 {
		t.Errorf("%d jobs open", n)
	}
}

// That a request stays open is told once in a release's life: by the rollback only where the
// deployment's mail never left.
func TestSettlementMail_StaysOpen_ToldOnceWhicheverEndComesFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent bool
		want string
	}{
		"the deployment's was sent": {true, "ann heads-up 1 sent, ann stays-open 4 sent"},
		"the deployment's waits":    {false, "ann heads-up 1 sent, ann stays-open 4 superseded, ann stays-open 5 sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t, fixtureOptions{})
			w.change("CHG-1", "ci-1")
			w.task("T-1", "ann", "", "ci-1")
			id := w.scheduled(began.Add(72*hour), hour, "CHG-1")
			w.headsUp()
			w.transition(id, release.InProgress, release.Deployed)
			w.settle(id)
			w.plannedSettlement(id, 4)
			if c.sent {
				w.send()
			}
			w.transition(id, release.RolledBack)
			w.settle(id)
			for range 2 { // the second time, there is nothing new
				w.plannedSettlement(id, 5)
				w.send()
				w.wantStates(c.want)
				w.wantMails(2)
			}
		})
	}
}

// A heads-up that never left promised nothing.
func TestSettlementMail_HeadsUpNeverLeft_NothingToTell(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1", "ci-1")
	w.task("T-1", "ann", "", "ci-1")
	id := w.scheduled(began.Add(72*hour), hour, "CHG-1")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.transition(id, release.InProgress, release.Deployed)
	w.settle(id)
	w.plannedSettlement(id, 4)
	w.send()
	w.wantStates("ann heads-up 1 superseded")
}
