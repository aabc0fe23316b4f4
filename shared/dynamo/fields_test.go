package dynamo

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// filled returns a T in which every field, at any depth, has a value that no other field has. So a
// field that is dropped or mixed up shows, also one that somebody adds later.
func filled[T any](t *testing.T) T {
	t.Helper()
	var v T
	n := 0
	fill(t, reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 5, 4, 0, 0, *n, 0, time.UTC)))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("text %06d", *n))
	case v.Kind() == reflect.Int:
		v.SetInt(int64(*n))
	case v.Kind() == reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("fill does not know how to make a value of the type %s: add a case", v.Type())
	}
}

// differing names the fields in which two values differ, those of embedded structs by
// their own names.
func differing(a, b reflect.Value) []string {
	var names []string
	for i := range a.NumField() {
		if f := a.Type().Field(i); f.Anonymous {
			names = append(names, differing(a.Field(i), b.Field(i))...)
		} else if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, f.Name)
		}
	}
	return names
}

// survives checks that every field comes back as it was stored, except those in derived, which also
// says why.
func survives[T any](t *testing.T, stored func(T) T, derived map[string]string) {
	t.Helper()
	before := filled[T](t)
	after := stored(before)
	got := differing(reflect.ValueOf(before), reflect.ValueOf(after))
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(derived)); !slices.Equal(got, want) {
		t.Errorf("%T: %q do not come back as stored, want %q (%v)\nstored %+v\n  read %+v", before, got, want, derived, before, after)
	}
	// A field without a value has none afterwards; but a list may be empty where it was nil.
	var none T
	for i, back := 0, reflect.ValueOf(stored(none)); i < back.NumField(); i++ {
		f, name := back.Field(i), back.Type().Field(i).Name
		if _, isDerived := derived[name]; !isDerived && !f.IsZero() && f.Kind() != reflect.Slice && f.Kind() != reflect.Struct {
			t.Errorf("%T: %s had no value and comes back as %v", before, name, f)
		}
	}
}

// Every field of every kind of item is written and read.
func TestFields_WholeStruct_ComesBackAsStored(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	survives(t, func(r release.Release) release.Release { return decodeRelease(encodeRelease(r)) }, map[string]string{"Holds": "items of their own"})
	survives(t, func(c release.Change) release.Change { return decodeChange(encodeChange(c)) }, nil)
	survives(t, func(v release.Task) release.Task { return decodeTask(encodeTask(v)) }, nil)
	survives(t, func(l release.LinkedChange) release.LinkedChange { return decodeLink(encodeLink("R", l)) }, nil)
	survives(t, func(h release.Hold) release.Hold { return decodeHold(encodeHold("R", h)) }, nil)
	survives(t, func(e release.LogEntry) release.LogEntry {
		return decodeEntry(t.Context(), entryItem("LOG#R", "R", noteSort(1, 12), e, Write{}))
	}, map[string]string{"ID": "the sort key in short, which the writer chooses", "Legacy": "of what was stored before", "AuthorEmailVerified": "left out unless it is false", "Changes": "a fingerprint is in hexadecimal", "Erased": "the entry it names is a key, and read as its id"})
	survives(t, func(m mail.Mail) mail.Mail { return decodeMail(encodeMail(m)) }, nil)
	survives(t, func(r mail.RecipientState) mail.RecipientState {
		return decodeRecipientState(encodeRecipientState(r, now))
	}, nil)
}

// A job has no encoder: its items come from updates. So the test asks that each of its fields has a
// value after one of the two updates that open a job.
func TestFields_Job_ComesBackAsOpened(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	opened := func(op Op) mail.Job {
		k := mail.SettlementJob("R", 2)
		i := jobKey(k)
		for placeholder, attribute := range putJob(k, op, now.Add(mail.ReplanAfter), now).names {
			i[attribute] = putJob(k, op, now.Add(mail.ReplanAfter), now).assigned(placeholder)
		}
		i["progress"] = text(`{"of":"something"}`)
		return decodeJob(k, i)
	}
	open, wait := reflect.ValueOf(opened(opPlan)), reflect.ValueOf(opened(opWait))
	for n := range open.NumField() {
		if open.Field(n).IsZero() && wait.Field(n).IsZero() {
			t.Errorf("the field %s has no value in either form, so that it is never read", open.Type().Field(n).Name)
		}
	}
	if due := now.Add(mail.ReplanAfter); opened(opPlan).DueAt != due || opened(opPlan).Wait || opened(opWait).Open {
		t.Errorf("an open job is %+v, a waiting one %+v", open, wait)
	}
}

// An edit sets and removes the attributes that a creation writes, with the same values, and answers
// what is stored then.
func TestFields_Edit_StoresWhatCreationDoes(t *testing.T) {
	edits(t, editableFields)
	edits(t, changePlanFields)
	edits(t, decisionFields)
	edits(t, editedChangeFields)
	edits(t, changeRevisionFields)
	edits(t, settledFields)
	edits(t, linkFields)
	// No edit replaces all fields of these lists, but the same must hold for them.
	edits(t, releaseFields)
	edits(t, changeFields)
	edits(t, taskFields)
	edits(t, recipientFields)
	edits(t, mailFields)
}

func edits[T any](t *testing.T, fields fieldsOf[T]) {
	t.Helper()
	full, none := filled[T](t), *new(T)
	for name, c := range map[string]struct{ before, after T }{"filled": {none, full}, "emptied": {full, none}} {
		e := newExpression()
		stored := editFields(e, fields, c.before, c.after)
		want := encoded(fields, c.after)
		if len(want)+len(e.removes) != len(encoded(fields, full)) || len(e.sets) != len(want) {
			t.Errorf("%s %T: %d of its %d attributes are set and %d removed; %d have a value", name, full, len(e.sets), len(encoded(fields, full)), len(e.removes), len(want))
		}
		for attribute, v := range want {
			if !reflect.DeepEqual(e.assigned("#"+attribute), v) {
				t.Errorf("%s %T: %s is set to %v, want %v", name, full, attribute, e.assigned("#"+attribute), v)
			}
		}
		if !reflect.DeepEqual(encoded(fields, stored), want) {
			t.Errorf("%s %T: it answers %v, want what is stored, %v", name, full, stored, want)
		}
	}
}

// The attributes of an item that are none of its struct's fields, typed by hand: keys of indexes,
// counters that conditions compare, and when the item expires.
func TestFields_BesideTheStruct_AreKnown(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	r, c, task, m := filled[release.Release](t), filled[release.Change](t), filled[release.Task](t), filled[mail.Mail](t)
	recipient, entry := filled[mail.RecipientState](t), filled[release.LogEntry](t)
	for _, x := range []struct {
		name          string
		item, encoded item
		want          string
	}{
		{"release", encodeRelease(r), encoded(releaseFields, r), "announced changeCount epoch kind pk settledEpoch sk"},
		{"change request", encodeChange(c), encoded(changeFields, c), "epoch kind pk sk"},
		{"task", encodeTask(task), encoded(taskFields, task), "pk requesterKey sk"},
		{"mail", encodeMail(m), encoded(mailFields, m), "dueKey expiresAt op pk sk"},
		{"recipient", encodeRecipientState(recipient, now), encoded(recipientFields, recipient), "expiresAt pk sk updatedAt"},
		{"log entry", entryItem("LOG#R", "R", noteSort(1, 12), entry, Write{}), nil, "entry pk request sk unsealed unsealedSince values what"},
	} {
		for name := range x.encoded {
			delete(x.item, name)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(x.item)), " "); got != x.want {
			t.Errorf("%s: %s; want %s", x.name, got, x.want)
		}
	}
}

// Lists in answers are never null, and times in answers have whole seconds, though items are sorted
// by milliseconds.
func TestFields_ForPeople_ListsAndTimes(t *testing.T) {
	if p := decodeRelease(item{}).Plan; p.RolloutSteps == nil || p.RollbackSteps == nil {
		t.Errorf("steps are nil: %+v", p)
	}
	if decodeChange(item{}).AffectedCIIDs == nil || decodeTask(item{}).CIIDs == nil {
		t.Error("configuration items are nil")
	}
	at := time.Date(2026, 5, 4, 12, 0, 0, 123_456_789, time.UTC)
	i := encodeRelease(release.Release{CreatedAt: at, UpdatedAt: at})
	if r := decodeRelease(i); r.CreatedAt != at.Truncate(time.Second) || r.UpdatedAt != r.CreatedAt {
		t.Errorf("created at %v, updated at %v; want both %v", r.CreatedAt, r.UpdatedAt, at.Truncate(time.Second))
	}
	if got := str(i, "createdAt"); got != "2026-05-04T12:00:00.123Z" {
		t.Errorf("the item is sorted by %s, want by milliseconds", got)
	}
}

// assigned returns the value that an update gives to an attribute; nil if it gives none.
func (e *expression) assigned(placeholder string) types.AttributeValue {
	for _, term := range slices.Concat(e.sets, e.adds) {
		name, value, _ := strings.Cut(strings.Replace(term, " = ", " ", 1), " ")
		if name == placeholder {
			return e.values[value]
		}
	}
	return nil
}
