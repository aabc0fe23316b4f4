// Package stream is the loop on which every consumer of a table's stream runs: it reads
// the records of a batch, does what they ask for, and reports how far it got. It must
// not know what any record asks for, nor which consumers there are.
//
// A record is only a wake-up: what there is to do is read from the tables. So what several
// records of a batch ask for is done once, and a record may come twice, late, or out
// of order.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
)

// margin is kept back from the deadline, so that there is time to report what was done; a
// fifth of the time where that is less. An invocation that Lambda ends reports nothing, and
// the whole batch comes again.
const margin = 5 * time.Second

// Loop is what a consumer does with a batch. W is what a record asks for: two records
// that ask for equal things are one piece of work.
type Loop[W comparable] struct {
	// Consumer says which records are for it. Others, which its filter should have dropped
	// or which a newer version wrote, are ignored.
	Consumer dynamo.Consumer
	// AtOnce is how many pieces of work are under way at once; 0 is 1, which keeps the
	// order of the records.
	AtOnce int
	// Read says what a record asks for. A record that cannot be read counts as failed,
	// so that it ends on the failure queue, where a person sees it.
	Read func(dynamo.StreamRecord) (W, error)
	// Do does it; the record is the first that asks for it.
	Do func(context.Context, W, dynamo.StreamRecord) error
}

// piece is a piece of work with the first record of the batch that asks for it.
type piece[W comparable] struct {
	work   W
	err    error // of a record that cannot be read
	record dynamo.StreamRecord
	at     int // its position in the batch
}

// Handle does what a batch asks for and reports the lowest record that was not finished,
// by its sequence number: Lambda takes it for the checkpoint and delivers it and
// everything after it again
// (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html).
// A record without a number cannot be reported, since an empty identifier would say
// nothing; then the whole batch fails, and all of it comes again.
func (l Loop[W]) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	ctx, cancel := StopEarly(ctx)
	defer cancel()

	pieces := l.pieces(batch.Records)
	lowest, err := Each(ctx, len(pieces), max(1, l.AtOnce), func(n int) error {
		if pieces[n].err != nil {
			return pieces[n].err
		}
		return l.Do(ctx, pieces[n].work, pieces[n].record)
	})
	if err == nil {
		return answer, nil
	}
	failed := batch.Records[pieces[lowest].at]
	slog.ErrorContext(ctx, "a stream record was not finished and comes again with all later ones", "consumer", l.Consumer.Function,
		"sequenceNumber", failed.Change.SequenceNumber, "word", pieces[lowest].record.Op().String(), "error", err)
	if failed.Change.SequenceNumber == "" {
		return answer, errors.Join(errors.New("stream: a record without a sequence number was not finished"), err)
	}
	answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: failed.Change.SequenceNumber})
	return answer, nil
}

// pieces reads the records, in their order.
func (l Loop[W]) pieces(records []events.DynamoDBEventRecord) []piece[W] {
	var pieces []piece[W]
	seen := map[W]bool{}
	for n, record := range records {
		p := piece[W]{record: read(record), at: n}
		if !l.Consumer.Hears(p.record.After) {
			continue
		}
		p.err = Guard(func() (err error) {
			p.work, err = l.Read(p.record)
			return err
		})
		if p.err == nil {
			if seen[p.work] {
				continue
			}
			seen[p.work] = true
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// StopEarly moves the deadline forward, so that there is time to report how far the
// work got. What is interrupted then is like what a crash interrupts.
func StopEarly(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	early := deadline.Add(-min(margin, time.Until(deadline)/5))
	return context.WithDeadlineCause(ctx, early, fmt.Errorf("stream: the time is up: %w", context.DeadlineExceeded))
}
