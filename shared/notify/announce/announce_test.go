package announce_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/notify/announce"
	kept "example.com/releases/shared/record"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// fixture is a store on the real engine and an announcer on the stand-in for the bus.
type fixture struct {
	*testkit.Harness
	t         *testing.T
	store     *dynamo.Store // whose requests are counted
	bus       *bus.Bus
	announcer *announce.Announcer
	count     *inject.Counter
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{Harness: testkit.New(t, testkit.WithStreams), t: t, bus: &bus.Bus{}, count: &inject.Counter{}}
	server := httptest.NewServer(w.bus.Handler())
	t.Cleanup(server.Close)
	w.store = w.Under(nil, w.count.Count)
	w.announcer = announce.Open(testkit.AWS(server.URL+"/_local/eventbridge"), w.store, "the-bus")
	return w
}

var at = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// moved creates a release without change requests and moves it through statuses.
func (w *fixture) moved(to ...release.Status) release.Release {
	w.t.Helper()
	start, end := at.Add(48*time.Hour), at.Add(50*time.Hour)
	stamp := release.Stamp{At: at, By: release.Person{Subject: "s-1", Name: "Rita", Email: "rita@example.com"}, Request: "create"}
	created, err := w.store.CreateRelease(w.t.Context(), release.Release{
		Status: release.Planned, CreatedAt: at, UpdatedAt: at, Revision: 1,
		Plan: release.Plan{Name: "Spring <release>", Version: "1.2", ScheduledStart: &start, ScheduledEnd: &end}.Normalise(),
	}, nil, dynamo.Write{Stamp: stamp})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.transition(created.Release, to...)
}

func (w *fixture) transition(r release.Release, to ...release.Status) release.Release {
	w.t.Helper()
	for _, s := range to {
		m := release.TransitionRequest{To: s}
		if s == release.RolledBack {
			m.Reason = "it broke"
		}
		moved, err := w.store.Transition(w.t.Context(), r.ID, m, dynamo.Write{Stamp: release.Stamp{
			At: at.Add(time.Duration(r.Epoch()+1) * time.Minute), By: release.Person{Subject: "s-1", Name: "Rita"}, Request: "to-" + string(s),
		}})
		if err != nil {
			w.t.Fatal(err)
		}
		r = moved.Release
	}
	return r
}

func record(number int, id string) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{EventID: fmt.Sprintf("event-%d", number), Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprintf("seq-%d", number),
		Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("REL#" + id), "sk": events.NewStringAttribute("M")},
		NewImage:       map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("approved")},
	}}
}

func (w *fixture) deliver(records ...events.DynamoDBEventRecord) []string {
	w.t.Helper()
	answer, err := w.announcer.Stream(w.t.Context(), events.DynamoDBEvent{Records: records})
	if err != nil {
		w.t.Fatal(err)
	}
	var failed []string
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

func (w *fixture) published() []string {
	var ids []string
	for _, e := range w.bus.Events() {
		var d announce.Detail
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, d.EventID)
	}
	return ids
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Who held a release when it was stopped for good is sent with that, and with nothing that
// was before; twenty reasons full of what JSON for HTML escapes are taken by the bus.
func TestAnnounce_HeldRelease_SaysByWhom(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved)
	for n := range release.MaxHolds {
		by := release.Stamp{At: at, By: release.Person{Subject: fmt.Sprintf("s-%02d", n), Name: "Otto"}, Request: fmt.Sprint("hold-", n)}
		if _, err := w.store.PlaceHold(t.Context(), r.ID, strings.Repeat("<", release.MaxText), "", dynamo.Write{Stamp: by}); err != nil {
			t.Fatal(err)
		}
	}
	r = w.transition(r, release.Cancelled)
	same(t, "failed", w.deliver(record(1, r.ID)), nil)
	all := w.bus.Events()
	if len(all) != 2 {
		t.Fatalf("published %v", w.published())
	}
	var before, last announce.Detail
	for n, d := range []*announce.Detail{&before, &last} {
		if err := json.Unmarshal(all[n].Detail, d); err != nil {
			t.Fatal(err)
		}
	}
	if before.Release.Held || before.Holds != nil || !last.Release.Held || len(last.Holds) != release.MaxHolds || last.Holds[3].Subject != "s-03" || len(last.Holds[3].Text) != release.MaxText {
		t.Errorf("before: %+v\nthen: held %v by %d", before.Release, last.Release.Held, len(last.Holds))
	}
	if size := len(all[1].Detail); size > 100_000 {
		t.Errorf("the event has %d bytes; EventBridge takes 256 KB in one call", size)
	}
}

func TestAnnounce_Event_IsTheContracts(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Scheduled)
	same(t, "failed", w.deliver(record(1, r.ID)), nil)
	all := w.bus.Events()
	if len(all) != 2 {
		t.Fatalf("published %v", w.published())
	}
	// The whole of it, typed by hand: others read it, so its fields and their names stay as they are.
	const want = `{"schemaVersion":1,"eventId":"REL-2026-Q2-001#1","occurredAt":"2026-04-01T09:01:00Z","actor":{"sub":"s-1","name":"Rita"},` +
		`"release":{"id":"REL-2026-Q2-001","name":"Spring <release>","version":"1.2","status":"approved","scheduledStart":"2026-04-03T09:00:00Z",` +
		`"scheduledEnd":"2026-04-03T11:00:00Z","changeCount":0,"createdAt":"2026-04-01T09:00:00Z"},"from":"planned","to":"approved"}`
	var got, wanted any
	if err := json.Unmarshal(all[0].Detail, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	delete(got.(map[string]any), "record") // see below
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got  %s\nwant %s", all[0].Detail, want)
	}
	if e := all[0]; e.Source != "releases" || e.DetailType != "Release Status Changed" || e.Bus != "the-bus" || !e.Time.Equal(at.Add(time.Minute)) {
		t.Errorf("envelope %+v", e)
	}
}

// What proves later that the record was not changed goes out with each event: the last
// checkpoint, the event's own entry and how many were sealed, for one read.
func TestAnnounce_Event_CarriesTheRecord(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved)
	seal := func() kept.Checkpoint {
		t.Helper()
		if _, err := w.Store.Sealer(dynamo.Generation{Number: 1}).Seal(t.Context(), time.Now); err != nil {
			t.Fatal(err)
		}
		c, err := w.Store.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	same(t, "failed", w.deliver(record(1, r.ID)), nil)
	last := seal()
	w.transition(r, release.Scheduled)
	w.count.Take()
	same(t, "failed", w.deliver(record(2, r.ID)), nil)
	if n := w.count.Take(); n["BatchGetItem"] != 1 || n["GetItem"] != 0 {
		t.Errorf("it cost %v", n)
	}
	var sent [2]announce.Detail
	for n, e := range w.bus.Events() {
		if err := json.Unmarshal(e.Detail, &sent[n]); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(key string) string {
		out, err := w.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &w.Tables.Releases, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "LOG#" + r.ID}, "sk": &types.AttributeValueMemberS{Value: key},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return kept.SumOf(out.Item["entry"].(*types.AttributeValueMemberS).Value)
	}
	want := [2]kept.EventRecord{
		{Key: "e0001", Sum: entry("e0001")},
		{Key: "e0002", Sum: entry("e0002"), Checkpoint: last.String(), Entries: 2},
	}
	if got := [2]kept.EventRecord{sent[0].Record, sent[1].Record}; got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestAnnounce_RecordsInAnyOrder_EachEpochOnce(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Scheduled)
	same(t, "failed", w.deliver(record(1, r.ID), record(2, r.ID)), nil)
	r = w.transition(r, release.InProgress, release.Deployed, release.RolledBack)
	// The last record alone, then all of them again and out of order.
	same(t, "failed", w.deliver(record(5, r.ID)), nil)
	w.count.Take()
	deployed := record(4, r.ID)
	deployed.Change.NewImage["op"] = events.NewStringAttribute("deployed")
	running := record(3, r.ID)
	running.Change.NewImage["op"] = events.NewStringAttribute("in-progress")
	same(t, "failed", w.deliver(deployed, record(1, r.ID), running), nil)
	if n := w.count.Take(); n.Writes() != 0 || n.Total() != 3 {
		t.Errorf("redelivery cost %v, want three reads", n)
	}
	same(t, "published", w.published(), []string{r.ID + "#1", r.ID + "#2", r.ID + "#3", r.ID + "#4", r.ID + "#5"})
	s, _, err := w.store.SettlingRelease(t.Context(), r.ID)
	if err != nil || s.Announced != 5 {
		t.Errorf("announced %d, %v", s.Announced, err)
	}
	err = w.store.NeedingAttention(t.Context(), at.Add(time.Hour), 10, func(left []dynamo.Unfinished) bool {
		if len(left) != 0 {
			t.Errorf("still needs attention: %v", left)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnnounce_RecordFails_IsReported(t *testing.T) {
	w := newFixture(t)
	one, two, three := w.moved(release.Approved), w.moved(release.Approved), w.moved(release.Approved)
	throttles := []bus.Fault{{Kind: bus.FailEntries, Indexes: []int{7}}} // hits nothing of the first record
	for range 5 {
		throttles = append(throttles, bus.Fault{Kind: bus.FailEntries, Code: "ThrottlingException"})
	}
	if err := w.bus.Fail(throttles...); err != nil {
		t.Fatal(err)
	}
	same(t, "failed", w.deliver(record(11, one.ID), record(12, two.ID), record(13, three.ID)), []string{"seq-12"})
	same(t, "published", w.published(), []string{one.ID + "#1"})
	same(t, "failed", w.deliver(record(12, two.ID), record(13, three.ID)), nil)
	same(t, "published", w.published(), []string{one.ID + "#1", two.ID + "#1", three.ID + "#1"})
}

func TestAnnounce_PartOfABatchFails_OnlyThatIsRepeated(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Scheduled, release.InProgress, release.Deployed, release.RolledBack)
	if err := w.bus.Fail(
		bus.Fault{Kind: bus.FailEntries, Indexes: []int{1, 3}, Code: "InternalFailure"},
		bus.Fault{Kind: bus.FailEntries, Indexes: []int{1}, Code: "ThrottlingException"},
		bus.Fault{Kind: bus.FailEntries, Indexes: []int{0}, Code: "MalformedDetail"},
	); err != nil {
		t.Fatal(err)
	}
	same(t, "failed", w.deliver(record(1, r.ID)), nil)
	// 2 and 4 fail; 2 gets through and 4 does not; then 4 is refused for good.
	same(t, "published", w.published(), []string{r.ID + "#1", r.ID + "#3", r.ID + "#5", r.ID + "#2"})
	same(t, "failed", w.deliver(record(1, r.ID)), nil)
	if n := len(w.published()); n != 4 {
		t.Errorf("%d events after redelivery; what was refused for good was sent again", n)
	}
}

func TestAnnounce_AnswerLost_SameEventID(t *testing.T) {
	for _, kind := range []bus.FaultKind{bus.Throttle, bus.Refuse, bus.Error, bus.Drop} {
		w := newFixture(t)
		r := w.moved(release.Approved)
		if err := w.bus.Fail(bus.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		same(t, string(kind)+" failed", w.deliver(record(1, r.ID)), nil)
		got := slices.Compact(w.published())
		same(t, string(kind)+" published", got, []string{r.ID + "#1"})
	}
}

func TestAnnounce_Sweep_OneEpoch(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Scheduled)
	for epoch := 1; epoch <= 2; epoch++ {
		if err := w.announcer.Announce(t.Context(), r, epoch); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "published", w.published(), []string{r.ID + "#1", r.ID + "#2"})
	for _, epoch := range []int{0, 3} {
		if err := w.announcer.Announce(t.Context(), r, epoch); err == nil {
			t.Errorf("epoch %d, which there is not, was announced", epoch)
		}
	}
	s, _, _ := w.store.SettlingRelease(t.Context(), r.ID)
	if s.Announced != 2 {
		t.Errorf("announced %d", s.Announced)
	}
}

func TestStream_RecordOfAnotherItem_NeverAnnounced(t *testing.T) {
	w := newFixture(t)
	silent := record(1, "REL-2026-Q2-001")
	silent.Change.NewImage = nil
	same(t, "failed", w.deliver(silent), nil)
	// With a word that is listened to, it is a mistake of ours, which a person has to see.
	link := record(2, "REL-2026-Q2-001")
	link.Change.Keys["sk"] = events.NewStringAttribute("N#CR-1")
	same(t, "failed", w.deliver(link), []string{"seq-2"})
	// A release that is gone and an image that does not hold it: loud, and reported.
	same(t, "failed", w.deliver(record(3, "REL-2026-Q2-099")), []string{"seq-3"})
	same(t, "published", w.published(), nil)
}

// The record of a real stream holds the history of a release that was cancelled and
// deleted before its turn came.
func TestAnnounce_ReleaseDeleted_FromTheRecord(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Cancelled)
	if err := w.store.DeleteRelease(t.Context(), r.ID, dynamo.Write{Stamp: release.Stamp{At: at, By: release.System, Request: "delete"}}); err != nil {
		t.Fatal(err)
	}
	filter, err := streams.ParseFilter(`{"dynamodb":{"NewImage":{"op":{"S":["approved","cancelled"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	table, err := w.Client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &w.Tables.Releases})
	if err != nil {
		t.Fatal(err)
	}
	d, err := streams.Start(ctx, dynamodbstreams.NewFromConfig(testkit.AWS(w.Endpoint)), []streams.Mapping{{
		Function: "announce", StreamARN: *table.Table.LatestStreamArn, Handler: w.announcer.Stream, Filters: []streams.Filter{filter},
		ReportFailures: true, Timeout: 10 * time.Second,
		Window: 500 * time.Millisecond, // both records in one batch: each is announced from itself
	}}, streams.Options{Poll: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	d.Wait()
	got := w.published()
	slices.Sort(got)
	same(t, "published", slices.Compact(got), []string{r.ID + "#1", r.ID + "#2"})
}

func TestAnnounce_TwoAtOnce_EveryEpochAtLeastOnce(t *testing.T) {
	w := newFixture(t)
	r := w.moved(release.Approved, release.Scheduled, release.Cancelled)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { w.deliver(record(1, r.ID)) })
	}
	both.Wait()
	got := w.published()
	slices.Sort(got)
	same(t, "published", slices.Compact(got), []string{r.ID + "#1", r.ID + "#2", r.ID + "#3"})
}

func TestAnnounce_WithoutABus_DoesNotStart(t *testing.T) {
	defer func() {
		if message := fmt.Sprint(recover()); !strings.Contains(message, "EVENT_BUS") {
			t.Errorf("said %q", message)
		}
	}()
	announce.Open(aws.Config{}, nil, "")
}

// The payload for `sam local invoke` is what the stream delivers; it is of a release
// that no table holds, so it is announced from the record.
func TestAnnounce_ExampleEvent_IsTaken(t *testing.T) {
	raw, err := os.ReadFile("../../../events/announce.json")
	if err != nil {
		t.Fatal(err)
	}
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(raw, &batch); err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	same(t, "failed", w.deliver(batch.Records...), nil)
	same(t, "published", w.published(), []string{"REL-2026-Q2-001#2"})
}
