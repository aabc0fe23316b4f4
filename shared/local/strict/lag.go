package strict

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// lagging is an item whose last write some reads do not see yet. "Any updates to the base
// table are propagated asynchronously", "you might see stale data": …/GSI.html ("Data
// synchronization between tables and global secondary indexes") and
// …/HowItWorks.ReadConsistency.html.
type lagging struct {
	before attributes // nil where there was no such item
	until  time.Time
}

// pending holds the items of a write as they were before it.
type pending struct {
	layer  *Layer
	items  []written
	before map[string]attributes
}

// beforeWrites reads the items before a write that some reads will see late.
func (c *call) beforeWrites(all ...written) *pending {
	l := c.layer
	if l.options.Load().Lag <= 0 || !l.chance(l.options.Load().Behind) {
		return nil
	}
	return &pending{l, all, c.read(all)}
}

// record hides the write from lagging reads for a while.
func (p *pending) record() {
	if p == nil {
		return
	}
	until := time.Now().Add(p.layer.upTo(p.layer.options.Load().Lag))
	p.layer.mu.Lock()
	defer p.layer.mu.Unlock()
	for _, w := range p.items {
		of := p.layer.lagged[w.table]
		if of == nil {
			of = map[string]*lagging{}
			p.layer.lagged[w.table] = of
		}
		// What is behind already catches up at its own time, with all writes at once.
		if old := of[w.item]; old == nil || !old.until.After(time.Now()) {
			of[w.item] = &lagging{p.before[w.item], until}
		}
	}
}

// stale returns the old items that reads of a table may still see.
func (l *Layer) stale(table string) map[string]attributes {
	if l.options.Load().Lag <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all map[string]attributes
	for item, of := range l.lagged[table] {
		if !of.until.After(time.Now()) {
			delete(l.lagged[table], item)
			continue
		}
		if all == nil {
			all = map[string]attributes{}
		}
		all[item] = of.before
	}
	return all
}

// get is GetItem: one that is not strongly consistent may see what was before.
func (c *call) get() (*http.Response, error) {
	l := c.layer
	item, partition := c.item(c.in.TableName, c.in.Key)
	if !l.bears(partition, reads) {
		return c.throttle()
	}
	answer, err := c.forward(c.metered())
	if err != nil || item == "" || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	if _, err := c.spend(answer, partition, reads); err != nil {
		return nil, err
	}
	before, behind := l.stale(c.in.TableName)[item]
	behind = behind && !c.in.ConsistentRead && c.in.ProjectionExpression == ""
	if !behind && l.limit(writes) == 0 {
		return answer, nil
	}
	return answer, edit(answer, func(out map[string]json.RawMessage) bool {
		if !behind {
			var now attributes
			if json.Unmarshal(out["Item"], &now) == nil && now != nil {
				l.saw(item, sizeOf(now))
			}
			return false
		}
		l.count(&l.met.Lagged)
		if before == nil {
			delete(out, "Item")
			return true
		}
		out["Item"] = encode(before)
		return true
	})
}

// edit changes the top level of an answer, where change says that it did.
func edit(answer *http.Response, change func(map[string]json.RawMessage) bool) error {
	body, ok, err := open(answer)
	if err != nil || !ok {
		return err
	}
	var out map[string]json.RawMessage
	if json.Unmarshal(body, &out) == nil && change(out) {
		replace(answer, encode(out))
	}
	return nil
}

// encode writes what came from JSON as JSON.
func encode(v any) json.RawMessage {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // raw messages, strings and numbers
	}
	return body
}

// query is Query: of an index, or of a table without strong consistency, it may see items
// as they were.
func (c *call) query() (*http.Response, error) {
	l := c.layer
	t := c.describe(c.in.TableName)
	condition, understood := c.keyCondition()
	partition := c.in.TableName + "\x00" + c.in.IndexName + "\x00" + condition.hash
	if c.in.IndexName == "" {
		partition = c.in.TableName + "\x00" + condition.hash
	}
	if !l.bears(partition, reads) {
		return c.throttle()
	}
	answer, err := c.forward(c.metered())
	if err != nil || t == nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	if _, err := c.spend(answer, partition, reads); err != nil {
		return nil, err
	}
	var behind map[string]attributes
	if understood && !c.in.ConsistentRead && c.in.Select != "COUNT" {
		behind = l.stale(c.in.TableName)
	}
	if behind == nil && l.limit(writes) == 0 {
		return answer, nil
	}
	return answer, edit(answer, func(out map[string]json.RawMessage) bool {
		var items []attributes
		if json.Unmarshal(out["Items"], &items) != nil {
			return false
		}
		if c.in.IndexName == "" && c.in.ProjectionExpression == "" {
			for _, i := range items {
				name, _ := c.item(c.in.TableName, i)
				l.saw(name, sizeOf(i))
			}
		}
		if behind == nil {
			return false
		}
		l.count(&l.met.Lagged)
		var last attributes
		_ = json.Unmarshal(out["LastEvaluatedKey"], &last)
		seen := c.asBefore(t, condition, items, behind, last)
		out["Items"] = encode(seen)
		out["Count"] = encode(len(seen))
		return true
	})
}

// asBefore puts items as they were in the place of those that are behind. Where a filter
// or a projection would have to be worked out for that, an item that is new to the range
// is hidden and any other is left as it is.
func (c *call) asBefore(t *table, k keyCondition, items []attributes, behind map[string]attributes, last attributes) []attributes {
	plain := c.in.FilterExpression == "" && c.in.ProjectionExpression == ""
	kept := []attributes{}
	for _, i := range items {
		name, _ := c.item(c.in.TableName, i)
		before, lags := behind[name]
		if !lags || !plain && k.matches(before) {
			kept = append(kept, i)
		}
	}
	if !plain {
		return kept
	}
	backwards := c.in.ScanIndexForward != nil && !*c.in.ScanIndexForward
	order := func(a, b attributes) int {
		n := compare(a[k.sortName], b[k.sortName])
		if backwards {
			return -n
		}
		return n
	}
	for _, before := range behind {
		switch {
		case !k.matches(before):
			continue
		// Each page shows what lies between its bounds, so that nothing shows twice.
		case len(c.in.ExclusiveStartKey) > 0 && order(before, c.in.ExclusiveStartKey) <= 0:
			continue
		case len(last) > 0 && order(before, last) > 0:
			continue
		}
		kept = append(kept, t.project(c.in.IndexName, before))
	}
	slices.SortStableFunc(kept, order)
	return kept
}

// project keeps what an index has of an item.
func (t *table) project(name string, of attributes) attributes {
	x, ok := t.indexes[name]
	if !ok || x.projection == "ALL" {
		return of
	}
	out := attributes{}
	for _, name := range append([]string{t.hash, t.sort, x.hash, x.sort}, x.include...) {
		if v, ok := of[name]; ok {
			out[name] = v
		}
	}
	return out
}
