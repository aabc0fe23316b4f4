package strict

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// keyCondition is what a Query asks of the keys of a table or an index.
type keyCondition struct {
	hashName, hash string
	sortName       string
	operator       string // of the sort key; empty for any
	bounds         []json.RawMessage
}

var (
	equals = regexp.MustCompile(`^\(?\s*([#\w]+)\s*=\s*(:\w+)\s*\)?$`)
	begins = regexp.MustCompile(`^\(?\s*begins_with\s*\(\s*([#\w]+)\s*,\s*(:\w+)\s*\)\s*\)?$`)
	ranges = regexp.MustCompile(`^\(?\s*([#\w]+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)\s*\)?$`)
	others = regexp.MustCompile(`^\(?\s*([#\w]+)\s*(<=|>=|<|>)\s*(:\w+)\s*\)?$`)
)

// keyCondition reads the request's; false where it is written in another way than the
// SDK and people write it. …/Query.KeyConditionExpressions.html.
func (c *call) keyCondition() (keyCondition, bool) {
	first, second, both := strings.Cut(strings.TrimSpace(c.in.KeyConditionExpression), " AND ")
	m := equals.FindStringSubmatch(first)
	t := c.describe(c.in.TableName)
	if m == nil || t == nil {
		return keyCondition{}, false
	}
	value := func(of string) json.RawMessage { return c.in.ExpressionAttributeValues[of] }
	k := keyCondition{hashName: c.name(m[1]), hash: scalar(value(m[2])), sortName: t.sort}
	if c.in.IndexName != "" {
		k.sortName = t.indexes[c.in.IndexName].sort
	}
	if !both {
		return k, true
	}
	if m := equals.FindStringSubmatch(second); m != nil {
		k.operator, k.bounds = "=", []json.RawMessage{value(m[2])}
		return k, c.name(m[1]) == k.sortName
	}
	if m := begins.FindStringSubmatch(second); m != nil {
		k.operator, k.bounds = "begins", []json.RawMessage{value(m[2])}
		return k, true
	}
	if m := ranges.FindStringSubmatch(second); m != nil {
		k.operator, k.bounds = "between", []json.RawMessage{value(m[2]), value(m[3])}
		return k, true
	}
	if m := others.FindStringSubmatch(second); m != nil {
		k.operator, k.bounds = m[2], []json.RawMessage{value(m[3])}
		return k, true
	}
	return k, false
}

func (c *call) name(of string) string {
	if full, ok := c.in.ExpressionAttributeNames[of]; ok {
		return full
	}
	return of
}

// matches reports whether an item is in the range.
func (k keyCondition) matches(i attributes) bool {
	hash, ok := i[k.hashName]
	if !ok || scalar(hash) != k.hash {
		return false
	}
	at, ok := i[k.sortName]
	if k.sortName != "" && !ok {
		return false // an index leaves out what lacks one of its keys
	}
	switch k.operator {
	case "=":
		return compare(at, k.bounds[0]) == 0
	case "begins":
		return strings.HasPrefix(scalar(at), scalar(k.bounds[0]))
	case "between":
		return compare(at, k.bounds[0]) >= 0 && compare(at, k.bounds[1]) <= 0
	case "<":
		return compare(at, k.bounds[0]) < 0
	case "<=":
		return compare(at, k.bounds[0]) <= 0
	case ">":
		return compare(at, k.bounds[0]) > 0
	case ">=":
		return compare(at, k.bounds[0]) >= 0
	}
	return true
}

// compare orders key values as DynamoDB does: numbers as numbers, text by its bytes.
func compare(a, b json.RawMessage) int {
	var x, y struct{ N *string }
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x.N != nil && y.N != nil {
		m, _ := strconv.ParseFloat(*x.N, 64)
		n, _ := strconv.ParseFloat(*y.N, 64)
		return cmp.Compare(m, n)
	}
	return strings.Compare(scalar(a), scalar(b))
}
