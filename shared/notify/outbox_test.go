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
)

const hour = time.Hour

// due is a fixture with a release that starts in two days and touches people.
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

// What each answer of SES means for a mail, from facts/events-and-mail.md.
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
func TestSend_AccountRefused_StopsAllAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []mailbox.FaultKind{mailbox.Suspend, mailbox.Pause, mailbox.NotVerified, mailbox.Limit, mailbox.Quota} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w, _ := due(t, "ann", "bob", "cid")
			w.fail(mailbox.Fault{Kind: kind}) // one call only: the others must not try
			w.headsUp()
			w.wantStates("ann heads-up 1 pending, bob heads-up 1 pending, cid heads-up 1 pending")
			w.turn(10 * time.Minute)
			if r := w.headsUp(); !r.CircuitOpen || r.Quota != (kind == mailbox.Quota) || !strings.Contains(r.Circuit, "Exception") || r.Woken != 0 {
				t.Errorf("%+v", r)
			}
			w.wantMails(0)
			w.turn(10 * time.Minute)
			if r := w.headsUp(); r.CircuitOpen || r.Woken != 1 {
				t.Errorf("%+v", r)
			}
			w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent")
			w.wantMails(3)
		})
	}
}

func TestSend_ThrottledForLong_GoesOnLater(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	w.fail(mailbox.Fault{Kind: mailbox.Throttle, Always: true, To: "ann@example.com"})
	w.headsUp()
	w.wantStates("ann heads-up 1 pending, bob heads-up 1 sent")
	w.inbox.Clear()
	w.headsUp() // not due yet, also where its first record comes once more
	must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(w.outbox())}))(t)
	w.wantMails(0)
	w.turn(time.Minute)
	if r := w.headsUp(); r.Woken != 1 || r.Overdue != 0 {
		t.Errorf("%+v", r)
	}
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent")
	w.wantMails(1)
}

// A mail of which SES publishes nothing stays unknown, behind an alarm, until an
// operator decides.
func TestSend_UnknownOutcome_StaysUntilResent(t *testing.T) {
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
	report := must(w.tender.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`","nonsense"]}`)))(t)
	w.send()
	if report.Resent != 1 {
		t.Errorf("%+v", report)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(1)
	// What is sent is not sent again, whoever asks.
	must(w.tender.Run(t.Context(), json.RawMessage(`{"resend":["`+id+`"]}`)))(t)
	w.send()
	w.wantMails(1)
	if r := w.headsUp(); r.Unknown != 0 {
		t.Errorf("%+v", r)
	}
}

// A sender that is killed, or frozen, between its claim and its answer.
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
		t.Error("two have it")
	}
	w.send()
	w.headsUp()
	w.wantStates("ann heads-up 1 sending")
	w.turn(2 * time.Minute)
	w.headsUp()
	w.wantStates("ann heads-up 1 unknown")
	// The zombie wakes: SES had taken it. What it knows is welcome.
	if err := w.Store.MailSent(t.Context(), claimed, "message-1", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	// Its other answers come too late.
	if err := w.Store.DelayMail(t.Context(), claimed, "late", w.now(), w.now()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Store.MailFailed(t.Context(), claimed, "late", w.now()); err != nil {
		t.Fatal(err)
	}
	w.wantStates("ann heads-up 1 sent")
	w.wantMails(0)
}

// Records that never come, of jobs and of mails: the schedule wakes both.
func TestOutbox_Forgotten_IsWoken(t *testing.T) {
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

// A mail that cannot be worded is ours to mend; the others go.
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
