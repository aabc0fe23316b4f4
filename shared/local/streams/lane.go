package streams

import (
	"context"
	"hash/fnv"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// lane delivers the records of some items of a shard, in order, one batch at a time. A shard
// has as many lanes as the mapping's parallelism; a shard of the engine is divided into as
// many shards as the options say.
type lane struct {
	records  chan events.DynamoDBEventRecord
	delivery delivery
	done     func(records int) // called when a batch is processed or given up
}

// run ends when the channel is closed and empty, or with the context.
func (l *lane) run(ctx context.Context) {
	var next *events.DynamoDBEventRecord // a record that did not fit into the last batch
	for ctx.Err() == nil {
		batch := make([]events.DynamoDBEventRecord, 0, min(l.delivery.mapping.BatchSize, 100))
		if next != nil {
			batch = append(batch, *next)
		} else {
			select {
			case r, ok := <-l.records:
				if !ok {
					return
				}
				batch = append(batch, r)
			case <-ctx.Done():
				return
			}
		}
		batch, next = l.fill(ctx, batch)
		l.delivery.deliver(ctx, batch)
		if ctx.Err() == nil {
			l.done(len(batch))
		}
	}
}

// fill adds waiting records, and those that arrive within the mapping's window, until the
// batch is full; it returns the record that did not fit any more.
func (l *lane) fill(ctx context.Context, batch []events.DynamoDBEventRecord) ([]events.DynamoDBEventRecord, *events.DynamoDBEventRecord) {
	m := l.delivery.mapping
	var window <-chan time.Time
	if m.Window > 0 {
		timer := time.NewTimer(m.Window)
		defer timer.Stop()
		window = timer.C
	}
	size := batch[0].Change.SizeBytes
	for len(batch) < m.BatchSize {
		var r events.DynamoDBEventRecord
		var ok bool
		if window == nil {
			select {
			case r, ok = <-l.records:
			default:
			}
		} else {
			select {
			case r, ok = <-l.records:
			case <-window:
			case <-ctx.Done():
			}
		}
		if !ok {
			return batch, nil
		}
		size += r.Change.SizeBytes
		if size > maxPayload {
			return batch, &r
		}
		batch = append(batch, r)
	}
	return batch, nil
}

// laneOf returns the lane of a record: the partition key decides the shard, and the item's key
// the lane within it, so that the records of one item share a lane. Records of different
// shards overtake each other, and so do those of different items of one shard where the
// mapping has a ParallelizationFactor:
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
// ("Polling and batching streams").
func laneOf(r events.DynamoDBEventRecord, partitionKey string, shards, parallelism int) int {
	shard := 0
	if shards > 1 {
		key := ItemKey(r)
		if v, ok := r.Change.Keys[partitionKey]; ok {
			text, _ := v.MarshalJSON()
			key = string(text)
		}
		shard = int(hash(key) % uint32(shards)) // a handful
	}
	if parallelism == 1 {
		return shard
	}
	return shard*parallelism + int(hash(ItemKey(r))/7%uint32(parallelism)) // 1–10
}

// hash spreads keys; equal keys have equal hashes.
func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}

// ItemKey is the key of the item that a record is about, as text.
func ItemKey(r events.DynamoDBEventRecord) string {
	names := make([]string, 0, len(r.Change.Keys))
	for name := range r.Change.Keys {
		names = append(names, name)
	}
	slices.Sort(names)
	var key []byte
	for _, name := range names {
		text, err := r.Change.Keys[name].MarshalJSON()
		if err != nil {
			text = []byte("?")
		}
		key = append(append(append(key, name...), '='), text...)
		key = append(key, '\n')
	}
	return string(key)
}
