package operations

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Decode reads a JSON object into T strictly: unknown fields and wrong types are
// named, all of them in one answer, with their path. Field names are matched exactly.
// Where T embeds DecodeErrors, its operation reports them and Decode does not fail.
//
// Why not encoding/json with DisallowUnknownFields: it stops at the first error, matches
// names without regard to case, and words its errors in Go's types.
func Decode[T any](body []byte) (T, error) {
	var out T
	var f release.ValidationErrors
	if err := wellFormed(body); err != nil {
		return out, err
	}
	decodeInto(&f, "", body, reflect.ValueOf(&out).Elem())
	return out, keepDecodeErrors(&out, f)
}

// keepDecodeErrors stores decode errors in an input that embeds DecodeErrors, and returns
// them for any other.
func keepDecodeErrors(in any, f release.ValidationErrors) error {
	if m, keeps := in.(interface {
		set(release.ValidationErrors)
	}); keeps {
		m.set(f)
		return nil
	}
	return f.Err()
}

var timeType = reflect.TypeFor[time.Time]()

func decodeInto(f *release.ValidationErrors, path string, raw json.RawMessage, v reflect.Value) {
	raw = bytes.TrimSpace(raw)
	if bytes.Equal(raw, []byte("null")) {
		return // null is "not given": the zero value, which the validation checks
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		decodeInto(f, path, raw, v.Elem())
		return
	}
	switch {
	case v.Type() == timeType:
		decodeTime(f, path, raw, v)
	case v.Kind() == reflect.Struct:
		decodeObject(f, path, raw, v)
	case v.Kind() == reflect.Slice:
		var parts []json.RawMessage
		if json.Unmarshal(raw, &parts) != nil {
			f.Add(path, "must be a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(parts), len(parts)))
		for i, part := range parts {
			decodeInto(f, fmt.Sprintf("%s[%d]", path, i), part, v.Index(i))
		}
	default:
		if json.Unmarshal(raw, v.Addr().Interface()) != nil && !wholeNumber(raw, v) {
			f.Add(path, "must be %s", kindWords(v.Kind()))
		}
	}
}

// wholeNumber reads 30.0 as 30, which is the same number in JSON.
func wholeNumber(raw json.RawMessage, v reflect.Value) bool {
	var n float64
	if v.Kind() != reflect.Int || json.Unmarshal(raw, &n) != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
		return false
	}
	v.SetInt(int64(n))
	return true
}

func decodeTime(f *release.ValidationErrors, path string, raw json.RawMessage, v reflect.Value) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if t, err := parseTime(s); err == nil {
			v.Set(reflect.ValueOf(t))
			return
		}
	}
	f.Add(path, "must be a time in RFC 3339, such as 2026-06-30T22:00:00Z or 2026-07-01T00:00:00+02:00")
}

func decodeObject(f *release.ValidationErrors, path string, raw json.RawMessage, v reflect.Value) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		f.Add(strings.TrimSuffix(path, "."), "must be an object")
		return
	}
	prefix := path
	if prefix != "" {
		prefix += "."
	}
	fields := map[string]reflect.Value{}
	collectFields(v, fields)
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		field, known := fields[name]
		if !known {
			f.Add(prefix+shorten(name), "is not a field of this request; %s", insteadOf(name, fields))
			continue
		}
		decodeInto(f, prefix+name, object[name], field)
	}
}

// insteadOf names what a caller may have meant by an unknown name: the nearest one, or
// else all that there are.
func insteadOf(name string, fields map[string]reflect.Value) string {
	names := slices.Sorted(maps.Keys(fields))
	if near, found := release.Nearest(name, names); found {
		return "you probably meant " + near
	}
	if len(names) == 0 {
		return "it has none"
	}
	return "its fields are " + strings.Join(names, ", ")
}

// collectFields maps JSON names to fields, those of embedded structs included.
func collectFields(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			collectFields(v.Field(i), into)
			continue
		}
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			into[name] = v.Field(i)
		}
	}
}

func kindWords(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "another type"
}
