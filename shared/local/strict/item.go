package strict

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// attributes are an item or a key, with the values as raw JSON.
type attributes map[string]json.RawMessage

// table is what the layer knows about a table: its keys, and those of its indexes.
type table struct {
	hash, sort string
	indexes    map[string]index
}

type index struct {
	hash, sort string
	projection string
	include    []string
}

// describe returns a table's keys; nil where there is no such table.
func (c *call) describe(name string) *table {
	l := c.layer
	l.mu.Lock()
	t := l.tables[name]
	l.mu.Unlock()
	if t != nil || name == "" {
		return t
	}
	type element struct{ AttributeName, KeyType string }
	var out struct {
		Table struct {
			KeySchema              []element
			GlobalSecondaryIndexes []struct {
				IndexName  string
				KeySchema  []element
				Projection struct {
					ProjectionType   string
					NonKeyAttributes []string
				}
			}
		}
	}
	if !c.ask("DescribeTable", map[string]string{"TableName": name}, &out) {
		return nil
	}
	split := func(schema []element) (hash, sort string) {
		for _, e := range schema {
			if e.KeyType == "HASH" {
				hash = e.AttributeName
			} else {
				sort = e.AttributeName
			}
		}
		return hash, sort
	}
	t = &table{indexes: map[string]index{}}
	t.hash, t.sort = split(out.Table.KeySchema)
	for _, x := range out.Table.GlobalSecondaryIndexes {
		i := index{projection: x.Projection.ProjectionType, include: x.Projection.NonKeyAttributes}
		i.hash, i.sort = split(x.KeySchema)
		t.indexes[x.IndexName] = i
	}
	l.mu.Lock()
	l.tables[name] = t
	l.mu.Unlock()
	return t
}

// item names one item of all tables; empty where the key is not whole.
func (c *call) item(tableName string, a attributes) (name string, partition string) {
	t := c.describe(tableName)
	if t == nil {
		return "", ""
	}
	partition = tableName + "\x00" + scalar(a[t.hash])
	if t.sort == "" {
		return partition, partition
	}
	return partition + "\x00" + scalar(a[t.sort]), partition
}

// key picks the key's attributes.
func (t *table) key(a attributes) attributes {
	k := attributes{t.hash: a[t.hash]}
	if t.sort != "" {
		k[t.sort] = a[t.sort]
	}
	return k
}

// scalar is a key attribute's value as text, the same however it was written.
func scalar(raw json.RawMessage) string {
	var v struct{ S, N, B *string }
	if json.Unmarshal(raw, &v) != nil {
		return ""
	}
	for _, p := range []*string{v.S, v.N, v.B} {
		if p != nil {
			return *p
		}
	}
	return ""
}

// sizeOf counts an item as DynamoDB does: names and values, with three bytes for a list or
// a map and one for each thing in it. …/CapacityUnitCalculations.html ("DynamoDB item
// sizes and formats").
func sizeOf(a attributes) int {
	size := 0
	for name, raw := range a {
		size += len(name) + valueSize(raw)
	}
	return size
}

func valueSize(raw json.RawMessage) int {
	var value map[string]json.RawMessage
	if json.Unmarshal(raw, &value) != nil {
		return len(raw)
	}
	for kind, v := range value {
		switch kind {
		case "S":
			var s string
			_ = json.Unmarshal(v, &s)
			return len(s)
		case "N":
			return NumberSize(string(bytes.Trim(v, `"`)))
		case "B":
			return base64.StdEncoding.DecodedLen(len(v) - 2)
		case "BOOL", "NULL":
			return 1
		case "SS", "NS", "BS":
			var all []string
			_ = json.Unmarshal(v, &all)
			size := 0
			for _, s := range all {
				switch kind {
				case "NS":
					size += NumberSize(s)
				case "BS":
					size += base64.StdEncoding.DecodedLen(len(s))
				default:
					size += len(s)
				}
			}
			return size
		case "L":
			var all []json.RawMessage
			_ = json.Unmarshal(v, &all)
			size := 3
			for _, e := range all {
				size += 1 + valueSize(e)
			}
			return size
		case "M":
			var all attributes
			_ = json.Unmarshal(v, &all)
			return 3 + len(all) + sizeOf(all)
		}
	}
	return len(raw)
}

// NumberSize returns the size of a number in bytes: one for two significant digits and one more, and one for a minus.
func NumberSize(n string) int {
	digits := strings.TrimLeft(strings.TrimPrefix(n, "-"), "0.")
	digits = strings.TrimRight(strings.ReplaceAll(digits, ".", ""), "0")
	size := (len(digits)+1)/2 + 1
	if strings.HasPrefix(n, "-") {
		size++
	}
	return size
}
