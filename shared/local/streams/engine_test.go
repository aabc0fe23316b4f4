package streams_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/testkit"
)

// On DynamoDB Local, with a handler that fails and panics, and under every fault of Faults:
// each change reaches the handler, and those of one item first come in their order.
func TestStreams_Engine_ChangesArriveInOrderPerItem(t *testing.T) {
	const items, changes = 5, 30
	h := testkit.New(t, testkit.WithStreams)
	client, table := h.Client, h.Tables.Tasks
	described, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			run := fmt.Sprintf("run-%d", seed)
			filter, err := streams.ParseFilter(`{"dynamodb":{"NewImage":{"run":{"S":["` + run + `"]}}}}`)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			seen := map[string]int{} // item → the newest of its changes that came so far
			random := rand.New(rand.NewPCG(seed, 0))
			handler := func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range e.Records {
					if random.IntN(20) == 0 {
						return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: r.Change.SequenceNumber}}}, nil
					}
					if random.IntN(40) == 0 {
						panic("injected")
					}
					item := r.Change.Keys["pk"].String()
					n, err := strconv.Atoi(r.Change.NewImage["n"].Number())
					if err != nil {
						t.Error(err)
					}
					if n > seen[item]+1 {
						t.Errorf("%s: change %d came after %d", item, n, seen[item])
					}
					seen[item] = max(seen[item], n)
				}
				return events.DynamoDBEventResponse{}, nil
			}
			o := client.Options()
			ctx, cancel := context.WithCancel(t.Context())
			d, err := streams.Start(ctx, dynamodbstreams.New(dynamodbstreams.Options{Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials}), []streams.Mapping{{
				Function: "f", StreamARN: aws.ToString(described.Table.LatestStreamArn), Filters: []streams.Filter{filter},
				BatchSize: 7, Parallelism: 3, ReportFailures: true, Bisect: true, Timeout: 10 * time.Second,
				Handler: streams.Faults{Seed: seed, Twice: .2, Both: .1, Shuffle: .5, Replay: .2, Lose: .1, Delay: 5 * time.Millisecond}.Wrap(handler),
			}}, streams.Options{Poll: 20 * time.Millisecond, Backoff: func(int) time.Duration { return time.Millisecond }})
			if err != nil {
				t.Fatal(err)
			}
			for n := range changes {
				for i := range items {
					_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]types.AttributeValue{
						"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("%s-%d", run, i)}, "sk": &types.AttributeValueMemberS{Value: "M"},
						"run": &types.AttributeValueMemberS{Value: run}, "n": &types.AttributeValueMemberN{Value: strconv.Itoa(n + 1)},
					}})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			idle, done := context.WithTimeout(ctx, time.Minute)
			defer done()
			if err := d.WaitIdle(idle); err != nil {
				t.Fatalf("not idle after a minute: %v, states %+v", err, d.States())
			}
			cancel()
			d.Wait()
			for i := range items {
				if n := seen[fmt.Sprintf("%s-%d", run, i)]; n != changes {
					t.Errorf("item %d: %d of %d changes came", i, n, changes)
				}
			}
			if state := d.States()[0]; state.Received != items*changes || state.Finished != state.Received || len(d.Failures()) != 0 {
				t.Errorf("got %+v and %d failures, want all %d changes received and finished, and none", state, len(d.Failures()), items*changes)
			}
		})
	}
}
