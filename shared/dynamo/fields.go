package dynamo

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// attributes maps the fields of a struct to the attributes of an item. Each struct has
// one function that names its fields, each once; writing an item, reading one, and editing
// one in place are three modes of it. So everything that is written is read, an edit
// covers whatever creation does, and a new field is one line.
//
// A field without a value is left out of an item, and removed by an edit: absent and zero
// mean the same, except in the methods that say otherwise.
type attributes struct {
	item    item
	reading bool
	// edit is set where writing also builds the SET and REMOVE of an update.
	edit *expression
}

// fieldsOf names the fields of a T: releaseFields is one.
type fieldsOf[T any] func(*attributes, *T)

// editFields has the update set the named fields to their values in after, and remove
// those that are empty there. It returns before as the update leaves it: read back from
// what is written, not from after, so that an answer holds only what is stored.
func editFields[T any](e *expression, fields fieldsOf[T], before, after T) T {
	a := attributes{item: item{}, edit: e}
	fields(&a, &after)
	a.edit, a.reading = nil, true
	fields(&a, &before)
	return before
}

// encoded is a T's fields as an item without a key.
func encoded[T any](fields fieldsOf[T], v T) item {
	a := attributes{item: item{}}
	fields(&a, &v)
	return a.item
}

func (a *attributes) put(name string, v types.AttributeValue) {
	a.item[name] = v
	if a.edit != nil {
		a.edit.set(name, v)
	}
}

func (a *attributes) leaveOut(name string) {
	if a.edit != nil {
		a.edit.remove(name)
	}
}

func (a *attributes) text(name string, s *string) {
	switch {
	case a.reading:
		*s = str(a.item, name)
	case *s == "":
		a.leaveOut(name)
	default:
		a.put(name, text(*s))
	}
}

// address is text that identifies somebody, so it is read as it was stored: without its
// invisible characters it would be another address.
func (a *attributes) address(name string, s *string) {
	if a.reading {
		*s = verbatim(a.item, name)
		return
	}
	a.text(name, s)
}

// word is text of a type of its own, such as a status.
func word[T ~string](a *attributes, name string, s *T) {
	plain := string(*s)
	a.text(name, &plain)
	*s = T(plain)
}

// number is stored also as zero, so that conditions can compare it.
func (a *attributes) number(name string, n *int) {
	if a.reading {
		*n = num(a.item, name)
		return
	}
	a.put(name, number(*n))
}

func (a *attributes) optionalNumber(name string, n *int) {
	if !a.reading && *n == 0 {
		a.leaveOut(name)
		return
	}
	a.number(name, n)
}

// boolean is stored also as false.
func (a *attributes) boolean(name string, b *bool) {
	if a.reading {
		*b = boolOf(a.item, name)
		return
	}
	a.put(name, boolean(*b))
}

func (a *attributes) optionalBoolean(name string, b *bool) {
	if !a.reading && !*b {
		a.leaveOut(name)
		return
	}
	a.boolean(name, b)
}

// seconds is a time to the second, which is what people are shown.
func (a *attributes) seconds(name string, t *time.Time) {
	if a.reading {
		*t = timeOf(a.item, name)
		return
	}
	a.put(name, secondsValue(*t))
}

func (a *attributes) optionalSeconds(name string, t **time.Time) {
	switch {
	case a.reading:
		*t = optionalTimeOf(a.item, name)
	case *t == nil:
		a.leaveOut(name)
	default:
		a.put(name, secondsValue(**t))
	}
}

// secondsOrNone is seconds where the zero time is none.
func (a *attributes) secondsOrNone(name string, t *time.Time) {
	if !a.reading && t.IsZero() {
		a.leaveOut(name)
		return
	}
	a.seconds(name, t)
}

// millis is a time to the millisecond.
func (a *attributes) millis(name string, t *time.Time) {
	if a.reading {
		*t = timeOf(a.item, name)
		return
	}
	a.put(name, millisValue(*t))
}

// birth is when an item was created: stored to the millisecond for the order of lists, and
// read to the second like all times that people are shown.
func (a *attributes) birth(name string, t *time.Time) {
	a.millis(name, t)
	if a.reading {
		*t = t.Truncate(time.Second)
	}
}

func (a *attributes) bytes(name string, b *[]byte) {
	switch {
	case a.reading:
		*b = bytesOf(a.item, name)
	case len(*b) == 0:
		a.leaveOut(name)
	default:
		a.put(name, &types.AttributeValueMemberB{Value: *b})
	}
}

func (a *attributes) set(name string, ids *[]string) {
	switch {
	case a.reading:
		*ids = stringSetOf(a.item, name)
	case len(*ids) == 0:
		a.leaveOut(name)
	default:
		a.put(name, set(*ids))
	}
}

// texts is a list that keeps its order. It is stored also when it is empty, and never
// read as nil.
func (a *attributes) texts(name string, all *[]string) {
	if a.reading {
		*all = stringListOf(a.item, name)
		return
	}
	a.put(name, stringListValue(*all))
}

// mapList is a list of structs. It is stored also when it is empty, and never read as nil.
func mapList[T any](a *attributes, name string, fields fieldsOf[T], all *[]T) {
	if !a.reading {
		a.put(name, &types.AttributeValueMemberL{Value: encodedEach(fields, *all)})
		return
	}
	if *all = decodedEach(fields, mapsOf(a.item, name)); *all == nil {
		*all = []T{}
	}
}

func optionalMapList[T any](a *attributes, name string, fields fieldsOf[T], all *[]T) {
	switch {
	case a.reading:
		*all = decodedEach(fields, mapsOf(a.item, name))
	case len(*all) == 0:
		a.leaveOut(name)
	default:
		mapList(a, name, fields, all)
	}
}

func decodedEach[T any](fields fieldsOf[T], all []item) []T {
	if len(all) == 0 {
		return nil
	}
	read := make([]T, len(all))
	a := attributes{reading: true}
	for n := range all {
		a.item = all[n]
		fields(&a, &read[n])
	}
	return read
}

// encodedEach encodes each element of a list as a map.
func encodedEach[T any](fields fieldsOf[T], all []T) []types.AttributeValue {
	values := make([]types.AttributeValue, len(all))
	for n, v := range all {
		values[n] = &types.AttributeValueMemberM{Value: encoded(fields, v)}
	}
	return values
}
