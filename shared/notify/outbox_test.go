package notify_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/release"
)

const hour = time.Hour

// due is a world with a release that starts in two days and touches people.
func due(t *testing.T, people ...string) (*world, string) {
	t.Helper()
	w := newWorld(t, worldOptions{})
	w.change("CHG-1")
	for _, who := range people {
		w.task("T-"+who, who, "CHG-1")
	}
	return w, w.scheduled(began.Add(48*hour), 2*hour, "CHG-1")
}

func (w *world) fail(faults ...mailbox.Fault) {
	w.t.Helper()
	if err := w.inbox.Fail(faults...); err != nil {
		w.t.Fatal(err)
	}
}

// What each answer of SES means for a mail, from facts/events-and-mail.md.
func TestAnswersOfSES(t *testing.T) {
	t.Parallel()
	for kind, want := range map[mailbox.FaultKind]struct {
		state   string
		arrived int
		settled string // after SES's Send event
	}{
		mailbox.Throttle:   {"sent", 1, "sent"}, // the call was repeated: SES had not taken it
		mailbox.Error:      {"unknown", 1, "sent"},
		mailbox.Drop:       {"unknown", 1, "sent"},
		mailbox.Hang:       {"unknown", 1, "sent"},
		mailbox.Refuse:     {"unknown", 0, "unknown"},
		mailbox.Reject:     {"failed", 0, "failed"},
		mailbox.BadRequest: {"failed", 0, "failed"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w, _ := due(t, "ann", "bob")
			w.fail(mailbox.Fault{Kind: kind, To: "ann@example.com"})
			w.headsUp()
			w.wantStates("ann heads-up 1 " + want.state + ", bob heads-up 1 sent")
			w.wantMails(1 + want.arrived)
			// Whatever happens now, SES is not asked again.
			for range 3 {
				w.turn(20 * time.Minute)
				w.headsUp()
			}
			w.hear()
			w.wantStates("ann heads-up 1 " + want.settled + ", bob heads-up 1 sent")
			w.wantMails(1 + want.arrived)
		})
	}
}

// While SES refuses the whole account, nothing is asked of it, and nothing is lost.
func TestAccountRefusedStopsAllAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []mailbox.FaultKind{mailbox.Suspend, mailbox.Pause, mailbox.NotVerified, mailbox.Limit} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w, _ := due(t, "ann", "bob", "cid")
			w.fail(mailbox.Fault{Kind: kind}) // one call only: the others must not try
			w.headsUp()
			w.wantStates("ann heads-up 1 pending, bob heads-up 1 pending, cid heads-up 1 pending")
			w.turn(10 * time.Minute)
			if r := w.headsUp(); !r.CircuitOpen || !strings.Contains(r.Circuit, "Exception") || r.Woken != 0 {
				t.Errorf("%+v", r)
			}
			w.wantMails(0)
			w.turn(10 * time.Minute)
			if r := w.headsUp(); r.CircuitOpen || r.Woken != 3 {
				t.Errorf("%+v", r)
			}
			w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent")
			w.wantMails(3)
		})
	}
}

func TestThrottledForLong(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	w.fail(mailbox.Fault{Kind: mailbox.Throttle, Always: true, To: "ann@example.com"})
	w.headsUp()
	w.wantStates("ann heads-up 1 pending, bob heads-up 1 sent")
	w.inbox.Clear()
	w.headsUp() // not due yet
	w.wantMails(0)
	w.turn(hour)
	if r := w.headsUp(); r.Woken != 1 || r.Overdue != 0 {
		t.Errorf("%+v", r)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent")
	w.wantMails(1)
}

// A mail of which SES publishes nothing stays unknown, behind an alarm, until an
// operator decides.
func TestUnknownStaysUntilAnOperatorResends(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	w.fail(mailbox.Fault{Kind: mailbox.Refuse, Silent: true})
	if r := w.headsUp(); r.Unknown != 0 {
		t.Errorf("an alarm before it happened: %+v", r)
	}
	for range 3 {
		w.turn(hour)
		if r := w.headsUp(); r.Unknown != 1 {
			t.Errorf("no alarm: %+v", r)
		}
	}
	id := w.outbox()[0].ID
	report := must(w.planner.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`","nonsense"]}`)))(t)
	w.send()
	if report.Resent != 1 {
		t.Errorf("%+v", report)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(1)
	// What is sent is not sent again, whoever asks.
	must(w.planner.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`"]}`)))(t)
	w.send()
	w.wantMails(1)
	if r := w.headsUp(); r.Unknown != 0 {
		t.Errorf("%+v", r)
	}
}

// A sender that is killed, or frozen, between its claim and its answer.
func TestKilledSender(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	m := w.outbox()[0]
	claimed, won, err := w.store.ClaimMail(t.Context(), m.ID, "zombie", w.now(), w.now().Add(time.Minute))
	if err != nil || !won {
		t.Fatal(won, err)
	}
	if _, won, _ := w.store.ClaimMail(t.Context(), m.ID, "other", w.now(), w.now().Add(time.Minute)); won {
		t.Error("two have it")
	}
	w.send()
	w.headsUp()
	w.wantStates("ann heads-up 1 sending")
	w.turn(2 * time.Minute)
	w.headsUp()
	w.wantStates("ann heads-up 1 unknown")
	// The zombie wakes: SES had taken it. What it knows is welcome.
	if err := w.store.FinishMail(t.Context(), claimed, dynamo.MailSent, "", "message-1", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	// Its other answers come too late.
	if err := w.store.DelayMail(t.Context(), claimed, "late", w.now(), w.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.MailFailed(t.Context(), claimed, "late", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(0)
}

// Records that never come, of jobs and of mails: the schedule wakes both.
func TestForgottenIsWoken(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t) // and nobody plans
	w.wantStates("")
	w.turn(6 * time.Minute)
	if r := must(w.planner.Run(t.Context(), nil))(t); r.Opened != 1 {
		t.Errorf("%+v", r)
	}
	w.plan() // and nobody sends
	w.wantStates("ann heads-up 1 pending")
	w.turn(16 * time.Minute)
	if r := w.headsUp(); r.Woken != 1 || r.Overdue != 1 {
		t.Errorf("%+v", r)
	}
	w.wantStates("ann heads-up 1 sent")
}

// Fault 22: the schedule comes twice, late, or not at all.
func TestScheduleTwiceLateMissed(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann", "bob")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := w.planner.Run(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if _, err := w.planner.Window(t.Context(), id); err != nil {
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
	must(w.store.LinkChanges(t.Context(), late, []string{"CHG-2"}, nil, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "link"}}))(t)
	w.turn(100*hour - time.Minute)
	w.headsUp()
	if got := w.states(); !strings.Contains(got, "cid heads-up 1 sent") {
		t.Errorf("not told a minute before: %s", got)
	}

	w.change("CHG-3", "ci-3")
	w.task("T-missed", "dan", "", "ci-3")
	w.scheduled(w.now().Add(hour), hour, "CHG-3")
	w.turn(hour)
	if r := w.headsUp(); r.Missed != 1 {
		t.Errorf("not noticed: %+v", r)
	}
	before := w.states()
	if r := w.headsUp(); r.Missed != 0 || w.states() != before || strings.Contains(before, "dan") {
		t.Errorf("noticed again, or told: %+v %s", r, w.states())
	}
}

// Due is a matter of instants, whatever clocks and calendars do: seven days are 168
// hours, across the end of winter time and a leap day as well.
func TestDueAcrossClockChangesAndLeapDays(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]time.Time{
		"clocks go forward": time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC),
		"clocks go back":    time.Date(2026, 10, 27, 0, 30, 0, 0, time.UTC),
		"leap day":          time.Date(2028, 3, 3, 0, 30, 0, 0, time.UTC),
		"new year":          time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldOptions{})
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

// A window that moves before the first mail has left: only the last is told.
func TestWindowMovesBeforeTheMailLeft(t *testing.T) {
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
func TestWindowMovesFarAway(t *testing.T) {
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
func TestCancelledBeforeAndDeletedAfter(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	w.move(id, release.Cancelled)
	must(w.planner.Window(t.Context(), id))(t)
	w.send()
	w.wantStates("ann heads-up 1 superseded")

	w.change("CHG-2")
	w.task("T-2", "bob", "CHG-2")
	second := w.scheduled(began.Add(24*hour), hour, "CHG-2")
	w.headsUp()
	w.move(second, release.Cancelled)
	w.settle(second)
	if err := w.store.DeleteRelease(t.Context(), second, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "x"}}); err != nil {
		t.Fatal(err)
	}
	must(w.planner.Window(t.Context(), second))(t)
	w.send()
	w.wantStates("ann heads-up 1 superseded, bob heads-up 1 sent, bob withdrawn 2 sent")
	mails := w.inbox.Mails()
	if last := mails[len(mails)-1]; !strings.Contains(last.Text, "Spring") || !strings.Contains(last.Attachments[0].Content, "STATUS:CANCELLED") {
		t.Errorf("it does not say what is off:\n%s", last.Text)
	}
}

// A change request that the CAB rejects after approval silences the release until it is
// approved again.
func TestRejectedChangeRequestSilences(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	decide := func(decision release.CABDecision) {
		must(w.store.Decide(t.Context(), "CHG-1", decision, "", dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: string(decision)}}))(t)
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
func TestOnlyTheLatestSettlementIsTold(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.move(id, release.InProgress, release.Deployed)
	w.settle(id)
	deployed := must(w.store.Release(t.Context(), id))(t).Epoch()
	must3 := func(planned int, done bool, err error) (int, bool) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return planned, done
	}
	if planned, done := must3(w.planner.Settlement(t.Context(), id, deployed)); planned != 1 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	w.move(id, release.RolledBack)
	// The rollback is not settled yet: nothing can be told of it.
	if planned, done := must3(w.planner.Settlement(t.Context(), id, deployed+1)); planned != 0 || done {
		t.Errorf("planned %d, done %v before it was settled", planned, done)
	}
	w.settle(id)
	if planned, done := must3(w.planner.Settlement(t.Context(), id, deployed+1)); planned != 1 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	w.send()
	w.wantStates("ann resolved 4 superseded, ann rolled-back 5 sent")
	// The deployment's job, late: there is nothing left to tell of it.
	if planned, done := must3(w.planner.Settlement(t.Context(), id, deployed)); planned != 0 || !done {
		t.Errorf("planned %d, done %v", planned, done)
	}
	// The rollback's job again.
	if planned, _ := must3(w.planner.Settlement(t.Context(), id, deployed+1)); planned != 0 {
		t.Errorf("planned %d twice", planned)
	}
	w.wantMails(1)
}

// The job waits for the settlement; where the record of its end is lost, the schedule
// finds out.
func TestSettlementJobWaits(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann")
	w.move(id, release.InProgress, release.Deployed)
	job := dynamo.SettlementJob(id, 4)
	if err := w.store.AwaitSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	w.headsUp()
	w.turn(hour)
	if r := w.headsUp(); r.Woken != 0 {
		t.Errorf("woken before it was settled: %+v", r)
	}
	w.wantStates("")
	w.settle(id)
	if r := w.headsUp(); r.Woken != 1 {
		t.Errorf("%+v", r)
	}
	w.wantStates("ann resolved 4 sent")
	// A record that comes again opens nothing that is planned.
	if err := w.store.OpenSettlement(t.Context(), job, w.now()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.wakes("plan")); n != 0 {
		t.Errorf("%d jobs open", n)
	}
}

// A mail that cannot be worded is ours to mend; the others go.
func TestUnwritableMailDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	must(w.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &w.tables.Mail, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "MAIL#" + w.outbox()[0].ID}, "sk": &types.AttributeValueMemberS{Value: "M"},
		},
		UpdateExpression: aws.String("SET #s = :s"), ExpressionAttributeNames: map[string]string{"#s": "snapshot"}, ExpressionAttributeValues: map[string]types.AttributeValue{":s": &types.AttributeValueMemberS{Value: "{"}},
	}))(t)
	w.send()
	w.wantStates("ann heads-up 1 failed, bob heads-up 1 sent")
}

// SES's events come at least once, in any order, and about others' mails too.
func TestFeedback(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann", "bob", "cid", "dan")
	w.headsUp()
	byName := map[string]string{}
	for _, m := range w.outbox() {
		byName[m.Recipient[:3]] = m.ID
	}
	tell := func(id, kind string, more map[string]any) {
		t.Helper()
		detail := map[string]any{"eventType": kind, "mail": map[string]any{"messageId": "m", "tags": map[string]any{"outbox": []string{id}}}}
		for k, v := range more {
			detail[k] = v
		}
		raw, _ := json.Marshal(detail)
		must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: raw}))(t)
	}
	bounce := func(kind, sub, address string) map[string]any {
		return map[string]any{"bounce": map[string]any{"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": []any{map[string]any{"emailAddress": address}}}}
	}
	tell(byName["ann"], "Bounce", bounce("Transient", "General", "ann@example.com")) // an out-of-office answer
	tell(byName["bob"], "Bounce", bounce("Transient", "MailboxFull", "bob@example.com"))
	for range 2 {
		tell(byName["cid"], "Bounce", bounce("Permanent", "General", "CID@example.com"))
		tell(byName["cid"], "Send", nil)
	}
	tell(byName["dan"], "Reject", map[string]any{"reject": map[string]any{"reason": "Bad content"}})
	tell(byName["ann"], "Complaint", map[string]any{"complaint": map[string]any{"complaintFeedbackType": "not-spam", "complainedRecipients": []any{map[string]any{"emailAddress": "ann@example.com"}}}})
	tell("0123", "Bounce", bounce("Permanent", "General", "stranger@example.com"))
	must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(`{"eventType":"Send","mail":{}}`)}))(t)
	must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(`[`)}))(t)
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent, dan heads-up 1 failed")
	for address, want := range map[string]bool{"ann@example.com": false, "bob@example.com": false, "cid@example.com": true, "dan@example.com": false} {
		if why := must(w.store.Suppressed(t.Context(), address))(t); (why != "") != want {
			t.Errorf("%s: suppressed %q", address, why)
		}
	}
	var noted []string
	for _, e := range must(w.store.Log(t.Context(), id))(t) {
		if strings.Contains(e.Text, "did not reach") {
			noted = append(noted, e.Text)
		}
	}
	if len(noted) != 1 || !strings.Contains(noted[0], "bob@example.com: a mail to it bounced (transient, MailboxFull)") {
		t.Errorf("noted %q", noted)
	}
}

// The payloads for `sam local invoke` are what the handlers get.
func TestExamplePayloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	read := func(name string, into any) {
		t.Helper()
		raw := must(os.ReadFile("../../events/" + name + ".json"))(t)
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	var schedule json.RawMessage
	read("heads-up", &schedule)
	if r := must(w.planner.Run(t.Context(), schedule))(t); r != (plan.Report{}) {
		t.Errorf("%+v", r)
	}
	for name, handler := range map[string]func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error){"plan-notices": w.planner.Stream, "send-mail": w.office.Stream} {
		var batch events.DynamoDBEvent
		read(name, &batch)
		if answer := must(handler(t.Context(), batch))(t); len(batch.Records) != 1 || len(answer.BatchItemFailures) != 0 {
			t.Errorf("%s: %+v", name, answer)
		}
	}
	var event events.CloudWatchEvent
	read("record-mail-feedback", &event)
	must(w.recorder.Record(t.Context(), event))(t)
	if why := must(w.store.Suppressed(t.Context(), "ann@example.com"))(t); why == "" {
		t.Error("the example's bounce suppresses nobody")
	}
}
