// Package fields reads the JSON names and the descriptions (the tag doc) of struct fields,
// for whatever describes an API. Tags cost a function
// nothing at its start, since only generators read them. It must not know any type.
package fields

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Field is a field of a type as JSON has it.
type Field struct {
	Name     string
	Words    string // what it is, for people; 'code' stands in single quotes
	Type     reflect.Type
	Optional bool
	Of       reflect.Type // the struct that declares it
}

// Of lists a type's fields in their order, those of embedded structs in their place; of
// two with one name the outer counts, in the place of the inner.
func Of(t reflect.Type) []Field {
	var all []Field
	for f := range t.Fields() {
		if f.Anonymous {
			for _, inner := range Of(f.Type) {
				all = add(all, inner)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = add(all, Field{name, f.Tag.Get("doc"), f.Type, strings.Contains(options, "omit"), t})
		}
	}
	return all
}

func add(all []Field, f Field) []Field {
	if i := slices.IndexFunc(all, func(g Field) bool { return g.Name == f.Name }); i >= 0 {
		all[i] = f
		return all
	}
	return append(all, f)
}

var code = regexp.MustCompile(`'([^' ]+)'`)

// Markdown is the description with code in backticks.
func (f Field) Markdown() string { return code.ReplaceAllString(f.Words, "`$1`") }

// Plain is the description without markup.
func (f Field) Plain() string { return code.ReplaceAllString(f.Words, "$1") }
