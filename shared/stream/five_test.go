package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// consumer is one of the five, as a test sees it.
type consumer struct {
	dynamo.Consumer
	// begin has the n-th piece of work wait in the table.
	begin func(w *fixture, n int)
	// handler is the function's own, on a store.
	handler func(w *fixture, s *dynamo.Store) streams.Handler
	// key is the item whose record wakes it for the n-th piece, and which it reads first.
	key func(w *fixture, n int) (pk, sk string)
	op  string
	// deep tells that a call is one that it makes, for the middle piece, in the depth of
	// its work: where it has goroutines, in one of these.
	deep func(w *fixture, call inject.Call) bool
	// done tells from the tables that the n-th piece is done.
	done func(w *fixture, n int) bool
	// repair is what brings back what retries gave up on.
	repair func(w *fixture)
	// fails tells that a call is one that the n-th piece cannot do without; nil is its read.
	fails func(w *fixture, n int, call inject.Call) bool
	// wakes tells that a record has all that waits done, not only what it is of: it comes
	// again where nobody could be woken, and not for a piece that fails.
	wakes bool
	// more is what its record holds beside the word.
	more func(w *fixture, n int) map[string]events.DynamoDBAttributeValue
}

func (w *fixture) sweep() {
	w.t.Helper()
	sweep := settle.Sweep{Settler: settle.New(w.Store), Announce: w.announcer(w.Store).Announce}
	must(sweep.Before(context.Background(), w.began.Add(time.Hour), w.began.Add(time.Hour)))(w.t)
}

func (w *fixture) lookAfter() {
	w.t.Helper()
	w.turn(time.Hour)
	must(w.planner(w.Store).Run(context.Background(), json.RawMessage(`{}`)))(w.t)
	must(tend.Open(w.Store, "50").WithClock(w.now).Run(context.Background(), nil))(w.t)
}

func (w *fixture) announcer(s *dynamo.Store) *announce.Announcer {
	return announce.Open(testkit.AWS(w.buses), s, "the-bus")
}

func (w *fixture) planner(s *dynamo.Store) *plan.Planner {
	return plan.New(s).WithPublicURL("https://releases.example.com", false).WithClock(w.now)
}

// mailOf is the mail to the requester of the n-th piece's task.
func (w *fixture) mailOf(n int) string {
	return mail.ID("heads-up", w.releases[n], 1, fmt.Sprintf("ben%d@example.com", n))
}

func writes(call inject.Call, pk string) bool {
	in, ok := call.Input.(*dynamodb.UpdateItemInput)
	return ok && text(in.Key["pk"]) == pk
}

func text(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// consumers are all that the table of cases below is played with, by name.
var consumers = map[string]consumer{
	"settle-changes": {
		Consumer: dynamo.SettleChanges(), op: "deployed",
		begin:   func(w *fixture, n int) { w.piece(n, untilDeployed...) },
		handler: func(_ *fixture, s *dynamo.Store) streams.Handler { return settle.New(s).Changes },
		key:     func(w *fixture, n int) (string, string) { return "REL#" + w.releases[n], "M" },
		deep:    func(_ *fixture, call inject.Call) bool { return writes(call, "CR#CHG-1") },
		done: func(w *fixture, n int) bool {
			return must(w.Store.Change(context.Background(), fmt.Sprintf("CHG-%d", n)))(w.t).Status == release.ChangeResolved
		},
		repair: (*fixture).sweep,
	},
	"settle-tasks": {
		Consumer: dynamo.SettleTasks(), op: "follow",
		begin: func(w *fixture, n int) {
			w.piece(n, untilDeployed...)
			answer := must(settle.New(w.Store).Changes(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{
				recordOf("1", "REL#"+w.releases[n], "M", "deployed", nil),
			}}))(w.t)
			if len(answer.BatchItemFailures) != 0 {
				w.t.Fatal("the change request was not settled")
			}
		},
		handler: func(_ *fixture, s *dynamo.Store) streams.Handler { return settle.New(s).Tasks },
		key:     func(_ *fixture, n int) (string, string) { return fmt.Sprintf("CR#CHG-%d", n), "M" },
		more: func(w *fixture, n int) map[string]events.DynamoDBAttributeValue {
			return map[string]events.DynamoDBAttributeValue{"history": events.NewListAttribute([]events.DynamoDBAttributeValue{
				events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{"release": events.NewStringAttribute(w.releases[n])}),
			})}
		},
		deep: func(_ *fixture, call inject.Call) bool { return writes(call, "TASK#T-1") },
		done: func(w *fixture, n int) bool {
			return must(w.Store.Task(context.Background(), fmt.Sprintf("T-%d", n)))(w.t).Status == release.TaskResolved
		},
		repair: (*fixture).sweep,
	},
	"announce": {
		Consumer: dynamo.Announce(), op: "approved",
		begin:   func(w *fixture, n int) { w.piece(n, release.Approved) },
		handler: func(w *fixture, s *dynamo.Store) streams.Handler { return w.announcer(s).Stream },
		key:     func(w *fixture, n int) (string, string) { return "REL#" + w.releases[n], "M" },
		deep:    func(w *fixture, call inject.Call) bool { return writes(call, "REL#"+w.releases[1]) },
		done: func(w *fixture, n int) bool {
			r, _, err := w.Store.SettlingRelease(context.Background(), w.releases[n])
			return must(r, err)(w.t).Announced == 1
		},
		repair: (*fixture).sweep,
	},
	"plan-notices": {
		Consumer: dynamo.PlanNotices(), op: "plan",
		begin: func(w *fixture, n int) {
			w.piece(n, release.Approved, release.Scheduled)
			if err := w.Store.OpenJob(context.Background(), mail.WindowJob(w.releases[n]), w.now()); err != nil {
				w.t.Fatal(err)
			}
		},
		handler: func(w *fixture, s *dynamo.Store) streams.Handler { return w.planner(s).Stream },
		key:     func(w *fixture, n int) (string, string) { return "JOB#" + w.releases[n], "window" },
		deep: func(_ *fixture, call inject.Call) bool {
			in, ok := call.Input.(*dynamodb.QueryInput) // who is reached
			return ok && slices.ContainsFunc(slices.Collect(maps.Values(in.ExpressionAttributeValues)), func(v types.AttributeValue) bool { return text(v) == "CR#CHG-1" })
		},
		done: func(w *fixture, n int) bool {
			_, found, err := w.Store.Mail(context.Background(), w.mailOf(n))
			return must(found, err)(w.t)
		},
		repair: (*fixture).lookAfter,
	},
	"send-mail": {
		Consumer: dynamo.SendMail(), op: "send",
		begin: func(w *fixture, n int) {
			w.piece(n, release.Approved, release.Scheduled)
			k := mail.WindowJob(w.releases[n])
			err := w.Store.OpenJob(context.Background(), k, w.now())
			if o := must(w.planner(w.Store).Plan(context.Background(), k))(w.t); err != nil || o.Planned != 1 {
				w.t.Fatalf("%d mails are planned, %v", o.Planned, err)
			}
		},
		handler: func(w *fixture, s *dynamo.Store) streams.Handler {
			return send.Open(testkit.AWS(w.ses), s, send.Options{Sender: "releases@example.com", Rate: "50", Timeout: 250 * time.Millisecond}).WithClock(w.now).Stream
		},
		key:   func(w *fixture, n int) (string, string) { return "MAIL#" + w.mailOf(n), "M" },
		wakes: true,
		fails: func(w *fixture, n int, call inject.Call) bool { return writes(call, "MAIL#"+w.mailOf(n)) },
		deep:  func(w *fixture, call inject.Call) bool { return writes(call, "MAIL#"+w.mailOf(1)) },
		done: func(w *fixture, n int) bool {
			m, _, err := w.Store.Mail(context.Background(), w.mailOf(n))
			return must(m, err)(w.t).State == mail.Sent
		},
		repair: (*fixture).lookAfter,
	},
}

// recordOf is a record as Lambda hands it over; its event has an id of its own.
func recordOf(sequence, pk, sk, op string, more map[string]events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
	after := map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute(op)}
	maps.Copy(after, more)
	return events.DynamoDBEventRecord{EventID: "event-" + sequence, EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)},
		NewImage:       after,
		SequenceNumber: sequence,
	}}
}

// record is the n-th piece's, under a sequence number.
func (c consumer) record(w *fixture, n int, sequence string) events.DynamoDBEventRecord {
	pk, sk := c.key(w, n)
	var more map[string]events.DynamoDBAttributeValue
	if c.more != nil {
		more = c.more(w, n)
	}
	return recordOf(sequence, pk, sk, c.op, more)
}

// reads tells that a call reads the item of the n-th piece's record, alone or, as a release,
// with what stands right before it.
func (c consumer) reads(w *fixture, n int, call inject.Call) bool {
	pk, sk := c.key(w, n)
	switch in := call.Input.(type) {
	case *dynamodb.GetItemInput:
		return text(in.Key["pk"]) == pk && text(in.Key["sk"]) == sk
	case *dynamodb.QueryInput:
		of := []string{}
		for _, v := range in.ExpressionAttributeValues {
			of = append(of, text(v))
		}
		return in.IndexName == nil && slices.Contains(of, pk) && slices.Contains(of, sk)
	}
	return false
}
