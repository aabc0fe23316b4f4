package operations

import (
	"errors"
	"strings"

	"example.com/releases/shared/release"
)

// DecodeErrors holds what decoding could not read of an input. Inputs embed it, so that the
// operation names those fields together with what its own validation finds: one answer
// for all that is wrong.
type DecodeErrors struct{ fields []release.FieldError }

func (m *DecodeErrors) set(f release.ValidationErrors) { m.fields = f.Fields }

// err is everything that is wrong with the input, each field once: a field that could not
// be read is not also reported as missing.
func (m DecodeErrors) err(found release.ValidationErrors) error {
	all := release.ValidationErrors{Fields: m.fields[:len(m.fields):len(m.fields)]}
	for _, e := range found.Fields {
		if !m.covers(e.Field) {
			all.Fields = append(all.Fields, e)
		}
	}
	return all.Err()
}

// With merges the decode errors with what a surface found wrong; nil where it found
// nothing, since the operation then reports everything.
func (m DecodeErrors) With(found release.ValidationErrors) error {
	if len(found.Fields) == 0 {
		return nil
	}
	return m.err(found)
}

// input is what an operation checks before it does anything else. Bounds derives from the
// check what documents say about the fields.
type input interface {
	check(f *release.ValidationErrors)
}

// invalid is what is wrong with an input, nil where nothing is.
func (m DecodeErrors) invalid(in input) error {
	var f release.ValidationErrors
	in.check(&f)
	return m.err(f)
}

// covers tells whether the field, or something it is part of, could not be read.
func (m DecodeErrors) covers(field string) bool {
	for _, e := range m.fields {
		rest, within := strings.CutPrefix(field, e.Field)
		if within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// mergedWith merges the decode errors with a validation error. They come before any other
// error, because a request that can never succeed is refused as such first.
func (m DecodeErrors) mergedWith(err error) error {
	var e *release.Error
	if errors.As(err, &e) && e.Code == "invalid-request" {
		return m.err(release.ValidationErrors{Fields: e.Fields})
	}
	if invalid := m.err(release.ValidationErrors{}); invalid != nil {
		return invalid
	}
	return err
}

// identified returns "not found" for what cannot be an id: it must not reach the store,
// which bounds its keys.
func identified(noun, id string) error {
	var f release.ValidationErrors
	if f.Identifier("id", id); f.Err() == nil {
		return nil
	}
	return release.NotFound(noun, shorten(id))
}

// shorten keeps a caller's input from filling an error's detail.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
