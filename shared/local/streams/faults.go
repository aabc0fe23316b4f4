package streams

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Faults makes a handler see what a stream may do within its guarantees, and a little more.
// The same seed and the same batches give the same faults. Probabilities are between 0 and 1.
type Faults struct {
	Seed    uint64
	Twice   float64       // the batch is delivered a second time after it was processed
	Both    float64       // the batch goes to two invocations at once
	Shuffle float64       // records of different items are reordered; those of one item keep their order
	Replay  float64       // records of earlier batches are delivered again before this one
	Lose    float64       // the batch is processed, but the answer is lost, so all of it is delivered again
	Delay   time.Duration // the batch is delayed by up to this long
}

// ErrLostAnswer is what the dispatcher gets when a fault loses an answer.
var ErrLostAnswer = errors.New("injected: the answer was lost after the batch had been handled")

// replayable bounds how many earlier records a replay can draw from.
const replayable = 1000

// Wrap returns the handler under faults. It keeps the contract of batch item
// failures: what an invocation did not get to is reported in the original order.
func (f Faults) Wrap(handler Handler) Handler {
	var (
		mu    sync.Mutex
		batch uint64
		past  []events.DynamoDBEventRecord
	)
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		mu.Lock()
		random := rand.New(rand.NewPCG(f.Seed, batch)) // replayable on purpose
		batch++
		old := slices.Clone(past)
		past = append(past, event.Records...)
		past = past[max(0, len(past)-replayable):]
		mu.Unlock()

		hit := func(probability float64) bool { return random.Float64() < probability }
		if f.Delay > 0 {
			sleep(ctx, time.Duration(random.Int64N(int64(f.Delay))))
		}
		if hit(f.Replay) && len(old) > 0 {
			from := random.IntN(len(old))
			repeated := old[from:min(len(old), from+1+random.IntN(10))]
			// Their outcome does not matter: they were acknowledged before.
			_, _ = handler(ctx, events.DynamoDBEvent{Records: repeated})
		}
		records := slices.Clone(event.Records)
		if hit(f.Shuffle) {
			records = shuffle(random, records)
		}
		if hit(f.Both) {
			var other sync.WaitGroup
			defer other.Wait()
			other.Go(func() {
				defer func() { _ = recover() }() // a panic of the second invocation must not end this one
				_, _ = handler(ctx, events.DynamoDBEvent{Records: slices.Clone(event.Records)})
			})
		}
		twice, lose := hit(f.Twice), hit(f.Lose)
		response, err := handler(ctx, events.DynamoDBEvent{Records: records})
		if err == nil && twice {
			response, err = handler(ctx, events.DynamoDBEvent{Records: records})
		}
		if err == nil && lose {
			return events.DynamoDBEventResponse{}, ErrLostAnswer
		}
		return unfinished(records, response), err
	}
}

// unfinished names the first failed record and all after it in the order in which
// the function saw them: it stopped there, whatever the original order was.
func unfinished(seen []events.DynamoDBEventRecord, response events.DynamoDBEventResponse) events.DynamoDBEventResponse {
	at, err := checkpoint(seen, response.BatchItemFailures)
	if errors.Is(err, errUnknownIdentifier) || at == len(seen) {
		return response
	}
	var out events.DynamoDBEventResponse
	for _, r := range seen[at:] {
		out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
	}
	return out
}

// shuffle reorders the records; those of one item keep their order.
func shuffle(random *rand.Rand, records []events.DynamoDBEventRecord) []events.DynamoDBEventRecord {
	queues := map[string][]events.DynamoDBEventRecord{}
	order := make([]string, len(records))
	for i, r := range records {
		order[i] = ItemKey(r)
		queues[order[i]] = append(queues[order[i]], r)
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	out := make([]events.DynamoDBEventRecord, len(records))
	for i, key := range order {
		out[i], queues[key] = queues[key][0], queues[key][1:]
	}
	return out
}
