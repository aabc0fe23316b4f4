package streams

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// script is an endpoint of DynamoDB Streams that does what DynamoDB Local never does: it has
// several shards, closed ones and trimmed ones, its iterators expire, and it throttles.
type script struct {
	mu     sync.Mutex
	shards []*scriptedShard
	faults map[string]string // iterator → error type that its first GetRecords gets
	calls  []string
}

type scriptedShard struct {
	id, parent string
	records    int // numbered <id>-1…n
	closed     bool
	trimmed    int // as many of the oldest records are gone
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ ShardId, ShardIteratorType, SequenceNumber, ShardIterator, ExclusiveStartShardId string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		panic(err)
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	fail := func(kind string) {
		w.WriteHeader(http.StatusBadRequest)
		answer(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + kind, "message": "scripted"})
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "DescribeStream":
		// One shard a page, so that paging is always at work.
		at := 0
		for i, shard := range s.shards {
			if shard.id == in.ExclusiveStartShardId {
				at = i + 1
			}
		}
		d := map[string]any{"StreamArn": "arn", "Shards": []any{}}
		if at < len(s.shards) {
			one := map[string]string{"ShardId": s.shards[at].id}
			if s.shards[at].parent != "" {
				one["ParentShardId"] = s.shards[at].parent
			}
			d["Shards"] = []any{one}
		}
		if at+1 < len(s.shards) {
			d["LastEvaluatedShardId"] = s.shards[at].id
		}
		answer(map[string]any{"StreamDescription": d})
	case "GetShardIterator":
		s.calls = append(s.calls, "iterator "+in.ShardId+" "+in.ShardIteratorType+" "+in.SequenceNumber)
		shard := s.find(in.ShardId)
		at := shard.trimmed
		if in.SequenceNumber != "" {
			_, number, _ := strings.Cut(in.SequenceNumber, "-")
			_, _ = fmt.Sscan(number, &at)
			if at < shard.trimmed {
				fail("TrimmedDataAccessException")
				return
			}
		}
		answer(map[string]string{"ShardIterator": fmt.Sprintf("%s/%d", in.ShardId, at)})
	case "GetRecords":
		if kind := s.faults[in.ShardIterator]; kind != "" {
			delete(s.faults, in.ShardIterator)
			fail(kind)
			return
		}
		id, position, _ := strings.Cut(in.ShardIterator, "/")
		var at int
		_, _ = fmt.Sscan(position, &at)
		shard := s.find(id)
		out := map[string]any{"Records": []any{}}
		if at < shard.records {
			at++
			number := fmt.Sprintf("%s-%d", id, at)
			out["Records"] = []any{map[string]any{
				"eventID": number, "eventName": "INSERT",
				"dynamodb": map[string]any{"SequenceNumber": number, "Keys": map[string]any{"pk": map[string]string{"S": number}}},
			}}
		}
		if at < shard.records || !shard.closed {
			out["NextShardIterator"] = fmt.Sprintf("%s/%d", id, at)
		}
		answer(out)
	}
}

func (s *script) find(id string) *scriptedShard {
	for _, shard := range s.shards {
		if shard.id == id {
			return shard
		}
	}
	panic("no shard " + id)
}

// follow runs a mapping over the script until the dispatcher is idle.
func follow(t *testing.T, s *script, m Mapping) (seen []string, calls []string, d *Dispatcher) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := dynamodbstreams.New(dynamodbstreams.Options{
		Region: "local", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	var mu sync.Mutex
	m.Function, m.StreamARN = "f", "arn"
	if m.Handler == nil {
		m.Handler = func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range e.Records {
				seen = append(seen, r.Change.SequenceNumber)
			}
			return events.DynamoDBEventResponse{}, nil
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := Start(ctx, client, []Mapping{m}, Options{Poll: time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond }})
	if err != nil {
		t.Fatal(err)
	}
	idle, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	if err := d.WaitIdle(idle); err != nil {
		t.Fatalf("not idle after ten seconds: %v; seen %v, states %+v", err, seen, d.States())
	}
	cancel()
	d.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return seen, s.calls, d
}

func TestStreams_ShardSplit_ParentsComeFirst(t *testing.T) {
	s := &script{shards: []*scriptedShard{
		{id: "c", parent: "b", records: 2},
		{id: "b", parent: "a", records: 2, closed: true},
		{id: "a", parent: "trimmed-away", records: 2, closed: true},
	}}
	seen, _, _ := follow(t, s, Mapping{})
	if got := strings.Join(seen, " "); got != "a-1 a-2 b-1 b-2 c-1 c-2" {
		t.Errorf("got the records %s, want those of a, then b, then c", got)
	}
}

func TestStreams_IteratorExpired_GoesOnAfterTheLastRecord(t *testing.T) {
	s := &script{
		shards: []*scriptedShard{{id: "a", records: 5, closed: true}},
		faults: map[string]string{"a/0": "LimitExceededException", "a/2": "ExpiredIteratorException", "a/4": "InternalServerError"},
	}
	seen, calls, _ := follow(t, s, Mapping{})
	if got := strings.Join(seen, " "); got != "a-1 a-2 a-3 a-4 a-5" {
		t.Errorf("got the records %s, want 1 to 5 once each", got)
	}
	want := "iterator a TRIM_HORIZON , iterator a TRIM_HORIZON , iterator a AFTER_SEQUENCE_NUMBER a-2, iterator a AFTER_SEQUENCE_NUMBER a-4"
	if got := strings.Join(calls, ", "); got != want {
		t.Errorf("got the calls %s, want %s", got, want)
	}
}

func TestStreams_RecordsTrimmed_AreSteppedOver(t *testing.T) {
	s := &script{
		shards: []*scriptedShard{{id: "a", records: 9, trimmed: 4, closed: true}},
		faults: map[string]string{"a/4": "TrimmedDataAccessException"},
	}
	seen, _, _ := follow(t, s, Mapping{})
	if got := strings.Join(seen, " "); got != "a-5 a-6 a-7 a-8 a-9" {
		t.Errorf("got the records %s, want those that are not trimmed, 5 to 9", got)
	}
}

func TestStreams_Batches_AreBoundedAndFiltered(t *testing.T) {
	filter, err := ParseFilter(`{"dynamodb":{"Keys":{"pk":{"S":["a-2","a-3","a-5","a-7","a-8"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var sizes []int
	var seen []string
	s := &script{shards: []*scriptedShard{{id: "a", records: 9, closed: true}}}
	_, _, d := follow(t, s, Mapping{
		BatchSize: 2, Window: 300 * time.Millisecond, Filters: []Filter{filter},
		Handler: func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			sizes = append(sizes, len(e.Records))
			for _, r := range e.Records {
				seen = append(seen, r.Change.SequenceNumber)
			}
			return events.DynamoDBEventResponse{}, nil
		},
	})
	if fmt.Sprint(sizes) != "[2 2 1]" || strings.Join(seen, " ") != "a-2 a-3 a-5 a-7 a-8" {
		t.Errorf("got %v in batches of %v, want the five that match in batches of 2, 2, 1", seen, sizes)
	}
	if state := d.States()[0]; state.Received != 5 || state.Finished != 5 {
		t.Errorf("got %+v, want 5 received and finished", state)
	}
}

func TestStreams_Poison_EndsOnTheFailureQueue(t *testing.T) {
	var mu sync.Mutex
	through := map[string]bool{}
	s := &script{shards: []*scriptedShard{{id: "a", records: 20, closed: true}}}
	_, _, d := follow(t, s, Mapping{
		Parallelism: 4, BatchSize: 5, Bisect: true, ReportFailures: true, Retries: attempts(2),
		Handler: func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range e.Records {
				if r.Change.SequenceNumber == "a-7" {
					panic("poison")
				}
			}
			for _, r := range e.Records {
				through[r.Change.SequenceNumber] = true
			}
			return events.DynamoDBEventResponse{}, nil
		},
	})
	failures := d.Failures()
	if len(failures) != 1 || failures[0].First != "a-7" || failures[0].Last != "a-7" || failures[0].Attempts != 3 {
		t.Errorf("got the failures %+v, want a-7 alone after 3 attempts", failures)
	}
	if len(through) != 19 {
		t.Errorf("%d records were handled, want the 19 others", len(through))
	}
}

// The one shard of DynamoDB Local is divided into several, as a busy table has on AWS: each has
// one invocation at a time, an item is always in the same one, and a shard that hangs does not
// hold up the others.
func TestShards_OneInvocationEach_OthersGoOn(t *testing.T) {
	const shards, records = 4, 40
	of := func(r events.DynamoDBEventRecord) int { return laneOf(r, "pk", shards, 1) }
	var mu sync.Mutex
	inside, most := map[int]int{}, 0
	through := map[int]int{}
	hang, others := make(chan struct{}), make(chan struct{})
	s := &script{shards: []*scriptedShard{{id: "a", records: records, closed: true}}}
	server := httptest.NewServer(s)
	defer server.Close()
	client := dynamodbstreams.New(dynamodbstreams.Options{Region: "local", BaseEndpoint: aws.String(server.URL), Credentials: aws.AnonymousCredentials{}})
	var want [shards]int
	for n := range records {
		want[of(events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
			Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(fmt.Sprintf("a-%d", n+1))},
		}})]++
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := Start(ctx, client, []Mapping{{
		Function: "f", StreamARN: "arn", PartitionKey: "pk", BatchSize: 1, Timeout: time.Minute,
		Handler: func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			shard := of(e.Records[0])
			mu.Lock()
			inside[shard]++
			if inside[shard] > 1 {
				t.Errorf("two invocations for shard %d", shard)
			}
			busy := 0
			for _, n := range inside {
				busy += n
			}
			most = max(most, busy)
			mu.Unlock()
			if shard == 0 {
				<-hang
			}
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			inside[shard]--
			through[shard]++
			if shard != 0 && through[1]+through[2]+through[3] == want[1]+want[2]+want[3] {
				close(others)
			}
			return events.DynamoDBEventResponse{}, nil
		},
	}}, Options{Poll: time.Millisecond, Shards: shards})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-others:
	case <-time.After(30 * time.Second):
		t.Errorf("a shard that hangs holds up the others: the shards handled %v records, want %v", through, want)
	}
	close(hang)
	idle, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	if err := d.WaitIdle(idle); err != nil {
		t.Fatalf("not idle after 30 seconds: %v", err)
	}
	cancel()
	d.Wait()
	for shard, n := range want {
		if n == 0 || through[shard] != n {
			t.Errorf("shard %d handled %d of %d records, want all, and at least one", shard, through[shard], n)
		}
	}
	if most < 2 {
		t.Error("no two shards were at work at once")
	}
}

// A ParallelizationFactor divides a shard into lanes: an item is always in the same lane, and
// no lane belongs to two shards.
func TestLane_SameItem_SameLane(t *testing.T) {
	lanes := map[int]bool{}
	for n := range 200 {
		key := map[string]events.DynamoDBAttributeValue{
			"pk": events.NewStringAttribute(fmt.Sprint("p", n%20)), "sk": events.NewStringAttribute(fmt.Sprint("s", n)),
		}
		r := events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{Keys: key}}
		lane := laneOf(r, "pk", 4, 3)
		if lane != laneOf(r, "pk", 4, 3) || lane/3 != laneOf(r, "pk", 4, 1) {
			t.Fatalf("%v is in lane %d and in shard %d, want the same lane each time and a lane of that shard", key, lane, laneOf(r, "pk", 4, 1))
		}
		lanes[lane] = true
	}
	if len(lanes) != 12 {
		t.Errorf("%d of 12 lanes are used, want all", len(lanes))
	}
}

func TestStreams_Stop_WaitsForTheInvocation(t *testing.T) {
	server := httptest.NewServer(&script{shards: []*scriptedShard{{id: "a", records: 1}}})
	defer server.Close()
	client := dynamodbstreams.New(dynamodbstreams.Options{Region: "local", BaseEndpoint: aws.String(server.URL), Credentials: aws.AnonymousCredentials{}})
	started, finished := make(chan struct{}), false
	ctx, cancel := context.WithCancel(t.Context())
	d, err := Start(ctx, client, []Mapping{{
		Function: "f", StreamARN: "arn",
		Handler: func(ctx context.Context, _ events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			close(started)
			time.Sleep(20 * time.Millisecond)
			finished = ctx.Err() == nil
			return events.DynamoDBEventResponse{}, nil
		},
	}}, Options{Poll: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	d.Wait()
	if !finished {
		t.Error("the invocation that ran at the stop was cancelled or not waited for")
	}
}
