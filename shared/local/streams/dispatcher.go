package streams

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// Options are the settings of a dispatcher; the zero value suits a laptop.
type Options struct {
	Poll    time.Duration                   // pause before reading an empty shard again; 0 is 200 ms
	Backoff func(attempt int) time.Duration // before attempt+1; nil doubles from 100 ms to 3 s, with jitter
	Log     *slog.Logger                    // nil is silent
	// Shards is the number of shards to simulate for each stream, since the engine has only
	// one; 0 is 1. A new table on demand begins with four partitions, and its stream has a
	// shard for each:
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
	Shards int
}

func (o Options) withDefaults() Options {
	if o.Poll == 0 {
		o.Poll = 200 * time.Millisecond
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	if o.Shards == 0 {
		o.Shards = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func backoff(attempt int) time.Duration {
	const first, most = 100 * time.Millisecond, 3 * time.Second
	d := most
	if attempt < 6 {
		d = min(most, first<<max(attempt-1, 0))
	}
	return d/2 + rand.N(d/2) // jitter needs no secrecy
}

// Dispatcher runs the mappings. It keeps no checkpoint on disk: it reads each stream from its
// oldest record, since consumers are idempotent, and records that a killed host had not
// finished must not be missed.
type Dispatcher struct {
	consumers []*consumer
	running   sync.WaitGroup

	mu       sync.Mutex
	failures []Failure
}

// Start checks the mappings and polls for them until the context ends; Wait then
// waits for the invocations that are still running.
func Start(ctx context.Context, client *dynamodbstreams.Client, mappings []Mapping, options Options) (*Dispatcher, error) {
	d := &Dispatcher{}
	options = options.withDefaults()
	var wrong []error
	for _, m := range mappings {
		m = m.withDefaults()
		wrong = append(wrong, m.check())
		d.consumers = append(d.consumers, newConsumer(m, client, options, d.fail))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	for _, c := range d.consumers {
		d.running.Go(func() { c.run(ctx) })
	}
	return d, nil
}

// Wait returns when the context of Start has ended and nothing runs any more.
func (d *Dispatcher) Wait() { d.running.Wait() }

func (d *Dispatcher) fail(f Failure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures = append(d.failures, f)
}

// Failures returns the failure queue, oldest first.
func (d *Dispatcher) Failures() []Failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.failures)
}

// States returns the state of each mapping, in the order of Start.
func (d *Dispatcher) States() []State {
	out := make([]State, len(d.consumers))
	for i, c := range d.consumers {
		out[i] = c.snapshot()
	}
	return out
}

// WaitIdle waits until every record has been processed, including those that handlers write to
// each other's streams meanwhile.
func (d *Dispatcher) WaitIdle(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		before, started := d.States(), time.Now()
		for !d.quietSince(started) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		// A handler that ended after another stream had been looked at may have written
		// there: only a round in which nothing happened at all is the last one.
		if slices.Equal(before, d.States()) {
			return nil
		}
	}
}

func (d *Dispatcher) quietSince(at time.Time) bool {
	for _, c := range d.consumers {
		if !c.quietSince(at) {
			return false
		}
	}
	return true
}
