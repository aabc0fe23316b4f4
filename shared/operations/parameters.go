package operations

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/release"
)

// Admit tells whether the caller may try an operation at all. A surface asks before it
// checks any input, so that callers without permission learn nothing from the errors; the
// operation itself checks again.
func Admit(ctx context.Context, op Name) error {
	if _, known := release.CallerFrom(ctx); known && (op == ListTasks || op == GetTask) {
		return nil // the requester's own tasks need no role: only the operation can tell
	}
	_, err := allow(ctx, op)
	return err
}

// DecodeParameters reads named values, such as a URL's query, into T as strictly as
// Decode reads a body: unknown, repeated, empty and wrong ones are named, all at once.
func DecodeParameters[T any](values map[string][]string) (T, error) {
	var out T
	var f release.ValidationErrors
	fields := map[string]reflect.Value{}
	collectFields(reflect.ValueOf(&out).Elem(), fields)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		field, known := fields[name]
		switch sent := values[name]; {
		case !known:
			f.Add(strings.ToValidUTF8(fmt.Sprintf("%.100s", name), "\ufffd"), "is not a parameter of this request; %s", insteadOf(name, fields))
		case len(sent) != 1:
			f.Add(name, "is given %d times; give it once", len(sent))
		case sent[0] == "":
			f.Add(name, "is empty; give a value or leave it out")
		case !utf8.ValidString(sent[0]):
			f.Add(name, "is not UTF-8")
			setParameter(&f, name, sent[0], field) // so that it is not also reported as missing
		default:
			setParameter(&f, name, sent[0], field)
		}
	}
	return out, keepDecodeErrors(&out, f)
}

func setParameter(f *release.ValidationErrors, name, sent string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Int:
		n, err := strconv.Atoi(sent)
		if err != nil {
			f.Add(name, "must be a whole number")
		}
		v.SetInt(int64(n))
	default:
		v.SetString(sent)
	}
}
