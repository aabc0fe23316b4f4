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

// err is every fault of the input, each field once: what was not read is not judged as
// if it had been left out.
func (m DecodeErrors) err(found release.ValidationErrors) error {
	all := release.ValidationErrors{Fields: m.fields[:len(m.fields):len(m.fields)]}
	for _, e := range found.Fields {
		if !m.covers(e.Field) {
			all.Fields = append(all.Fields, e)
		}
	}
	return all.Err()
}

// With is what could not be read together with what a surface found wrong; nil where it
// found nothing, since the operation then names all.
func (m DecodeErrors) With(found release.ValidationErrors) error {
	if len(found.Fields) == 0 {
		return nil
	}
	return m.err(found)
}

// input is what an operation judges before it does anything else. Bounds reads off the
// check what documents say of the fields.
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

// mergedWith merges the faults with those of an error that validation made; any other error
// stands behind the faults, because what can never succeed is told first.
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

// identified returns an error that names nothing where the id cannot be one: it must not
// reach the store, which bounds its keys.
func identified(noun, id string) error {
	var f release.ValidationErrors
	if f.Identifier("id", id); f.Err() == nil {
		return nil
	}
	return release.NotFound(noun, shorten(id))
}

// shorten keeps what a caller sent from filling an error's detail.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
