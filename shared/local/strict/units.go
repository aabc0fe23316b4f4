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

// bucket holds what a partition key bears: a second's worth, filled at that rate. Like
// DynamoDB it asks before a request whether anything is left and learns afterwards what
// the request cost, so that it may be in debt.
type bucket struct {
	left float64
	at   time.Time
}

// limit is what a partition key bears in a second; 0 is without end.
func (l *Layer) limit(d direction) float64 {
	if d == reads {
		return l.options.Load().ReadUnits
	}
	return l.options.Load().WriteUnits
}

// bears tells whether the partition key bears another request.
func (l *Layer) bears(partition string, d direction) bool {
	if l.limit(d) == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(partition, d).left > 0
}

// bucket fills what has come since it was looked at last; the lock is held.
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

// hot is what DynamoDB says of a partition key that got too much:
// …/throttling-key-range-limit-exceeded-mitigation.html.
const hot = "Throughput exceeds the current capacity for one or more partition keys. Distribute requests more evenly, or retry with backoff."

func (c *call) throttle() (*http.Response, error) { return c.refuse("ThrottlingException", hot) }

// metered asks the engine what the request costs, where that is of interest and the
// caller does not ask.
func (c *call) metered() []byte {
	if c.layer.options.Load().WriteUnits == 0 && c.layer.options.Load().ReadUnits == 0 || c.in.ReturnConsumedCapacity != "" {
		return c.body
	}
	return append([]byte(`{"ReturnConsumedCapacity":"INDEXES",`), bytes.TrimLeft(bytes.TrimLeft(c.body, " \t\r\n"), "{")...)
}

// spend takes what an answer says that the request cost.
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
		units = t // without what its indexes took, whose partitions are others
	}
	l.take(partition, d, units)
	return units, nil
}

// throttled cancels a transaction that meets a hot partition key.
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

// spendAll takes what a transaction cost: two units for each kilobyte of each item. What
// DynamoDB Local says of that is wrong, and does not tell items apart; an item's size is
// what was seen of it last. …/transaction-apis.html ("Capacity management").
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

// saw remembers the size of an item.
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
