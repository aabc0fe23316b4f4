// Package settle brings deployments, rollbacks and cancellations from a release to its
// change requests and from those to their tasks: two stream consumers and the sweep
// that repairs what their retries gave up on. It must not know who called for a
// transition, nor whom anybody tells about it.
//
// A stream record is only a wake-up. What there is to do stands in the tables, is read
// from there strongly consistent, and is done by writes each of which is conditioned on
// what was read. So a record may come twice, late, out of order or to two invocations
// at once, and an invocation may die between any two requests.
package settle

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
)

const (
	// parallelism is how many writes one Settler has under way at once.
	parallelism = 32
	// recordsAtOnce is how many records of a batch are worked on at once, so that the
	// reads for one overlap with the writes for another.
	recordsAtOnce = 10
	// readsAtOnce is how many of them read tasks at once: the first shall begin to write
	// soon, instead of all together late.
	readsAtOnce = 2
	// margin is kept back from the deadline for the answer, or a fifth of the time
	// where that is less.
	margin = 5 * time.Second
)

// Settler is the two consumers. It is safe for concurrent use.
type Settler struct {
	store *dynamo.Store
	slots chan struct{} // for writing
	reads chan struct{} // for reading tasks
}

// New returns the consumers on a store.
func New(store *dynamo.Store) *Settler {
	return &Settler{store: store, slots: make(chan struct{}, parallelism), reads: make(chan struct{}, readsAtOnce)}
}

// Changes is woken by the Releases stream and brings releases' settlements to their
// change requests.
func (s *Settler) Changes(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return handle(ctx, batch, releaseWake, s.settleRelease)
}

// Tasks is woken by the Changes stream and brings change requests' settlements to
// their tasks.
func (s *Settler) Tasks(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return handle(ctx, batch, changeWake, s.settleChange)
}

// job is a wake-up with the first record of the batch that asks for it.
type job[W comparable] struct {
	wake   W
	record int
	err    error // of a record that cannot be read
}

// handle does what a batch asks for, once where several records ask for the same, and
// reports the lowest record that was not finished: DynamoDB takes it for the checkpoint
// and delivers it and everything after it again.
func handle[W comparable](
	ctx context.Context, batch events.DynamoDBEvent,
	decode func(events.DynamoDBEventRecord) (wake W, known bool, err error), do func(context.Context, W) error,
) (events.DynamoDBEventResponse, error) {
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	ctx, cancel := stopEarly(ctx)
	defer cancel()

	var jobs []job[W]
	seen := map[W]bool{}
	for n, record := range batch.Records {
		wake, known, err := decode(record)
		if err != nil || known && !seen[wake] {
			jobs = append(jobs, job[W]{wake: wake, record: n, err: err})
			seen[wake] = err == nil
		}
	}
	at, err := each(ctx, len(jobs), recordsAtOnce, func(n int) error {
		if jobs[n].err != nil {
			return jobs[n].err
		}
		return do(ctx, jobs[n].wake)
	})
	if err == nil {
		return answer, nil
	}
	failed := batch.Records[jobs[at].record].Change.SequenceNumber
	slog.ErrorContext(ctx, "settlement: a record was not finished and comes again", "sequenceNumber", failed, "error", err)
	if failed == "" {
		return answer, err // an empty identifier would say nothing
	}
	answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: failed})
	return answer, nil
}

// stopEarly moves the deadline forward, so that there is time to report how far the
// work got. What was interrupted is like what a crash interrupts.
func stopEarly(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(margin, time.Until(deadline)/5)))
}
