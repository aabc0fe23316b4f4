package meter

import (
	"maps"
	"math"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/strict"
)

// Item is an item as the SDK represents it; nil means that there is none.
type Item = map[string]types.AttributeValue

// index says which attributes of an item a global secondary index has.
type index struct {
	keys      []string        // of the index
	projected map[string]bool // with the keys of index and table; nil is everything
}

func indexesOf(t *types.TableDescription) []index {
	var all []index
	for _, x := range t.GlobalSecondaryIndexes {
		var i index
		for _, k := range x.KeySchema {
			i.keys = append(i.keys, *k.AttributeName)
		}
		if x.Projection.ProjectionType != types.ProjectionTypeAll {
			i.projected = map[string]bool{}
			for _, name := range slices.Concat(i.keys, x.Projection.NonKeyAttributes) {
				i.projected[name] = true
			}
			for _, k := range t.KeySchema {
				i.projected[*k.AttributeName] = true
			}
		}
		all = append(all, i)
	}
	return all
}

// writeUnits is what a write costs in the table itself: one unit for each started kilobyte of
// the item before or after it, whichever is larger, and at least one; twice that in a
// transaction, which writes each item twice. CapacityUnitCalculations.html ("Write operation
// capacity unit consumption") and transaction-apis.html ("Capacity management for
// transactions") of the DynamoDB Developer Guide.
func writeUnits(before, after Item, transaction bool) float64 {
	units := kilobytes(max(Size(before), Size(after)))
	if transaction {
		units *= 2
	}
	return units
}

// indexUnits is what a write costs in one index: nothing where the entry stays the same, one
// write where an entry is added, removed or changed, and two where its key changes: one to
// remove the old entry and one to add the new one. GSI.html ("Write capacity units"). The
// guide does not mention transactions there; an index is updated after its table, so a write
// in a transaction counts once.
func (i index) indexUnits(before, after Item) float64 {
	previous, next := i.entry(before), i.entry(after)
	switch {
	case previous == nil && next == nil:
		return 0
	case previous == nil || next == nil:
		return kilobytes(max(Size(previous), Size(next)))
	}
	for _, key := range i.keys {
		if !reflect.DeepEqual(previous[key], next[key]) {
			return kilobytes(Size(previous)) + kilobytes(Size(next))
		}
	}
	if reflect.DeepEqual(previous, next) {
		return 0
	}
	return kilobytes(max(Size(previous), Size(next)))
}

// entry returns the index's entry for an item; nil where the item lacks one of the index's
// keys.
func (i index) entry(item Item) Item {
	for _, key := range i.keys {
		if item[key] == nil {
			return nil
		}
	}
	entry := maps.Clone(item)
	if i.projected != nil {
		maps.DeleteFunc(entry, func(name string, _ types.AttributeValue) bool { return !i.projected[name] })
	}
	return entry
}

func kilobytes(size int) float64 { return max(1, math.Ceil(float64(size)/1024)) }

// Size is an item's size in bytes as DynamoDB counts it: the names and the values of its
// attributes. CapacityUnitCalculations.html ("DynamoDB item sizes and formats").
func Size(item Item) int {
	size := 0
	for name, v := range item {
		size += len(name) + sizeOfValue(v)
	}
	return size
}

func sizeOfValue(v types.AttributeValue) int {
	size := 0
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		size = len(v.Value)
	case *types.AttributeValueMemberN:
		size = strict.NumberSize(v.Value)
	case *types.AttributeValueMemberB:
		size = len(v.Value)
	case *types.AttributeValueMemberBOOL, *types.AttributeValueMemberNULL:
		size = 1
	case *types.AttributeValueMemberSS:
		for _, s := range v.Value {
			size += len(s)
		}
	case *types.AttributeValueMemberNS:
		for _, n := range v.Value {
			size += strict.NumberSize(n)
		}
	case *types.AttributeValueMemberBS:
		for _, b := range v.Value {
			size += len(b)
		}
	case *types.AttributeValueMemberL: // three bytes, and one for each element
		size = 3 + len(v.Value)
		for _, e := range v.Value {
			size += sizeOfValue(e)
		}
	case *types.AttributeValueMemberM:
		size = 3 + len(v.Value) + Size(v.Value)
	}
	return size
}
