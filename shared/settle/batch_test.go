package settle_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit/inject"
)

// record returns a stream record of a main item with a word of op.
func record(sequence, pk, op string, more map[string]events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
	image := map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "op": events.NewStringAttribute(op)}
	for name, v := range more {
		image[name] = v
	}
	return events.DynamoDBEventRecord{EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		Keys:     map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute("M")},
		NewImage: image, SequenceNumber: sequence,
	}}
}

// deployedTwice makes two deployed releases of one change request with one task each.
func deployedTwice(w *fixture) (records []events.DynamoDBEventRecord) {
	for n := range 2 {
		change := w.change(fmt.Sprintf("CHG-%d", n), release.Standard).ID
		w.task(fmt.Sprintf("T-%d", n), change, release.TaskOpen)
		w.transitionTo(w.release(change), untilDeployed...)
	}
	return matching(w.releases.Read(), settlingOps...)
}

func TestBatch_FirstFailure_IsReportedAlone(t *testing.T) {
	w := newFixture(t)
	good := deployedTwice(w)
	poison := record("poison", "LOG#somewhere", "deployed", nil)
	s := settle.New(w.Store)
	for name, c := range map[string]struct {
		batch []events.DynamoDBEventRecord
		want  string
	}{
		"in the middle":        {[]events.DynamoDBEventRecord{good[0], poison, good[1]}, "poison"},
		"at the end":           {[]events.DynamoDBEventRecord{good[0], good[1], poison}, "poison"},
		"twice":                {[]events.DynamoDBEventRecord{poison, good[0], record("poison-2", "", "deployed", nil)}, "poison"},
		"none":                 {[]events.DynamoDBEventRecord{good[0], good[0], good[1]}, ""},
		"an op of the future":  {[]events.DynamoDBEventRecord{record("1", "REL#x", "archived", nil), good[0]}, ""},
		"a removal":            {[]events.DynamoDBEventRecord{{EventName: "REMOVE", Change: events.DynamoDBStreamRecord{SequenceNumber: "1"}}}, ""},
		"a release of nowhere": {[]events.DynamoDBEventRecord{record("1", "REL#REL-1999-Q1-001", "deployed", nil)}, ""},
		"nothing":              {nil, ""},
	} {
		answer, err := s.Changes(t.Context(), events.DynamoDBEvent{Records: c.batch})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := ""
		for _, f := range answer.BatchItemFailures {
			got += f.ItemIdentifier
		}
		if got != c.want {
			t.Errorf("%s: reports %q, want %q", name, got, c.want)
		}
		if text, _ := json.Marshal(answer); c.want == "" && string(text) != `{"batchItemFailures":[]}` {
			t.Errorf("%s: answers %s, want an empty list of failures", name, text)
		}
	}
}

func TestBatch_PoisonOfTheChangesStream_IsReported(t *testing.T) {
	w := newFixture(t)
	s := settle.New(w.Store)
	list := func(v ...events.DynamoDBAttributeValue) map[string]events.DynamoDBAttributeValue {
		return map[string]events.DynamoDBAttributeValue{"history": events.NewListAttribute(v)}
	}
	for name, r := range map[string]events.DynamoDBEventRecord{
		"no history":           record("p", "CR#CHG-1", "follow", nil),
		"an empty history":     record("p", "CR#CHG-1", "follow", list()),
		"a history of numbers": record("p", "CR#CHG-1", "follow", list(events.NewNumberAttribute("1"))),
		"no release in it":     record("p", "CR#CHG-1", "follow", list(events.NewMapAttribute(nil))),
		"a history that is no list": record("p", "CR#CHG-1", "follow", map[string]events.DynamoDBAttributeValue{
			"history": events.NewStringAttribute("x"),
		}),
		"another key": record("p", "CR#", "follow", nil),
	} {
		answer, err := s.Tasks(t.Context(), event(r))
		if err != nil || len(answer.BatchItemFailures) != 1 || answer.BatchItemFailures[0].ItemIdentifier != "p" {
			t.Errorf("%s: %v, %v; want it reported", name, answer, err)
		}
	}
	r := record("", "CR#", "follow", nil)
	if answer, err := s.Tasks(t.Context(), event(r)); err == nil || len(answer.BatchItemFailures) != 0 {
		t.Errorf("a record without a number: %v, %v; want an error and no empty identifier", answer, err)
	}
}

// An invocation that is throttled again and again gives up and reports the record's number. What
// it has done stays done, and the next invocation goes on from there.
func TestBatch_Throttled_GoesOn(t *testing.T) {
	w := newFixture(t)
	change := w.change("CHG-1", release.Standard).ID
	for n := range 20 {
		w.task(fmt.Sprintf("T-%d", n), change, release.TaskOpen)
	}
	id := w.release(change)
	w.transitionTo(id, untilDeployed...)
	deliverAll(t, settle.New(w.Store).Changes, matching(w.releases.Read(), settlingOps...))
	records := matching(w.changes.Read(), followingOps...)

	var open atomic.Int64 // writes that are let through
	open.Store(5)
	throttled := w.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if call.Operation == "UpdateItem" && open.Add(-1) < 0 {
			return inject.Refused("ThrottlingException")
		}
		return do(ctx)
	}, nil)
	answer, err := settle.New(throttled).Tasks(t.Context(), events.DynamoDBEvent{Records: records})
	if err != nil || len(answer.BatchItemFailures) != 1 || answer.BatchItemFailures[0].ItemIdentifier != records[0].Change.SequenceNumber {
		t.Fatalf("%v, %v; want the record reported", answer, err)
	}
	if p := w.progress(id); p.State != "settling" {
		t.Errorf("progress %+v; want settling", p)
	}
	var count inject.Counter
	deliverAll(t, settle.New(w.Under(nil, count.Count)).Tasks, records)
	if got := count.Take(); got["UpdateItem"] != 15+1 || got["TransactWriteItems"] != 1 {
		t.Errorf("the second invocation wrote %v; want the 15 tasks left and the release twice", got)
	}
	if p := w.progress(id); p.State != "settled" || p.Tasks.Settled != 20 {
		t.Errorf("progress %+v; want settled, 20 tasks", p)
	}
}

func TestBatch_Deadline_StopsBefore(t *testing.T) {
	w := newFixture(t)
	records := deployedTwice(w)
	slow := w.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if query, ok := call.Input.(*dynamodb.QueryInput); ok {
			for _, v := range query.ExpressionAttributeValues {
				if strings.HasSuffix(text(v), "-002") { // the second release
					<-ctx.Done() // as slow as can be
				}
			}
		}
		return do(ctx)
	}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	answer, err := settle.New(slow).Changes(ctx, events.DynamoDBEvent{Records: records})
	if ctx.Err() != nil {
		t.Error("it used all of its time, and should have stopped before its deadline")
	}
	if err != nil || len(answer.BatchItemFailures) != 1 || answer.BatchItemFailures[0].ItemIdentifier != records[1].Change.SequenceNumber {
		t.Errorf("%v, %v; want the second record reported", answer, err)
	}
}

// Row 21 of docs/faults.md: a hundred change requests of fifty tasks each, in batches as the
// template has them. Invocations that cannot finish in time stop before their deadline and
// report where; the next goes on from there, and in the end each task was written once.
func TestBatch_HundredTimesFiftyTasks_InvocationsGoOnFromOneAnother(t *testing.T) {
	w := newFixture(t)
	changes := w.seed(50)
	id := w.release(changes...)
	w.transitionTo(id, untilDeployed...)
	deliverAll(t, settle.New(w.Store).Changes, matching(w.releases.Read(), settlingOps...))
	records := matching(w.changes.Read(), followingOps...)
	if len(records) != len(changes) {
		t.Fatalf("%d records wake settle-tasks, want %d", len(records), len(changes))
	}

	var left, written atomic.Int64 // tasks that an invocation may still write, and all that were
	s := settle.New(w.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		in, ok := call.Input.(*dynamodb.UpdateItemInput)
		if !ok || !strings.HasPrefix(text(in.Key["pk"]), "TASK#") {
			return do(ctx)
		}
		if left.Add(-1) < 0 {
			<-ctx.Done() // as slow as can be
			return ctx.Err()
		}
		written.Add(1)
		return do(ctx)
	}, nil))
	invocations, cutShort := 0, 0
	for batch := range slices.Chunk(records, w.mapping("settle-tasks").BatchSize) {
		if size, err := json.Marshal(event(batch...)); err != nil || len(size) > 6_000_000/2 {
			t.Errorf("a batch has %d bytes, %v; want less than half of the 6 MB that Lambda takes", len(size), err)
		}
		for len(batch) > 0 {
			invocations++
			left.Store(10_000)
			most := time.Minute
			if invocations <= 4 {
				left.Store(200)
				most = 3 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), most)
			answer, err := s.Tasks(ctx, event(batch...))
			if err != nil || ctx.Err() != nil {
				t.Fatalf("an invocation failed: %v; its deadline: %v", err, ctx.Err())
			}
			cancel()
			if len(answer.BatchItemFailures) == 0 {
				break
			}
			cutShort++
			batch = batch[slices.IndexFunc(batch, func(r events.DynamoDBEventRecord) bool {
				return r.Change.SequenceNumber == answer.BatchItemFailures[0].ItemIdentifier
			}):]
		}
	}
	if cutShort < 3 || invocations < 12 {
		t.Errorf("%d invocations, of which %d were cut short; want 12 and 3 or more, or the test shows nothing", invocations, cutShort)
	}
	if n := written.Load(); n != 5_000 {
		t.Errorf("%d writes to 5,000 tasks, want one each", n)
	}
	if p := w.progress(id); p.State != "settled" || p.Changes.Settled != 100 || p.Tasks.Settled != 5_000 {
		t.Errorf("progress %+v; want settled, 100 changes, 5,000 tasks", p)
	}
}

// The functions accept the payloads in events/, which are there for `sam local invoke`.
func TestSettle_ExampleEvents_AreTaken(t *testing.T) {
	w := newFixture(t)
	s := settle.New(w.Store)
	for function, handler := range map[string]func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error){
		"settle-changes": s.Changes, "settle-tasks": s.Tasks,
	} {
		payload, err := os.ReadFile("../../events/" + function + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var batch events.DynamoDBEvent
		if err := json.Unmarshal(payload, &batch); err != nil || len(batch.Records) == 0 {
			t.Fatalf("%s: %v", function, err)
		}
		deliverAll(t, handler, batch.Records)
	}
	payload, err := os.ReadFile("../../events/sweep.json")
	if err != nil {
		t.Fatal(err)
	}
	sweep := settle.Sweep{Settler: s}
	if swept, err := sweep.Run(t.Context(), payload); err != nil || swept != (settle.SweepReport{}) {
		t.Errorf("the sweep answers %+v, %v; want nothing found", swept, err)
	}
}
