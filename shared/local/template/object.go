package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// problems collects everything that is wrong, so that it can be reported at once.
type problems []error

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s %s", path, fmt.Sprintf(format, args...)))
}

// object reads a mapping key by key. done reports every key that was not read, so that no
// property is silently ignored.
type object struct {
	problems *problems
	path     string
	m        map[string]any
	read     map[string]bool
}

func newObject(p *problems, path string, v any) *object {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		p.add(path, "is no mapping")
	}
	return &object{p, path, m, make(map[string]bool)}
}

func newProperties(p *problems, res Resource) *object {
	return newObject(p, "Resources."+res.LogicalID, res.Properties)
}

func (o *object) value(key string) any {
	o.read[key] = true
	return o.m[key]
}

func (o *object) has(key string) bool {
	_, ok := o.m[key]
	return ok
}

func (o *object) wrong(key, want string) {
	o.problems.add(o.path+"."+key, "is no %s", want)
}

func (o *object) str(key string) string {
	v := o.value(key)
	if v == nil {
		return ""
	}
	text, ok := scalar(v)
	if !ok {
		o.wrong(key, "text")
	}
	return text
}

// need is str for a property that must be there.
func (o *object) need(key string) string {
	text := o.str(key)
	if text == "" {
		o.problems.add(o.path, "has no %s", key)
	}
	return text
}

// oneOf is str for a property that must be one of a few values.
func (o *object) oneOf(key string, values ...string) string {
	text := o.str(key)
	if !slices.Contains(values, text) {
		o.problems.add(o.path+"."+key, "is %q, which is not understood here; it may be %s", text, strings.Join(values, ", "))
	}
	return text
}

func (o *object) integer(key string, otherwise int) int {
	v := o.value(key)
	switch v := v.(type) {
	case nil:
		return otherwise
	case int:
		return v
	case string: // what a parameter gives
		var n int
		if _, err := fmt.Sscanf(v, "%d", &n); err == nil && fmt.Sprint(n) == v {
			return n
		}
	}
	o.wrong(key, "whole number")
	return otherwise
}

func (o *object) seconds(key string, otherwise int) time.Duration {
	return time.Duration(o.integer(key, otherwise)) * time.Second
}

func (o *object) boolean(key string, otherwise bool) bool {
	switch v := o.value(key).(type) {
	case nil:
		return otherwise
	case bool:
		return v
	case string:
		if v == "true" || v == "false" {
			return v == "true"
		}
	}
	o.wrong(key, "true or false")
	return otherwise
}

func (o *object) object(key string) *object {
	return newObject(o.problems, o.path+"."+key, o.value(key))
}

// each calls f for every key of a mapping, sorted, with the value as an object.
func (o *object) each(key string, f func(name string, o *object)) {
	inner := o.object(key)
	for _, name := range slices.Sorted(maps.Keys(inner.m)) {
		f(name, inner.object(name))
	}
}

func (o *object) list(key string) []any {
	v := o.value(key)
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		o.wrong(key, "list")
	}
	return list
}

// objects reads a list of mappings.
func (o *object) objects(key string) []*object {
	var out []*object
	for i, v := range o.list(key) {
		out = append(out, newObject(o.problems, fmt.Sprintf("%s.%s[%d]", o.path, key, i), v))
	}
	return out
}

// strs reads a list of texts; a single text is a list of one.
func (o *object) strs(key string) []string {
	if v, ok := o.m[key].(string); ok {
		o.value(key)
		return []string{v}
	}
	var out []string
	for _, v := range o.list(key) {
		text, ok := scalar(v)
		if !ok {
			o.wrong(key, "list of texts")
		}
		out = append(out, text)
	}
	return out
}

// texts reads a mapping of texts.
func (o *object) texts(key string) map[string]string {
	inner := o.object(key)
	out := make(map[string]string, len(inner.m))
	for name := range inner.m {
		out[name] = inner.str(name)
	}
	return out
}

// target reads the logical id of "Queue.Arn".
func (o *object) target(key string) string {
	text := o.str(key)
	if text == "" {
		return ""
	}
	id, ok := strings.CutSuffix(text, ".Arn")
	if !ok {
		o.problems.add(o.path+"."+key, "is %q; only the Arn of a resource of this template is understood", text)
	}
	return id
}

// function reads the logical id of a function, from its ARN or that of its alias.
func (o *object) function(key string) string {
	if id, ok := strings.CutSuffix(o.str(key), ".Arn:live"); ok {
		return id
	}
	return o.target(key)
}

// ignore names keys that do not change what the system does, or that only AWS can do.
func (o *object) ignore(keys ...string) {
	for _, key := range keys {
		o.read[key] = true
	}
}

func (o *object) done() {
	for _, key := range slices.Sorted(maps.Keys(o.m)) {
		if !o.read[key] {
			o.problems.add(o.path+"."+key, "is not understood here")
		}
	}
}
