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

// Row 22 of docs/faults.md: the schedule fires twice, late, or not at all.
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
	w.advanceClock(100*hour - time.Minute)
	w.headsUp()
	if got := w.states(); !strings.Contains(got, "cid heads-up 1 sent") {
		t.Errorf("a minute before the window, cid should have been told: %s", got)
	}

	w.change("CHG-3", "ci-3")
	w.task("T-missed", "dan", "", "ci-3")
	w.scheduled(w.now().Add(hour), hour, "CHG-3")
	w.advanceClock(hour)
	before := w.states()
	w.headsUp()
	if w.states() != before || strings.Contains(before, "dan") {
		t.Errorf("dan should not be told of a window that has begun: %s", w.states())
	}
}

// When something is due does not depend on clock changes and calendars: seven days are 168 hours,
// also across a clock change or a leap day.
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
			w.advanceClock(start.Sub(began) - 7*24*hour)
			w.headsUp()
			w.wantStates("") // exactly seven days before is not yet due
			w.advanceClock(time.Second)
			w.headsUp()
			w.wantStates("ann heads-up 1 sent")
			w.headsUp()
			w.wantMails(1)
		})
	}
}

// The schedules' functions run in sandboxes whose clocks are wrong by up to five minutes either
// way. People are told once, and about as early or late as the clock is wrong.
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
		w.advanceClock(off)
		w.onTime()
		w.advanceClock(-off)
		if mailed < 0 && len(w.inbox.Mails()) > 0 {
			mailed = time.Duration(minute) * time.Minute
		}
		w.advanceClock(5 * time.Minute)
	}
	// It is due after half an hour.
	if mailed < 25*time.Minute || mailed > 50*time.Minute {
		t.Errorf("the mail came after %v, want 25 to 50 minutes", mailed)
	}
	w.wantMails(1)
	w.wantStates("ann heads-up 1 sent")
}

// When a window moves before the mail about it has left, people are told of the last window only.
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

	// It moves after planning and before sending, which the sender notices.
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
		t.Errorf("%d mails arrived, want 2, the last with SEQUENCE 4 and the window of which ann was told before: %v", len(mails), mails[len(mails)-1].Text)
	}
}

// When a window moves more than seven days away, those who were told hear of it, and nobody else
// does yet.
func TestHeadsUp_WindowMovesFarAway_IsTakenBack(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.headsUp()
	w.window(id, began.Add(60*24*hour), hour)
	w.task("T-new", "bob", "CHG-1")
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, ann rescheduled 2 sent")
	w.advanceClock(54 * 24 * hour)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, ann rescheduled 2 sent, bob heads-up 2 sent")
}

// If a release is cancelled before the heads-up has left, nobody is told anything. If it is deleted
// after the heads-up, those who were told hear of that.
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
		t.Errorf("the mail does not name the release, or its calendar entry is not cancelled:\n%s", last.Text)
	}
}

// If the CAB rejects a change request after the release's approval, no mail about the release is
// sent until it is approved again.
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

// Row 35 of docs/faults.md: the rollback's notices are ready before the deployment's.
func TestSettlementMail_TwoSettlements_OnlyTheLatest(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.transition(id, release.InProgress, release.Deployed)
	w.settle(id)
	deployed := must(w.Store.Release(t.Context(), id))(t).Epoch()
	if planned, done := w.plannedSettlement(id, deployed); planned != 1 || !done {
		t.Errorf("of the deployment %d mails are planned, done: %v; want 1, done", planned, done)
	}
	w.transition(id, release.RolledBack)
	// The rollback is not settled yet: nothing can be told of it.
	if planned, done := w.plannedSettlement(id, deployed+1); planned != 0 || done {
		t.Errorf("before the rollback was settled, %d mails are planned, done: %v; want none, not done", planned, done)
	}
	w.settle(id)
	if planned, done := w.plannedSettlement(id, deployed+1); planned != 1 || !done {
		t.Errorf("of the rollback %d mails are planned, done: %v; want 1, done", planned, done)
	}
	w.send()
	w.wantStates("ann resolved 4 superseded, ann rolled-back 5 sent")
	// The deployment's job comes late: there is nothing left to tell of it.
	if planned, done := w.plannedSettlement(id, deployed); planned != 0 || !done {
		t.Errorf("of the deployment, late, %d mails are planned, done: %v; want none, done", planned, done)
	}
	// The rollback's job again.
	if planned, _ := w.plannedSettlement(id, deployed+1); planned != 0 {
		t.Errorf("when the rollback's job came again, %d mails are planned, want none", planned)
	}
	w.wantMails(1)
}

// The job waits for the settlement. If the record of the settlement's end is lost, the schedule
// notices that it has ended.
func TestSettlementMail_NotComplete_Waits(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.transition(id, release.InProgress, release.Deployed)
	job := mail.SettlementJob(id, 4)
	if err := w.Store.AwaitSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	w.headsUp()
	w.advanceClock(hour)
	if r := w.headsUp(); r.Opened != 0 {
		t.Errorf("the job was opened before the release was settled: %+v", r)
	}
	w.wantStates("")
	w.settle(id)
	if r := w.headsUp(); r.Opened != 1 {
		t.Errorf("the schedules report %+v; want the job opened", r)
	}
	w.wantStates("ann resolved 4 sent")
	// A record that comes again does not open a job that has been planned.
	if err := w.Store.OpenSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.wakes("plan")); n != 0 {
		t.Errorf("%d jobs are open, want none", n)
	}
}

// A person is told once in a release's life that their request stays open: by the rollback only if
// the deployment's mail never left.
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

// If the heads-up never left, nothing was promised, and there is nothing to tell of the end.
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
