package streams

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Failure is a batch that was given up: what AWS sends to the mapping's failure destination,
// and also the records themselves, which AWS leaves in the stream.
type Failure struct {
	Function  string                       `json:"function"`
	Condition string                       `json:"condition"`
	Attempts  int                          `json:"approximateInvokeCount"`
	Error     string                       `json:"error"`
	At        time.Time                    `json:"timestamp"`
	Shard     string                       `json:"shardId"`
	First     string                       `json:"startSequenceNumber"`
	Last      string                       `json:"endSequenceNumber"`
	StreamARN string                       `json:"streamArn"`
	Records   []events.DynamoDBEventRecord `json:"records"`
}

// Why a batch was given up, in AWS's words.
const (
	retriesExhausted = "RetryAttemptsExhausted"
	recordTooOld     = "RecordAgeExceeded"
)

// delivery invokes the handler with batches of one shard until each record is processed or
// given up. It knows nothing about where records come from.
type delivery struct {
	mapping Mapping
	shard   string
	backoff func(attempt int) time.Duration
	now     func() time.Time
	retry   func(err error, attempt int) // called for each attempt that made no progress
	giveUp  func(Failure)
}

// piece is a batch, or a part of one after bisecting, with the number of attempts so far.
type piece struct {
	records  []events.DynamoDBEventRecord
	attempts int
}

// deliver returns when every record of the batch is processed or given up, or when the context
// ends; it waits for an invocation that is running then.
func (d *delivery) deliver(ctx context.Context, batch []events.DynamoDBEventRecord) {
	pending := []piece{{records: batch}}
	for len(pending) > 0 && ctx.Err() == nil {
		p := pending[0]
		through, err := d.invoke(ctx, p.records)
		if through == len(p.records) {
			pending = pending[1:]
			continue
		}
		if through > 0 {
			// The checkpoint moved: another record is first now, and the attempts so far do
			// not count against it.
			pending[0] = piece{records: p.records[through:]}
			d.pause(ctx, 1)
			continue
		}
		p.attempts++
		d.retry(err, p.attempts)
		switch {
		case d.tooOld(p.records[0]):
			d.abandon(p, recordTooOld, err)
			pending = pending[1:]
			continue
		case d.mapping.Bisect && len(p.records) > 1:
			// Splitting does not count as a retry: each half starts with no attempts. The
			// first is finished before the second begins, which keeps the order.
			half := len(p.records) / 2
			pending = slices.Replace(pending, 0, 1, piece{records: p.records[:half]}, piece{records: p.records[half:]})
		case *d.mapping.Retries >= 0 && p.attempts > *d.mapping.Retries:
			d.abandon(p, retriesExhausted, err)
			pending = pending[1:]
			continue
		default:
			pending[0] = p
		}
		d.pause(ctx, p.attempts)
	}
}

// invoke runs the handler once and returns how many records from the front were processed.
// Where that is not all, the error says why.
func (d *delivery) invoke(ctx context.Context, records []events.DynamoDBEventRecord) (int, error) {
	// A shutdown lets the running invocation finish, as Lambda would.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.mapping.Timeout)
	defer cancel()
	type result struct {
		response events.DynamoDBEventResponse
		err      error
	}
	answered := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = fmt.Errorf("the handler panicked: %v\n%s", p, debug.Stack())
			}
			answered <- r
		}()
		r.response, r.err = d.mapping.Handler(ctx, events.DynamoDBEvent{Records: slices.Clone(records)})
	}()
	select {
	case r := <-answered:
		if r.err != nil {
			return 0, r.err
		}
		if !d.mapping.ReportFailures {
			return len(records), nil
		}
		return checkpoint(records, r.response.BatchItemFailures)
	case <-ctx.Done():
		// Lambda kills the sandbox here. A goroutine cannot be killed: it may still write, as
		// a frozen sandbox may when it is resumed.
		return 0, fmt.Errorf("the function did not answer within %s", d.mapping.Timeout)
	}
}

var errUnknownIdentifier = errors.New("batchItemFailures names a record that is not in the batch, which makes all of it fail")

// checkpoint returns the position of the first failed record; everything from there on is
// delivered again. One empty or unknown identifier makes the whole batch fail.
func checkpoint(records []events.DynamoDBEventRecord, failures []events.DynamoDBBatchItemFailure) (int, error) {
	lowest := len(records)
	for _, f := range failures {
		at := slices.IndexFunc(records, func(r events.DynamoDBEventRecord) bool {
			return f.ItemIdentifier != "" && r.Change.SequenceNumber == f.ItemIdentifier
		})
		if at < 0 {
			return 0, fmt.Errorf("%w: %q", errUnknownIdentifier, f.ItemIdentifier)
		}
		lowest = min(lowest, at)
	}
	if lowest < len(records) {
		return lowest, fmt.Errorf("the function reported record %s as failed", records[lowest].Change.SequenceNumber)
	}
	return lowest, nil
}

func (d *delivery) tooOld(r events.DynamoDBEventRecord) bool {
	return d.mapping.MaxAge > 0 && d.now().Sub(r.Change.ApproximateCreationDateTime.Time) > d.mapping.MaxAge
}

func (d *delivery) abandon(p piece, condition string, err error) {
	d.giveUp(Failure{
		Function: d.mapping.Function, Condition: condition, Attempts: p.attempts, Error: err.Error(), At: d.now(),
		Shard: d.shard, StreamARN: d.mapping.StreamARN, Records: p.records,
		First: p.records[0].Change.SequenceNumber, Last: p.records[len(p.records)-1].Change.SequenceNumber,
	})
}

func (d *delivery) pause(ctx context.Context, attempt int) { sleep(ctx, d.backoff(attempt)) }

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
