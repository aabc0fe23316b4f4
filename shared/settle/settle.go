// Package settle brings deployments, rollbacks and cancellations from a release to its
// change requests and from those to their tasks: two stream consumers and the sweep
// that repairs what their retries gave up on. It must not know who called for a
// transition, nor whom anybody tells about it.
//
// A stream record is only a wake-up. What there is to do is read from the tables, strongly
// consistent, and done by writes each of which is conditioned on what was read. So a
// record may come twice, late, out of order or to two invocations at once, and an
// invocation may die between any two requests.
package settle

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/stream"
)

const (
	// parallelism is how many writes one Settler has under way at once: at 5 ms each it asks
	// for 6,400 a second, more than an idle table takes (docs/performance/scale.md).
	parallelism = 32
	// recordsAtOnce is how many records of a batch are worked on at once, so that the
	// reads for one overlap with the writes for another.
	recordsAtOnce = 10
	// readsAtOnce is how many of them read tasks at once: few, so that the first of them can
	// soon begin to write.
	readsAtOnce = 2
)

// Settler is the two consumers. It is safe for concurrent use.
type Settler struct {
	store *dynamo.Store
	now   func() time.Time
	slots chan struct{} // for writing
	reads chan struct{} // for reading tasks
}

// New returns the consumers on a store.
func New(store *dynamo.Store) *Settler {
	return &Settler{store: store, now: time.Now, slots: make(chan struct{}, parallelism), reads: make(chan struct{}, readsAtOnce)}
}

// WithClock returns the consumers with another clock, for tests and replays.
func (s *Settler) WithClock(now func() time.Time) *Settler {
	s.now = now
	return s
}

// Changes is woken by the Releases stream and brings releases' settlements to their
// change requests.
func (s *Settler) Changes(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return stream.Loop[string]{
		Consumer: dynamo.SettleChanges(), AtOnce: recordsAtOnce,
		Read: dynamo.StreamRecord.ReleaseID,
		Do: func(ctx context.Context, id string, _ dynamo.StreamRecord) error {
			return s.settleRelease(ctx, id)
		},
	}.Handle(ctx, batch)
}

// changeOf is a change request that followed a release.
type changeOf struct{ change, release string }

// Tasks is woken by the Changes stream and brings change requests' settlements to
// their tasks.
func (s *Settler) Tasks(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return stream.Loop[changeOf]{
		Consumer: dynamo.SettleTasks(), AtOnce: recordsAtOnce,
		Read: func(r dynamo.StreamRecord) (w changeOf, err error) {
			w.change, w.release, err = r.Followed()
			return w, err
		},
		Do: func(ctx context.Context, w changeOf, _ dynamo.StreamRecord) error {
			return s.settleChange(ctx, w)
		},
	}.Handle(ctx, batch)
}

// whenFree runs do when there is room.
func whenFree(ctx context.Context, room chan struct{}, do func() error) error {
	select {
	case room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-room }()
	return do()
}
