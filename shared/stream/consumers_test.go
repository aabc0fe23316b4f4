package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// faultOn is a fault of those calls that are chosen.
func faultOn(chosen func(inject.Call) bool, fault func(context.Context) error) inject.Around {
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if chosen(call) {
			if err := fault(ctx); err != nil {
				return err
			}
		}
		return do(ctx)
	}
}

func throttled(context.Context) error { return inject.Refused("ThrottlingException") }

// One table of cases for every consumer of a stream: the rows 6, 8, 9 and 10 of
// the fault list. Its middle piece of work fails, in one way after another; what
// is reported is that record and nothing else, what came before it is done, and when
// nothing fails any more, delivering from there on does the rest.
func TestConsumers_EachFault_LowestUnfinishedRecordReported(t *testing.T) {
	for _, known := range dynamo.Consumers() {
		c, there := consumers[known.Function]
		if !there {
			t.Errorf("no case is played with %s", known.Function)
			continue
		}
		if c.wakes {
			continue // TestSendMail_EachFault_WokenOrReported
		}
		t.Run(known.Function, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			for n := range 3 {
				c.begin(w, n)
			}
			handler := c.handler(w, w.faulty())
			first, middle, last := c.record(w, 0, "100"), c.record(w, 1, "200"), c.record(w, 2, "300")
			middleRead := func(call inject.Call) bool { return c.reads(w, 1, call) }
			anyRead := func(call inject.Call) bool { return c.reads(w, 0, call) || c.reads(w, 1, call) || c.reads(w, 2, call) }
			with := func(r events.DynamoDBEventRecord, change func(*events.DynamoDBStreamRecord)) events.DynamoDBEventRecord {
				r.Change.Keys, r.Change.NewImage = maps.Clone(r.Change.Keys), maps.Clone(r.Change.NewImage)
				change(&r.Change)
				return r
			}
			nameless := with(middle, func(r *events.DynamoDBStreamRecord) { r.SequenceNumber = "" })
			keyless := with(middle, func(r *events.DynamoDBStreamRecord) { r.Keys = nil })
			oddKey := with(middle, func(r *events.DynamoDBStreamRecord) { r.Keys["pk"] = events.NewNumberAttribute("1") })
			foreign := with(middle, func(r *events.DynamoDBStreamRecord) { r.Keys["pk"] = events.NewStringAttribute("OTHER#1") })
			future := with(middle, func(r *events.DynamoDBStreamRecord) { r.NewImage["op"] = events.NewStringAttribute("archived") })
			oddOp := with(middle, func(r *events.DynamoDBStreamRecord) { r.NewImage["op"] = events.NewBooleanAttribute(true) })
			removed := with(middle, func(r *events.DynamoDBStreamRecord) { r.NewImage = nil })
			repeated := with(middle, func(r *events.DynamoDBStreamRecord) { r.SequenceNumber = "250" })

			asked := 0 // how often the middle piece was read
			for _, step := range []struct {
				name    string
				fault   inject.Around
				records []events.DynamoDBEventRecord
				want    string // the identifier reported
				failed  bool   // the invocation fails, so that the whole batch comes again
			}{
				{"every request is throttled", faultOn(anyRead, throttled), []events.DynamoDBEventRecord{first, middle, last}, "100", false},
				{"in the middle", faultOn(middleRead, throttled), []events.DynamoDBEventRecord{first, middle, last}, "200", false},
				{"at the end", faultOn(middleRead, throttled), []events.DynamoDBEventRecord{first, middle}, "200", false},
				{"panic", faultOn(middleRead, func(context.Context) error { panic("injected") }), []events.DynamoDBEventRecord{first, middle, last}, "200", false},
				{"no sequence number", faultOn(middleRead, throttled), []events.DynamoDBEventRecord{first, nameless, last}, "", true},
				{"no keys", nil, []events.DynamoDBEventRecord{first, keyless, last}, "200", false},
				{"a key that is a number", nil, []events.DynamoDBEventRecord{first, oddKey, last}, "200", false},
				{"another item", nil, []events.DynamoDBEventRecord{first, foreign}, "200", false},
				{"unreadable, without a sequence number", nil, []events.DynamoDBEventRecord{first, with(foreign, func(r *events.DynamoDBStreamRecord) { r.SequenceNumber = "" })}, "", true},
				{"a word of the future", nil, []events.DynamoDBEventRecord{first, future, last}, "", false},
				{"a word that is none", nil, []events.DynamoDBEventRecord{first, oddOp}, "", false},
				{"a removal", nil, []events.DynamoDBEventRecord{removed}, "", false},
				{"two records of one key", faultOn(middleRead, func(ctx context.Context) error { asked++; return throttled(ctx) }), []events.DynamoDBEventRecord{middle, repeated}, "200", false},
				{"two records of one key, the second one nameless", faultOn(middleRead, throttled), []events.DynamoDBEventRecord{first, middle, nameless}, "200", false},
			} {
				w.breaks(step.fault)
				answer, err := handler(t.Context(), events.DynamoDBEvent{Records: step.records})
				if got := answered(answer); got != step.want || (err != nil) != step.failed {
					t.Errorf("%s: reports %q, %v; want %q", step.name, got, err, step.want)
				}
				if c.done(w, 1) {
					t.Fatalf("%s: the middle piece is done", step.name)
				}
			}
			if asked != 1 {
				t.Errorf("two records of one key: it was read %d times, want once", asked)
			}
			if !c.done(w, 0) {
				t.Error("what came before what failed is not done")
			}
			c.stops(t, w, handler, first, middle, last)

			// Delivered from there on, as Lambda does, and then once more.
			w.breaks(nil)
			for _, batch := range [][]events.DynamoDBEventRecord{{middle, last}, {first, middle, repeated, last}} {
				answer, err := handler(t.Context(), events.DynamoDBEvent{Records: batch})
				if text, _ := json.Marshal(answer); err != nil || string(text) != `{"batchItemFailures":[]}` {
					t.Errorf("%s, %v; want all acknowledged", text, err)
				}
			}
			for n := range 3 {
				if !c.done(w, n) {
					t.Errorf("piece %d is not done", n)
				}
			}
		})
	}
}

// stops holds a consumer to stop before its deadline, with the record that it could not
// finish.
func (c consumer) stops(t *testing.T, w *fixture, handler streams.Handler, records ...events.DynamoDBEventRecord) {
	t.Helper()
	w.breaks(faultOn(func(call inject.Call) bool { return c.reads(w, 1, call) }, func(ctx context.Context) error {
		<-ctx.Done() // as slow as can be
		return ctx.Err()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer, err := handler(ctx, events.DynamoDBEvent{Records: records})
	if ctx.Err() != nil {
		t.Error("it used all of its time")
	}
	if got := answered(answer); err != nil || got != "200" {
		t.Errorf("too slow: reports %q, %v; want the middle record", got, err)
	}
}

// A panic in the depth of the work, where it has goroutines of its own, ends neither the
// process nor the batch.
func TestConsumers_PanicInTheDepth_RecordReported(t *testing.T) {
	for name, c := range consumers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			for n := range 2 {
				c.begin(w, n)
			}
			panicked := false
			w.breaks(faultOn(func(call inject.Call) bool { return c.deep(w, call) }, func(context.Context) error {
				panicked = true
				panic("injected")
			}))
			answer, err := c.handler(w, w.faulty())(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{c.record(w, 0, "100"), c.record(w, 1, "200")}})
			want := "200"
			if c.wakes {
				want = ""
			}
			if got := answered(answer); err != nil || got != want || !panicked {
				t.Errorf("reports %q, %v; want %q (a call met the panic: %t)", got, err, want, panicked)
			}
			if !c.done(w, 0) {
				t.Error("the first piece is not done")
			}
		})
	}
}

// Whether anything may be sent at all is asked first: where that cannot be read, no mail
// of the batch is acknowledged.
func TestSendMail_SwitchUnreadable_FirstRecordReported(t *testing.T) {
	t.Parallel()
	w, c := newFixture(t), consumers["send-mail"]
	c.begin(w, 0)
	w.breaks(faultOn(func(call inject.Call) bool { return reads(call, "CIRCUIT") }, throttled))
	answer, err := c.handler(w, w.faulty())(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{c.record(w, 0, "100")}})
	if got := answered(answer); err != nil || got != "100" || c.done(w, 0) {
		t.Errorf("reports %q, %v; want the record", got, err)
	}
}

func reads(call inject.Call, pk string) bool {
	in, ok := call.Input.(*dynamodb.GetItemInput)
	return ok && text(in.Key["pk"]) == pk
}

// What the table of cases is for the others, for the one whose records only wake: a record
// comes again where nobody could be woken, or where it cannot be read. A mail that fails
// holds up neither the records nor the other mails, and the next look sends it.
func TestSendMail_EachFault_WokenOrReported(t *testing.T) {
	t.Parallel()
	w, c := newFixture(t), consumers["send-mail"]
	for n := range 3 {
		c.begin(w, n)
	}
	handler := c.handler(w, w.faulty())
	first, middle, last := c.record(w, 0, "100"), c.record(w, 1, "200"), c.record(w, 2, "300")
	foreign, future, nameless := middle, middle, middle
	foreign.Change.Keys = maps.Clone(middle.Change.Keys)
	foreign.Change.Keys["pk"] = events.NewStringAttribute("OTHER#1")
	future.Change.NewImage = map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("archived")}
	nameless.Change.Keys, nameless.Change.SequenceNumber = foreign.Change.Keys, ""
	slot := recordOf("400", "SENDER#0", "M", "wake", nil)
	higher := recordOf("500", "SENDER#7", "M", "wake", nil)
	asks := func(call inject.Call) bool { return writes(call, "SENDER#0") }
	for _, step := range []struct {
		name    string
		fault   inject.Around
		records []events.DynamoDBEventRecord
		want    string
		failed  bool
		done    [3]bool
	}{
		{"nobody can be woken", faultOn(asks, throttled), []events.DynamoDBEventRecord{first, middle, last}, "100", false, [3]bool{}},
		{"a panic where somebody is woken", faultOn(asks, func(context.Context) error { panic("injected") }), []events.DynamoDBEventRecord{middle, last}, "200", false, [3]bool{}},
		{"what waits cannot be read", faultOn(func(call inject.Call) bool { return call.Operation == "Query" }, throttled), []events.DynamoDBEventRecord{slot}, "400", false, [3]bool{}},
		{"a word of the future", nil, []events.DynamoDBEventRecord{future}, "", false, [3]bool{}},
		{"a slot of a higher rate", nil, []events.DynamoDBEventRecord{higher}, "", false, [3]bool{}},
		{"another item", nil, []events.DynamoDBEventRecord{foreign}, "200", false, [3]bool{}},
		{"unreadable, without a sequence number", nil, []events.DynamoDBEventRecord{nameless}, "", true, [3]bool{}},
		{"a mail fails", faultOn(func(call inject.Call) bool { return c.fails(w, 1, call) }, throttled), []events.DynamoDBEventRecord{first}, "", false, [3]bool{true, false, true}},
		{"nothing fails any more", nil, []events.DynamoDBEventRecord{slot}, "", false, [3]bool{true, true, true}},
		{"all of it once more", nil, []events.DynamoDBEventRecord{first, middle, last, slot}, "", false, [3]bool{true, true, true}},
	} {
		w.breaks(step.fault)
		w.turn(time.Second)
		answer, err := handler(t.Context(), events.DynamoDBEvent{Records: step.records})
		if got := answered(answer); got != step.want || (err != nil) != step.failed {
			t.Errorf("%s: reports %q, %v; want %q", step.name, got, err, step.want)
		}
		for n, want := range step.done {
			if got := c.done(w, n); got != want {
				t.Errorf("%s: mail %d is sent: %t, want %t", step.name, n, got, want)
			}
		}
	}
}

// A mail that is cut off leaves nobody knowing whether it was sent. So none is begun that
// would not have all its time, also where waiting for its turn has taken it.
func TestSendMail_TooLittleTime_MailNotBegun(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		rate    string
		want    string // the record reported
		wakes   bool   // somebody is woken to go on
	}{
		"from the beginning":       {6 * time.Second, "50", "100", false},
		"after waiting for a turn": {14 * time.Second, "0.2", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, five := newFixture(t), consumers["send-mail"]
			five.begin(w, 0)
			five.begin(w, 1)
			sender := send.Open(testkit.AWS(w.ses), w.Store, send.Options{Sender: "releases@example.com", Rate: c.rate, Timeout: 250 * time.Millisecond}).WithClock(w.now)
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			answer, err := sender.Stream(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{five.record(w, 0, "100"), five.record(w, 1, "200")}})
			if got := answered(answer); err != nil || got != c.want {
				t.Errorf("reports %q, %v; want %q", got, err, c.want)
			}
			untouched := 0
			for n := range 2 {
				m, _, err := w.Store.Mail(t.Context(), w.mailOf(n))
				if err == nil && m.State == mail.Pending && m.Attempts == 0 {
					untouched++
				}
			}
			if (untouched == 1) != c.wakes || untouched == 0 {
				t.Errorf("%d mails are untouched", untouched)
			}
			slot := must(w.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{
				"pk": &types.AttributeValueMemberS{Value: "SENDER#0"}, "sk": &types.AttributeValueMemberS{Value: "M"},
			}}))(t).Item
			if woken := text(slot["op"]) == "wake"; woken != c.wakes || slot["until"] != nil {
				t.Errorf("the slot is left as %v", slot)
			}
		})
	}
}

// Poison, on the real stream: what always fails is retried, isolated and given up, all
// else goes on, and once it can be done the periodic functions do it from the tables.
func TestConsumers_Poison_GivenUpAloneAndRepaired(t *testing.T) {
	for name, c := range consumers {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, testkit.WithStreams)
			for n := range 3 {
				c.begin(w, n)
				if n == 1 { // an item that nobody knows, with the word that wakes
					must(w.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: w.table(c.Table), Item: map[string]types.AttributeValue{
						"pk": &types.AttributeValueMemberS{Value: "OTHER#1"}, "sk": &types.AttributeValueMemberS{Value: "M"}, "op": &types.AttributeValueMemberS{Value: c.op},
					}}))(t)
				}
			}
			pk, _ := c.key(w, 1)
			fails, givenUp := c.reads, 1
			if c.fails != nil {
				fails = c.fails
			}
			if c.wakes {
				givenUp = 0
			}
			w.breaks(faultOn(func(call inject.Call) bool { return fails(w, 1, call) }, throttled))
			d := c.dispatch(w)
			gaveUp := map[string]int{}
			for _, f := range d.Failures() {
				for _, r := range f.Records {
					gaveUp[r.Change.Keys["pk"].String()]++
				}
			}
			if min(gaveUp[pk], 1) != givenUp || gaveUp["OTHER#1"] != 1 || len(gaveUp) != 1+givenUp {
				t.Errorf("gave up %v; want the records of OTHER#1 and (%d) of %s", gaveUp, givenUp, pk)
			}
			for n, want := range []bool{true, false, true} {
				if got := c.done(w, n); got != want {
					t.Errorf("piece %d is done: %t, want %t", n, got, want)
				}
			}
			w.breaks(nil)
			c.repair(w)
			c.dispatch(w)
			if !c.done(w, 1) {
				t.Error("what retries gave up on was not repaired")
			}
		})
	}
}

func (w *fixture) table(name string) *string {
	return map[string]*string{"Releases": &w.Tables.Releases, "Changes": &w.Tables.Changes, "Mail": &w.Tables.Mail}[name]
}

// dispatch delivers the stream from its beginning until it is quiet, with the settings
// of the template but for fewer retries.
func (c consumer) dispatch(w *fixture) *streams.Dispatcher {
	w.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	var filters []streams.Filter
	for _, f := range c.Filters {
		var ops []string
		for _, op := range f.Ops {
			ops = append(ops, op.String())
		}
		image := map[string]any{"op": map[string]any{"S": ops}}
		if f.Status != "" {
			image["status"] = map[string]any{"S": []string{string(f.Status)}}
		}
		pattern := must(json.Marshal(map[string]any{"dynamodb": map[string]any{"NewImage": image}}))(w.t)
		filters = append(filters, must(streams.ParseFilter(string(pattern)))(w.t))
	}
	described := must(w.Client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: w.table(c.Table)}))(w.t)
	d, err := streams.Start(ctx, dynamodbstreams.NewFromConfig(testkit.AWS(w.Endpoint)), []streams.Mapping{{
		Function: c.Function, StreamARN: *described.Table.LatestStreamArn, Handler: c.handler(w, w.faulty()), Filters: filters,
		BatchSize: 10, ReportFailures: true, Bisect: true, Retries: aws.Int(1), Timeout: 60 * time.Second,
	}}, streams.Options{Poll: 20 * time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond }})
	if err := errors.Join(err, d.WaitIdle(ctx)); err != nil {
		w.t.Fatal(err)
	}
	stop()
	d.Wait()
	return d
}
