package strict

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"time"
)

// direction is what units are spent on.
type direction string

const (
	reads  direction = "Read"
	writes direction = "Write"
)

// bucket is the token bucket of a partition key: it holds one second's capacity and is
// refilled at that rate. As in DynamoDB, a request is admitted if anything is left and its
// cost is deducted afterwards, so that the bucket may be in debt.
type bucket struct {
	left float64
	at   time.Time
}

// limit is the capacity of a partition key per second; 0 is unlimited.
func (l *Layer) limit(d direction) float64 {
	if d == reads {
		return l.options.Load().ReadUnits
	}
	return l.options.Load().WriteUnits
}

// bears reports whether the partition key has capacity for another request.
func (l *Layer) bears(partition string, d direction) bool {
	if l.limit(d) == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(partition, d).left > 0
}

// bucket returns a partition key's bucket, refilled for the time since it was last used; the
// caller holds the lock.
func (l *Layer) bucket(partition string, d direction) *bucket {
	now, most := time.Now(), l.limit(d)
	const many = 50_000
	if len(l.spent) > many {
		for key, b := range l.spent {
			if now.Sub(b.at) > time.Minute { // full again, unless it had been in debt for long
				delete(l.spent, key)
			}
		}
	}
	key := string(d) + "\x00" + partition
	b := l.spent[key]
	if b == nil {
		b = &bucket{left: most, at: now}
		l.spent[key] = b
	}
	b.left = min(most, b.left+now.Sub(b.at).Seconds()*most)
	b.at = now
	return b
}

func (l *Layer) take(partition string, d direction, units float64) {
	if l.limit(d) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(partition, d).left -= units
}

// hot is DynamoDB's message for a throttled partition key:
// …/throttling-key-range-limit-exceeded-mitigation.html.
const hot = "Throughput exceeds the current capacity for one or more partition keys. Distribute requests more evenly, or retry with backoff."

func (c *call) throttle() (*http.Response, error) { return c.refuse("ThrottlingException", hot) }

// metered returns the request so that the engine reports its cost, where that is needed and
// the caller did not ask for it.
func (c *call) metered() []byte {
	if c.layer.options.Load().WriteUnits == 0 && c.layer.options.Load().ReadUnits == 0 || c.in.ReturnConsumedCapacity != "" {
		return c.body
	}
	return append([]byte(`{"ReturnConsumedCapacity":"INDEXES",`), bytes.TrimLeft(bytes.TrimLeft(c.body, " \t\r\n"), "{")...)
}

// spend deducts the cost that an answer reports.
func (c *call) spend(answer *http.Response, partition string, d direction) (units float64, err error) {
	l := c.layer
	if l.limit(d) == 0 {
		return 0, nil
	}
	body, ok, err := open(answer)
	if !ok || err != nil {
		return 0, err
	}
	var out struct {
		ConsumedCapacity struct {
			CapacityUnits float64
			Table         struct{ CapacityUnits float64 }
		}
	}
	_ = json.Unmarshal(body, &out) // an answer that is no JSON says nothing of its costs
	units = out.ConsumedCapacity.CapacityUnits
	if t := out.ConsumedCapacity.Table.CapacityUnits; t > 0 {
		units = t // without the cost of its indexes, which have partitions of their own
	}
	l.take(partition, d, units)
	return units, nil
}

// throttled cancels a transaction that touches a hot partition key.
func (c *call) throttled(all []written) (*http.Response, error) {
	l := c.layer
	if l.limit(writes) == 0 {
		return nil, nil //nolint:nilnil // no refusal
	}
	reasons, hit := make([]reason, len(all)), false
	for i, w := range all {
		reasons[i].Code = "None"
		if !l.bears(w.partition, writes) {
			reasons[i], hit = reason{"ThrottlingError", hot}, true
		}
	}
	if !hit {
		return nil, nil //nolint:nilnil // no refusal
	}
	return c.cancel(reasons)
}

// spendAll deducts the cost of a transaction: two units for each kilobyte of each item.
// DynamoDB Local reports it wrongly and not by item, so it is computed from the items' last
// known sizes. …/transaction-apis.html ("Capacity management").
func (c *call) spendAll(all []written) {
	l := c.layer
	if l.limit(writes) == 0 {
		return
	}
	for _, w := range all {
		if w.put {
			l.saw(w.item, sizeOf(w.attributes))
		}
		l.mu.Lock()
		size := l.sizes[w.item]
		l.mu.Unlock()
		l.take(w.partition, writes, 2*max(1, math.Ceil(float64(size)/1024)))
	}
}

// saw records the size of an item.
func (l *Layer) saw(item string, size int) {
	if l.limit(writes) == 0 || item == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	const many = 100_000
	if len(l.sizes) >= many {
		clear(l.sizes)
	}
	l.sizes[item] = size
}
