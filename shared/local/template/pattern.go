package template

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Pattern is an event pattern: what EventBridge rules and event source mappings
// filter with. Only what the template uses is understood: nested fields and lists
// of exact values. An operator such as "prefix" or "exists" is refused when the
// template is read, because a filter that is half understood passes other records
// than AWS would.
type Pattern struct {
	fields map[string]any // a Pattern or a []any of strings, numbers, booleans and null
	text   string
}

// ParsePattern reads a pattern from its JSON.
func ParsePattern(text string) (Pattern, error) {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return Pattern{}, fmt.Errorf("is no JSON: %w", err)
	}
	return newPattern(v)
}

func newPattern(v any) (Pattern, error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return Pattern{}, errors.New("is no pattern with fields")
	}
	p := Pattern{fields: make(map[string]any, len(m))}
	for key, v := range m {
		if key == "$or" {
			return Pattern{}, errors.New(`uses the operator "$or", which is not understood here`)
		}
		switch v := v.(type) {
		case map[string]any:
			inner, err := newPattern(v)
			if err != nil {
				return Pattern{}, fmt.Errorf("%s: %w", key, err)
			}
			p.fields[key] = inner
		case []any:
			if len(v) == 0 {
				return Pattern{}, fmt.Errorf("%s is an empty list, which nothing matches", key)
			}
			values := make([]any, 0, len(v))
			for _, item := range v {
				switch item := item.(type) {
				case map[string]any:
					for operator := range item {
						return Pattern{}, fmt.Errorf("%s uses the operator %q, which is not understood here", key, operator)
					}
					return Pattern{}, fmt.Errorf("%s has an empty mapping among its values", key)
				case int: // from YAML; JSON has float64 only
					values = append(values, float64(item))
				case string, float64, bool, nil:
					values = append(values, item)
				default:
					return Pattern{}, fmt.Errorf("%s has a value that is not understood here", key)
				}
			}
			p.fields[key] = values
		default:
			return Pattern{}, fmt.Errorf("%s is neither a mapping nor a list of values", key)
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return Pattern{}, err
	}
	p.text = string(text)
	return p, nil
}

// Matches tells whether an event, as encoding/json decodes it into an any, passes.
// The zero Pattern matches nothing.
func (p Pattern) Matches(event any) bool {
	m, ok := event.(map[string]any)
	if !ok || len(p.fields) == 0 {
		return false
	}
	for key, want := range p.fields {
		got, there := m[key]
		if !there {
			return false
		}
		switch want := want.(type) {
		case Pattern:
			if !want.Matches(got) {
				return false
			}
		case []any:
			if !oneOf(want, got) {
				return false
			}
		}
	}
	return true
}

// oneOf compares as EventBridge does: of a list in the event, one item suffices.
func oneOf(want []any, got any) bool {
	if list, ok := got.([]any); ok {
		for _, item := range list {
			if oneOf(want, item) {
				return true
			}
		}
		return false
	}
	if _, ok := got.(map[string]any); ok {
		return false
	}
	for _, w := range want {
		if w == got {
			return true
		}
	}
	return false
}

// String is the pattern as JSON.
func (p Pattern) String() string { return p.text }
