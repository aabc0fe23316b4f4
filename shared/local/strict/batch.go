package strict

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A batch is not a transaction: the part of it that was not processed is returned, and the
// request fails only if nothing was processed. API_BatchGetItem ("UnprocessedKeys"),
// API_BatchWriteItem ("UnprocessedItems"), and …/Programming.Errors.html ("Batch operations
// and error handling").

// batchGet reads the keys whose partition is not throttled; others may also come back
// unprocessed just because DynamoDB was busy.
func (c *call) batchGet() (*http.Response, error) {
	l := c.layer
	type part struct {
		fields map[string]json.RawMessage
		keys   []attributes
		in     struct {
			ConsistentRead       bool
			ProjectionExpression string
		}
	}
	parts := map[string]*part{}
	type place struct {
		table     string
		key       attributes
		item      string
		partition string
	}
	var asked []place
	for _, name := range slices.Sorted(maps.Keys(c.in.RequestItems)) {
		p := &part{}
		if json.Unmarshal(c.in.RequestItems[name], &p.fields) != nil || json.Unmarshal(c.in.RequestItems[name], &p.in) != nil ||
			json.Unmarshal(p.fields["Keys"], &p.keys) != nil {
			return c.forward(c.body)
		}
		parts[name] = p
		for _, k := range p.keys {
			item, partition := c.item(name, k)
			if item == "" {
				return c.forward(c.body)
			}
			asked = append(asked, place{name, k, item, partition})
		}
	}
	// What comes back depends on the seed, not on the order in which a caller walks a map.
	slices.SortFunc(asked, func(a, b place) int { return strings.Compare(a.item, b.item) })
	takes := c.some(len(asked))
	now, later := map[string][]attributes{}, map[string][]attributes{}
	for i, one := range asked {
		if takes(i) && l.bears(one.partition, reads) {
			now[one.table] = append(now[one.table], one.key)
		} else {
			later[one.table] = append(later[one.table], one.key)
		}
	}
	if len(now) == 0 && len(asked) > 0 {
		return c.throttle()
	}
	with := func(keys map[string][]attributes) json.RawMessage {
		out := map[string]map[string]json.RawMessage{}
		for name, some := range keys {
			out[name] = maps.Clone(parts[name].fields)
			out[name]["Keys"] = encode(some)
		}
		return encode(out)
	}
	body := c.body
	if len(later) > 0 {
		l.count(&l.met.Unprocessed)
		var err error
		if body, err = c.but("RequestItems", with(now)); err != nil {
			return c.forward(c.body)
		}
	}
	answer, err := c.forward(body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	behind := false
	for name, p := range parts {
		behind = behind || !p.in.ConsistentRead && p.in.ProjectionExpression == "" && l.stale(name) != nil
	}
	if len(later) == 0 && !behind && l.limit(reads) == 0 {
		return answer, nil
	}
	return answer, edit(answer, func(out map[string]json.RawMessage) bool {
		var responses map[string][]attributes
		if json.Unmarshal(out["Responses"], &responses) != nil {
			return false
		}
		for name, items := range responses {
			for _, i := range items {
				item, partition := c.item(name, i)
				size := sizeOf(i)
				l.take(partition, reads, units(size, parts[name].in.ConsistentRead))
				l.saw(item, size)
			}
		}
		for name, p := range parts {
			if p.in.ConsistentRead || p.in.ProjectionExpression != "" {
				continue
			}
			stale, kept := l.stale(name), []attributes{}
			for _, i := range responses[name] {
				if item, _ := c.item(name, i); !has(stale, item) {
					kept = append(kept, i)
				}
			}
			for _, k := range now[name] {
				if item, _ := c.item(name, k); stale[item] != nil {
					kept = append(kept, stale[item])
				}
			}
			responses[name] = kept
		}
		out["Responses"] = encode(responses)
		if len(later) > 0 {
			out["UnprocessedKeys"] = with(later)
		}
		return true
	})
}

func has(of map[string]attributes, item string) bool {
	_, ok := of[item]
	return ok
}

// units returns what reading a number of bytes costs: …/read-write-operations.html.
func units(size int, consistent bool) float64 {
	n := float64(max(1, (size+4095)/4096))
	if !consistent {
		return n / 2
	}
	return n
}

// batchWrite writes the items that no transaction holds and whose partition key is not hot.
func (c *call) batchWrite() (*http.Response, error) {
	l := c.layer
	type request struct {
		PutRequest    *struct{ Item attributes }
		DeleteRequest *struct{ Key attributes }
	}
	type place struct {
		written
		raw json.RawMessage
	}
	var asked []place
	for _, name := range slices.Sorted(maps.Keys(c.in.RequestItems)) {
		var raws []json.RawMessage
		if json.Unmarshal(c.in.RequestItems[name], &raws) != nil {
			return c.forward(c.body)
		}
		for _, raw := range raws {
			var r request
			if json.Unmarshal(raw, &r) != nil {
				return c.forward(c.body)
			}
			var w written
			switch {
			case r.PutRequest != nil:
				w = c.written(name, nil, r.PutRequest.Item)
			case r.DeleteRequest != nil:
				w = c.written(name, r.DeleteRequest.Key, nil)
			}
			if w.item == "" {
				return c.forward(c.body)
			}
			asked = append(asked, place{w, raw})
		}
	}
	takes := c.some(len(asked))
	now, later := map[string][]json.RawMessage{}, map[string][]json.RawMessage{}
	var going []written
	for i, one := range asked {
		if takes(i) && l.bears(one.partition, writes) && len(l.begin(one.written)) == 0 {
			now[one.table] = append(now[one.table], one.raw)
			going = append(going, one.written)
		} else {
			later[one.table] = append(later[one.table], one.raw)
		}
	}
	defer func() {
		for _, w := range going {
			l.release(l.flight.writes, w.item)
		}
	}()
	if len(now) == 0 && len(asked) > 0 {
		return c.throttle()
	}
	body := c.body
	if len(later) > 0 {
		l.count(&l.met.Unprocessed)
		var err error
		if body, err = c.but("RequestItems", encode(now)); err != nil {
			return c.forward(c.body)
		}
	}
	before := c.beforeWrites(going...)
	answer, err := c.forward(body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	before.record()
	for _, w := range going {
		size := 0
		if w.put {
			size = sizeOf(w.attributes)
			l.saw(w.item, size)
		}
		l.take(w.partition, writes, float64(max(1, (size+1023)/1024)))
	}
	if len(later) == 0 {
		return answer, nil
	}
	return answer, edit(answer, func(out map[string]json.RawMessage) bool {
		out["UnprocessedItems"] = encode(later)
		return true
	})
}

// some chooses which of a number of requests are carried out now: all or some, never none.
func (c *call) some(of int) func(int) bool {
	l := c.layer
	if of < 2 || !l.chance(l.options.Load().Unprocessed) {
		return func(int) bool { return true }
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	held := map[int]bool{}
	for range 1 + l.random.IntN(of-1) {
		held[l.random.IntN(of)] = true
	}
	return func(i int) bool { return !held[i] }
}

// but returns the request with another value for one of its fields.
func (c *call) but(field string, value json.RawMessage) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(c.body, &all); err != nil {
		return nil, err
	}
	all[field] = value
	return json.Marshal(all)
}
