package notify_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/testkit"
)

// An urgent mail does not wait for others, even if they were there before.
func TestSend_Urgent_BeforeWhatWaits(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	mails := w.fill(0, 220, nil)
	w.advanceClock(hour)
	urgent := func(m *mail.Mail) { m.Urgent = true }
	w.fill(500, 1, urgent)
	w.advanceClock(time.Millisecond)
	another := sync.OnceFunc(func() { w.fill(501, 1, urgent) })
	w.inbox.OnEvent = func(events.CloudWatchEvent) { another() } // while the first page is being sent
	must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(mails)}))(t)
	w.wantMails(222)
	const page, atOnce = 100, 16
	if at := w.places(); at["p500@example.com"] >= atOnce || at["p501@example.com"] >= page+2*atOnce {
		t.Errorf("%d mails went before the urgent one that was there first, want fewer than %d; %d before the other, want fewer than %d", at["p500@example.com"], atOnce, at["p501@example.com"], page+2*atOnce)
	}
}

// A mail about a window within a day is urgent; one about a later window is not.
func TestPlan_WindowWithinADay_Urgent(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]bool{20 * hour: true, 30 * hour: false} {
		w := newFixture(t, fixtureOptions{})
		w.change("CHG-1")
		w.task("T-1", "ann", "CHG-1")
		w.planWindow(w.scheduled(began.Add(ahead), hour, "CHG-1"))
		if m := w.outbox()[0]; m.Urgent != want || m.DueAt.Before(m.CreatedAt) != want {
			t.Errorf("the mail about a window %v ahead is %+v; want it urgent and dated back: %t", ahead, m, want)
		}
	}
}

// Mails of a slot whose sender has died do not hold up those of other slots, however many there
// are.
func TestSend_OneSlotDead_OthersGoOn(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	const rate, slots, dead = "120", 3, 2
	if _, won, err := w.Store.TakeSlot(t.Context(), dead, "zombie", w.now(), w.now().Add(hour)); !won || err != nil {
		t.Fatal(won, err)
	}
	// More than a sender reads at first, and all of them due before those that are to go.
	for _, m := range w.fill(0, 1200, nil) {
		if mail.SlotOf(m.ID, slots) != dead {
			must(w.Store.SupersedeMail(t.Context(), m.ID, "for the test", w.now()))(t)
		}
	}
	w.advanceClock(time.Second)
	var own []mail.Mail
	for _, m := range w.fill(2000, 15, nil) {
		if mail.SlotOf(m.ID, slots) != dead {
			own = append(own, m)
		}
	}
	w.advanceClock(time.Second)
	sender := send.Open(testkit.AWS(w.ses), w.Store, send.Options{Sender: "releases@example.com", Rate: rate}).WithClock(w.now)
	must(tend.Open(w.Store, rate).WithClock(w.now).Run(t.Context(), nil))(t)
	must(sender.Stream(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{record("SENDER#0", "wake"), record("SENDER#1", "wake"), record("SENDER#2", "wake")}}))(t)
	w.wantMails(len(own))
	for _, m := range own {
		if is, _, err := w.Store.Mail(t.Context(), m.ID); err != nil || is.State != mail.Sent {
			t.Errorf("the mail to %s is %s, want sent: %v", m.Recipient, is.State, err)
		}
	}
}

// When SES's daily quota is used up, nothing fails and nothing counts as stuck. Sending goes on by
// itself when there is quota again; until then one mail is tried at a time.
func TestSend_DailyQuota_WaitsAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob", "cid", "dan")
	w.inbox.SetQuota(2)
	w.headsUp()
	w.wantMails(2)
	tries := 0
	for range 24 * 4 {
		for range 2 { // two runs a minute apart, before and after the circuit lets a mail be tried
			r := w.run(`{"sparing":true}`)
			if r.Stuck+r.Slow+r.Unknown != 0 || len(w.inbox.Mails()) == 2 && r.CircuitOpen && !r.Quota {
				t.Fatalf("%v after the quota was used up: %+v", w.now().Sub(began), r)
			}
			tries += r.Woken
			w.send()
			w.advanceClock(time.Minute)
		}
		w.advanceClock(13 * time.Minute)
	}
	if tries < 90 || tries > 2*24*4 {
		t.Errorf("a mail was tried %d times in a day, want 90 to %d times", tries, 2*24*4)
	}
	w.advanceClock(16 * time.Minute) // since the latest try
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent, dan heads-up 1 sent")
	w.wantMails(4)
}

// Mails that have waited for long are stuck where none is being sent, and slow where others are.
func TestTendOutbox_MailsWait_StuckOrSlow(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	look := func(what string, stuck, slow int) {
		t.Helper()
		if r := must(w.tender.Run(t.Context(), nil))(t); *r.Stuck != stuck || *r.Slow != slow {
			t.Errorf("%s: %d are stuck, %d slow; want %d and %d", what, *r.Stuck, *r.Slow, stuck, slow)
		}
	}
	w.fill(0, 3, func(m *mail.Mail) { m.Urgent = true }) // dated back by a day, which must not count as waiting
	w.advanceClock(5 * time.Minute)
	look("they have waited five minutes", 0, 0)
	w.advanceClock(time.Minute)
	look("nobody sends", 3, 0)
	circuit := func(quota bool) {
		if err := w.Store.OpenCircuit(t.Context(), mail.Circuit{Until: w.now().Add(15 * time.Minute), Reason: "r", Quota: quota}); err != nil {
			t.Fatal(err)
		}
	}
	for _, quota := range []bool{false, true} {
		circuit(quota)
		look("SES takes nothing", 0, 0)
		w.advanceClock(16 * time.Minute)
		look("they may go again", 0, 0)
		w.advanceClock(5 * time.Minute)
		look("and do not", 3, 0)
	}
	slot, won, err := w.Store.TakeSlot(t.Context(), 0, "s", w.now(), w.now().Add(time.Minute))
	if err != nil || !won {
		t.Fatal(won, err)
	}
	slot.ProgressAt = w.now()
	if err := w.Store.PassSlot(t.Context(), slot, 1, false); err != nil {
		t.Fatal(err)
	}
	look("another has just come to its end", 0, 3)
	w.advanceClock(4 * time.Minute)
	look("lately", 0, 3)
	w.advanceClock(2 * time.Minute)
	look("long ago", 3, 0)
	w.send()
	w.wantMails(3)
	w.advanceClock(hour)
	look("nothing waits", 0, 0)
}

// An earlier version put a mail into the index of due items for a quarter of an hour later. Such a
// mail is sent when its record comes, or else when it is due, and only once.
func TestSend_OutboxOfEarlierVersion_SentOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	mails := w.fill(0, 2, nil)
	for _, m := range mails {
		must(w.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "MAIL#" + m.ID}, "sk": &types.AttributeValueMemberS{Value: "M"}},
			UpdateExpression: ptr("SET dueAt = :d"), ExpressionAttributeValues: map[string]types.AttributeValue{":d": &types.AttributeValueMemberS{Value: w.now().Add(15 * time.Minute).Format("2006-01-02T15:04:05.000Z")}},
		}))(t)
	}
	for range 2 {
		must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(mails[:1])}))(t)
		w.wantMails(1)
	}
	w.advanceClock(16 * time.Minute)
	must(w.tender.Run(t.Context(), nil))(t)
	w.send()
	w.wantMails(2)
}

func ptr(s string) *string { return &s }
