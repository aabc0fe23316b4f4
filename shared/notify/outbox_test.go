package notify_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/mail"
)

const hour = time.Hour

// due returns a fixture with a release that starts in two days and touches the requests of people.
func due(t *testing.T, people ...string) (*fixture, string) {
	t.Helper()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	for _, who := range people {
		w.task("T-"+who, who, "CHG-1")
	}
	return w, w.scheduled(began.Add(48*hour), 2*hour, "CHG-1")
}

func (w *fixture) fail(faults ...mailbox.Fault) {
	w.t.Helper()
	if err := w.inbox.Fail(faults...); err != nil {
		w.t.Fatal(err)
	}
}

// What each answer of SES means for a mail (docs/faults.md, rows 24 to 26).
func TestSend_EachAnswerOfSES_BecomesItsState(t *testing.T) {
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
			// Whatever runs now, SES is not asked again.
			for range 3 {
				w.advanceClock(20 * time.Minute)
				w.headsUp()
			}
			w.deliverFeedback()
			w.wantStates("ann heads-up 1 " + want.settled + ", bob heads-up 1 sent")
			w.wantMails(1 + want.arrived)
		})
	}
}

// While SES refuses the whole account, no mail is tried, and none is lost.
func TestSend_AccountRefused_StopsAllAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []mailbox.FaultKind{mailbox.Suspend, mailbox.Pause, mailbox.NotVerified, mailbox.Limit, mailbox.Quota} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w, _ := due(t, "ann", "bob", "cid")
			w.fail(mailbox.Fault{Kind: kind}) // one call only: the others must not try
			w.headsUp()
			w.wantStates("ann heads-up 1 pending, bob heads-up 1 pending, cid heads-up 1 pending")
			w.advanceClock(10 * time.Minute)
			if r := w.headsUp(); !r.CircuitOpen || r.Quota != (kind == mailbox.Quota) || !strings.Contains(r.Circuit, "Exception") || r.Woken != 0 {
				t.Errorf("ten minutes later the schedules report %+v; want the circuit open, with its reason, and nobody woken", r)
			}
			w.wantMails(0)
			w.advanceClock(10 * time.Minute)
			if r := w.headsUp(); r.CircuitOpen || r.Woken != 1 {
				t.Errorf("twenty minutes later the schedules report %+v; want the circuit closed and a sender woken", r)
			}
			w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent")
			w.wantMails(3)
		})
	}
}

// A sender that is woken while the circuit is open, by whatever record, tries no mail.
func TestSend_WokenWhileCircuitOpen_TriesNoMail(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	if err := w.Store.OpenCircuit(t.Context(), mail.Circuit{Until: w.now().Add(15 * time.Minute), Reason: "paused"}); err != nil {
		t.Fatal(err)
	}
	w.headsUp() // plans the mail, whose own record wakes a sender
	w.wantStates("ann heads-up 1 pending")
	w.wantMails(0)
	w.advanceClock(16 * time.Minute)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(1)
}

// A mail that was planned before its address bounced, or complained, is not sent any more.
func TestSend_AddressSuppressedSincePlanned_NotSent(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	if err := w.Store.Suppress(t.Context(), "ann@example.com", "bounced", w.now()); err != nil {
		t.Fatal(err)
	}
	w.headsUp()
	w.wantStates("ann heads-up 1 suppressed, bob heads-up 1 sent")
	w.wantMails(1)
}

func TestSend_ThrottledForLong_GoesOnLater(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	w.fail(mailbox.Fault{Kind: mailbox.Throttle, Always: true, To: "ann@example.com"})
	w.headsUp()
	w.wantStates("ann heads-up 1 pending, bob heads-up 1 sent")
	w.inbox.Clear()
	w.headsUp() // the mail is not due yet, even if its first record comes once more
	must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(w.outbox())}))(t)
	w.wantMails(0)
	w.advanceClock(time.Minute)
	if r := w.headsUp(); r.Woken != 1 || r.Overdue != 0 {
		t.Errorf("the schedules report %+v; want a sender woken and nothing overdue", r)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent")
	w.wantMails(1)
}

// A mail about which SES publishes no event stays unknown, behind an alarm, until an operator
// decides.
func TestSend_UnknownOutcome_StaysUntilResent(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	w.fail(mailbox.Fault{Kind: mailbox.Refuse, Silent: true})
	if r := w.headsUp(); r.Unknown != 0 {
		t.Errorf("the run that sends reports %+v; want no unknown mail yet", r)
	}
	for range 3 {
		w.advanceClock(hour)
		if r := w.headsUp(); r.Unknown != 1 {
			t.Errorf("the schedules report %+v; want one unknown mail, for the alarm", r)
		}
	}
	id := w.outbox()[0].ID
	report := must(w.tender.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`","nonsense"]}`)))(t)
	w.send()
	if report.Resent != 1 {
		t.Errorf("it reports %+v; want one resent, and the id that does not exist passed over", report)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(1)
	// A mail that was sent is not sent again, even if somebody asks for it.
	must(w.tender.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`"]}`)))(t)
	w.send()
	w.wantMails(1)
	if r := w.headsUp(); r.Unknown != 0 {
		t.Errorf("the schedules report %+v; want no unknown mail any more", r)
	}
}

// When a sender is killed or frozen between its claim and SES's answer, its lease runs out and the
// mail is unknown. If it was only frozen, it still records what SES answered.
func TestSend_SenderKilled_LeaseRunsOut(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	m := w.outbox()[0]
	claimed, won, err := w.Store.ClaimMail(t.Context(), m.ID, "zombie", w.now(), w.now().Add(time.Minute))
	if err != nil || !won {
		t.Fatal(won, err)
	}
	if _, won, _ := w.Store.ClaimMail(t.Context(), m.ID, "other", w.now(), w.now().Add(time.Minute)); won {
		t.Error("a second sender claimed the mail under another's lease")
	}
	w.send()
	w.headsUp()
	w.wantStates("ann heads-up 1 sending")
	w.advanceClock(2 * time.Minute)
	w.headsUp()
	w.wantStates("ann heads-up 1 unknown")
	// The frozen sender wakes. SES had taken the mail, and it is right to record that.
	if err := w.Store.MailSent(t.Context(), claimed, "message-1", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	// Any other outcome comes too late.
	if err := w.Store.DelayMail(t.Context(), claimed, "late", w.now(), w.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.MailFailed(t.Context(), claimed, "late", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(0)
}

// Where the records of jobs and mails never come, the schedules wake planner and sender.
func TestOutbox_Forgotten_IsWoken(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann")
	must(w.planner.Run(t.Context(), nil))(t) // and nobody plans
	w.wantStates("")
	w.advanceClock(6 * time.Minute)
	if r := must(w.planner.Run(t.Context(), nil))(t); r.Opened != 1 {
		t.Errorf("heads-up reports %+v; want the forgotten job opened", r)
	}
	w.plan() // and nobody sends
	w.wantStates("ann heads-up 1 pending")
	w.advanceClock(16 * time.Minute)
	if r := w.headsUp(); r.Woken != 1 || r.Overdue != 1 {
		t.Errorf("the schedules report %+v; want the forgotten mail overdue and a sender woken", r)
	}
	w.wantStates("ann heads-up 1 sent")
}

// A mail that cannot be written, by a mistake of ours, fails alone; the others go.
func TestSend_UnwritableMail_OthersGoOn(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	must(w.planner.Run(t.Context(), nil))(t)
	w.plan()
	must(w.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "MAIL#" + w.outbox()[0].ID}, "sk": &types.AttributeValueMemberS{Value: "M"},
		},
		UpdateExpression: aws.String("SET #s = :s"), ExpressionAttributeNames: map[string]string{"#s": "snapshot"}, ExpressionAttributeValues: map[string]types.AttributeValue{":s": &types.AttributeValueMemberS{Value: "{"}},
	}))(t)
	w.send()
	w.wantStates("ann heads-up 1 failed, bob heads-up 1 sent")
}
