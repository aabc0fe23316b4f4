// Package streams delivers DynamoDB Streams to handlers as Lambda's event source mappings do:
// at least once, in order per item, with batches, filters, partial failures, bisecting,
// retries and a failure queue. It must not know which functions exist or what their records
// mean.
package streams

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Handler processes a batch: a function's own handler in this process, or one that invokes the
// function elsewhere.
type Handler func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

// Mapping is one event source mapping. Its fields are those of the template; the
// zero value of a field stands for AWS's default.
type Mapping struct {
	Function  string
	StreamARN string
	Handler   Handler
	Filters   []Filter
	// PartitionKey is the attribute whose value decides which shard a record is in; if empty,
	// the whole key decides.
	PartitionKey string

	BatchSize   int           // maximum number of records per invocation; 0 is 100
	Window      time.Duration // how long a batch that is not full may wait for more
	Parallelism int           // batches at once per shard, each with its own items; 0 is 1
	Timeout     time.Duration // of one invocation; 0 is 3 s

	ReportFailures bool          // the function answers which record failed first
	Bisect         bool          // halve a failing batch to isolate its bad record
	Retries        *int          // attempts after the first; nil or -1 is without end
	MaxAge         time.Duration // of a record; 0 is unlimited
}

// Limits of AWS, so that a template that AWS would refuse is refused here as well.
const (
	maxBatch       = 10_000
	maxWindow      = 5 * time.Minute
	maxParallelism = 10
	maxRetries     = 10_000
	// maxPayload keeps an invocation's JSON below Lambda's 6 MB: an image takes up to twice
	// its stored size as JSON.
	maxPayload = 3 << 20
)

func (m Mapping) withDefaults() Mapping {
	if m.BatchSize == 0 {
		m.BatchSize = 100
	}
	if m.Parallelism == 0 {
		m.Parallelism = 1
	}
	if m.Timeout == 0 {
		m.Timeout = 3 * time.Second
	}
	if m.Retries == nil {
		endless := -1
		m.Retries = &endless
	}
	return m
}

func (m Mapping) check() error {
	switch {
	case m.Function == "" || m.Handler == nil:
		return fmt.Errorf("a stream mapping has no function")
	case m.StreamARN == "":
		return fmt.Errorf("%s: the table has no stream", m.Function)
	case m.BatchSize < 1 || m.BatchSize > maxBatch:
		return fmt.Errorf("%s: BatchSize %d is outside 1–%d", m.Function, m.BatchSize, maxBatch)
	case m.Window < 0 || m.Window > maxWindow:
		return fmt.Errorf("%s: the batching window %s is outside 0–%s", m.Function, m.Window, maxWindow)
	case m.Parallelism < 1 || m.Parallelism > maxParallelism:
		return fmt.Errorf("%s: ParallelizationFactor %d is outside 1–%d", m.Function, m.Parallelism, maxParallelism)
	case *m.Retries < -1 || *m.Retries > maxRetries:
		return fmt.Errorf("%s: MaximumRetryAttempts %d is outside -1–%d", m.Function, *m.Retries, maxRetries)
	}
	return nil
}
