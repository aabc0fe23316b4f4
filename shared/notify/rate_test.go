package notify_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// fill puts mails into the outbox as the planning of one release would, to p000@example.com and so
// on, beginning with a number.
func (w *fixture) fill(from, count int, change func(*mail.Mail)) []mail.Mail {
	w.t.Helper()
	var model mail.Mail
	for _, m := range w.outbox() {
		if m.Recipient == "model@example.com" {
			model = m
		}
	}
	if model.ID == "" {
		w.change("CHG-MODEL")
		w.task("T-MODEL", "model", "CHG-MODEL")
		w.planWindow(w.scheduled(w.now().Add(48*hour), 2*hour, "CHG-MODEL"))
		w.send()
		w.inbox.Clear()
		return w.fill(from, count, change)
	}
	var all []mail.Mail
	for n := from; n < from+count; n++ {
		m := mail.Mail{Kind: model.Kind, ReleaseID: model.ReleaseID, Number: model.Number, WindowVersion: model.WindowVersion, Snapshot: model.Snapshot, Recipient: fmt.Sprintf("p%03d@example.com", n)}
		if change != nil {
			change(&m)
		}
		if put := must(w.Store.PutMail(w.t.Context(), m, w.now()))(w.t); !put {
			w.t.Fatalf("%s is there already", m.Recipient)
		}
		m.ID = mail.ID(m.Kind, m.ReleaseID, m.Number, m.Recipient)
		all = append(all, m)
	}
	return all
}

// record returns a stream record of an item.
func record(pk, op string) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: pk, Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute("M")},
		NewImage: map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute(op)},
	}}
}

func records(mails []mail.Mail) []events.DynamoDBEventRecord {
	var all []events.DynamoDBEventRecord
	for _, m := range mails {
		all = append(all, record("MAIL#"+m.ID, "send"))
	}
	return all
}

// slot reads the first slot's item.
func (w *fixture) slot() map[string]types.AttributeValue {
	w.t.Helper()
	return must(w.Client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "SENDER#0"}, "sk": &types.AttributeValueMemberS{Value: "M"},
	}}))(w.t).Item
}

// places returns the recipients' places in the order in which SES took their mails.
func (w *fixture) places() map[string]int {
	places := map[string]int{}
	for n, m := range w.inbox.Mails() {
		places[m.To] = n
	}
	return places
}

// sendFromEight wakes eight senders, one for each of so many shards, with the records of mails in
// batches, until all mails are sent, and returns when SES took each. It delivers the records of
// the slot too, as the stream would. Each sender is like a process of its own: they share nothing
// but the table.
func (w *fixture) sendFromEight(mails []mail.Mail, rate string, around inject.Around) []time.Time {
	w.t.Helper()
	started := time.Now()
	clock := func() time.Time { return w.now().Add(time.Since(started)) }
	inbox := &mailbox.Mailbox{Now: clock}
	server := httptest.NewServer(inbox.Handler())
	defer server.Close()
	var senders sync.WaitGroup
	var woken, delivered atomic.Int64
	counted := func(ctx context.Context, c inject.Call, do func(context.Context) error) error {
		return around(ctx, c, func(ctx context.Context) error {
			err := do(ctx)
			if in, ok := c.Input.(*dynamodb.UpdateItemInput); ok && err == nil && writesOp(in, "wake") {
				woken.Add(1)
			}
			return err
		})
	}
	const shards, batch = 8, 50
	for shard := range shards {
		sender := send.Open(testkit.AWS(server.URL+"/_local/ses"), w.Under(counted, nil), send.Options{Sender: "releases@example.com", Rate: rate}).WithClock(clock)
		senders.Go(func() {
			deliver := func(r []events.DynamoDBEventRecord) {
				if answer, err := sender.Stream(w.t.Context(), events.DynamoDBEvent{Records: r}); err != nil || len(answer.BatchItemFailures) > 0 {
					w.t.Errorf("shard %d: %v %v", shard, answer, err)
				}
			}
			var own []mail.Mail
			for n, m := range mails {
				if n%shards == shard {
					own = append(own, m)
				}
			}
			for part := range slices.Chunk(own, batch) {
				deliver(records(part))
			}
			for len(inbox.Mails()) < len(mails) && w.t.Context().Err() == nil {
				if last, n := delivered.Load(), woken.Load(); n > last && delivered.CompareAndSwap(last, n) {
					deliver([]events.DynamoDBEventRecord{record("SENDER#0", "wake")})
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	senders.Wait()
	var at []time.Time
	for _, m := range inbox.Mails() {
		at = append(at, m.SentAt)
	}
	return at
}

// rateError returns by which share a rate was missed on average, and how many mails went in the
// worst second.
func rateError(at []time.Time, rate float64) (off float64, worst int) {
	for n := range at {
		within := 0
		for m := n; m < len(at) && at[m].Sub(at[n]) < time.Second; m++ {
			within++
		}
		worst = max(worst, within)
	}
	took := at[len(at)-1].Sub(at[0]).Seconds()
	return (float64(len(at)-1)/took - rate) / rate, worst
}

// requestCount counts the requests of sending: all of them, and those beyond what the outbox itself
// needs, which are for the slot, for the circuit, and to find what comes next; and of these the
// writes.
type requestCount struct {
	mu                 sync.Mutex
	all, extra, writes int
}

func (b *requestCount) count(ctx context.Context, c inject.Call, do func(context.Context) error) error {
	b.mu.Lock()
	b.all++
	pk := func(key map[string]types.AttributeValue) string {
		s, _ := key["pk"].(*types.AttributeValueMemberS)
		return s.Value
	}
	switch in := c.Input.(type) {
	case *dynamodb.UpdateItemInput:
		if pk(in.Key) == "SENDER#0" {
			b.extra++
			b.writes++
		}
	case *dynamodb.GetItemInput:
		if pk(in.Key) == "CIRCUIT" {
			b.extra++
		}
	case *dynamodb.BatchGetItemInput:
		b.extra++
	case *dynamodb.QueryInput:
		if in.IndexName != nil {
			b.extra++
		}
	}
	b.mu.Unlock()
	return do(ctx)
}

func TestSend_EightSenders_KeepOneRate(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	const rate = 20
	for attempt := range 3 {
		var b requestCount
		at := w.sendFromEight(w.fill(attempt*4*rate, 4*rate, nil), fmt.Sprint(rate), b.count)
		if per := float64(b.extra) / float64(len(at)); per > 0.5 {
			t.Errorf("%.2f requests a mail beyond the outbox's own, already in four seconds", per)
		}
		off, worst := rateError(at, rate)
		t.Logf("%d mails at %d a second: %+.1f %%, %d in the worst second", len(at), rate, 100*off, worst)
		if len(at) != 4*rate || off > 0.1 || worst > rate*3/2 {
			t.Errorf("%d mails, %+.1f %%, %d in the worst second", len(at), 100*off, worst)
		}
		if off >= -0.1 {
			return
		}
	}
	// A busy machine makes sending slower, never faster, and hardly in three attempts.
	t.Error("in each of three attempts sending was more than 10 % slower than the rate")
}

// A sender that gives its slot back stores when the next mail may go, so that the next one keeps
// the rate.
func TestSend_OneTurnAfterTheOther_KeepTheRate(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	sender := send.Open(testkit.AWS(w.ses), w.Store, send.Options{Sender: "releases@example.com", Rate: "2"}).WithClock(w.now)
	var began time.Time
	for n := range 4 {
		must(sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(w.fill(n, 1, nil))}))(t)
		if n == 0 {
			began = time.Now()
		}
	}
	if took := time.Since(began); took < 1300*time.Millisecond {
		t.Errorf("three more mails at two a second took %v, want 1.3 s or more", took)
	}
	w.wantMails(4)
}

// A sender that is woken for a mail leaves it to whoever holds the slot, so the holder must not
// stop without having seen it. Here the mail comes just as the holder gives the slot back.
func TestSend_WokenWhileTheSlotIsGivenBack_MailIsSent(t *testing.T) {
	t.Parallel()
	var leaving func()
	var once sync.Once
	w := newFixture(t, fixtureOptions{around: func(ctx context.Context, c inject.Call, do func(context.Context) error) error {
		if in, ok := c.Input.(*dynamodb.UpdateItemInput); ok && leaving != nil && writesOp(in, "rest") {
			once.Do(leaving)
		}
		return do(ctx)
	}})
	first := w.fill(0, 1, nil)
	late := 0
	leaving = func() {
		late++
		m := w.fill(1, 1, nil)
		must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(m)}))(t)
		if n := len(w.inbox.Mails()); n != 1 {
			t.Errorf("%d mails were sent, want 1: the slot should still have been held", n)
		}
	}
	must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: records(first)}))(t)
	if late != 1 {
		t.Fatal("the slot was not given back")
	}
	w.wantMails(2)
	if i := w.slot(); text(i, "op") != "rest" || i["until"] != nil {
		t.Errorf("the slot is left as %v, want it free and at rest", i)
	}
}

func writesOp(in *dynamodb.UpdateItemInput, op string) bool {
	if pk, ok := in.Key["pk"].(*types.AttributeValueMemberS); !ok || pk.Value != "SENDER#0" {
		return false
	}
	for _, v := range in.ExpressionAttributeValues {
		if s, ok := v.(*types.AttributeValueMemberS); ok && s.Value == op {
			return true
		}
	}
	return false
}

// When the holder of the slot dies, sending waits until its lease ends, and nothing is lost.
func TestSend_HolderKilled_CostsOneLease(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	w := newFixture(t, fixtureOptions{})
	mails := w.fill(0, 3, nil)
	killed := send.Open(testkit.AWS(w.ses), w.Under(func(ctx context.Context, c inject.Call, do func(context.Context) error) error {
		if c.Operation == "Query" {
			dead.Store(true) // by now it has the slot, and has sent nothing
		}
		if dead.Load() {
			return inject.Refused("the process is gone")
		}
		return do(ctx)
	}, nil), send.Options{Sender: "releases@example.com", Rate: "50", Timeout: 400 * time.Millisecond}).WithClock(w.now)
	_, _ = killed.Stream(t.Context(), events.DynamoDBEvent{Records: records(mails)})
	if !dead.Load() || text(w.slot(), "holder") == "" {
		t.Fatal("the sender did not get as far as taking the slot")
	}
	// 30 s are the turn, 5.2 s the longest attempt with its pauses, 5 s the writing.
	for _, step := range []struct {
		after        time.Duration
		woken, mails int
	}{{20 * time.Second, 0, 0}, {20 * time.Second, 0, 0}, {time.Second, 1, 3}} {
		w.advanceClock(step.after)
		if step.woken == 0 {
			w.send() // a sender that is woken for the mails leaves them to the holder
		}
		report := must(w.tender.Run(t.Context(), nil))(t)
		must(w.sender.Stream(t.Context(), events.DynamoDBEvent{Records: w.wakes("wake")}))(t)
		if n := len(w.inbox.Mails()); report.Woken != step.woken || n != step.mails {
			t.Errorf("%v later: %+v, %d mails; want %d woken and %d mails", step.after, report, n, step.woken, step.mails)
		}
	}
}
