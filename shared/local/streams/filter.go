package streams

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// Filter is one pattern of a mapping's FilterCriteria: every condition must hold. It supports
// only lists of exact strings, because the template uses nothing else. A pattern with another
// operator is refused when it is parsed, so that it is not ignored here and obeyed on AWS.
type Filter struct {
	conditions []condition
}

type condition struct {
	path   []string
	read   func(events.DynamoDBEventRecord) (string, bool)
	values []string
}

// ParseFilter reads the pattern of a filter: the JSON in the template.
func ParseFilter(pattern string) (Filter, error) {
	decoder := json.NewDecoder(strings.NewReader(pattern))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return Filter{}, fmt.Errorf("filter %q is not JSON: %w", pattern, err)
	}
	if decoder.More() {
		return Filter{}, fmt.Errorf("filter %q has something after its JSON", pattern)
	}
	root, ok := tree.(map[string]any)
	if !ok || len(root) == 0 {
		return Filter{}, fmt.Errorf("filter %q must be a JSON object with at least one condition", pattern)
	}
	var f Filter
	if err := f.add(nil, root); err != nil {
		return Filter{}, fmt.Errorf("filter %q: %w", pattern, err)
	}
	return f, nil
}

func (f *Filter) add(path []string, node any) error {
	switch node := node.(type) {
	case map[string]any:
		if len(node) == 0 {
			return fmt.Errorf("%s is empty", name(path))
		}
		keys := make([]string, 0, len(node))
		for key := range node {
			keys = append(keys, key)
		}
		sort.Strings(keys) // so that the same pattern is always refused for the same reason
		for _, key := range keys {
			if err := f.add(append(slices.Clip(path), key), node[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		return f.addLeaf(path, node)
	}
	return fmt.Errorf("%s must be an object or a list of values", name(path))
}

func (f *Filter) addLeaf(path []string, list []any) error {
	read, err := reader(path)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%s: an empty list matches nothing", name(path))
	}
	values := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: the laptop host knows lists of exact strings only, not %s; teach it in shared/local/streams first", name(path), operator(v))
		}
		values = append(values, s)
	}
	f.conditions = append(f.conditions, condition{path, read, values})
	return nil
}

// reader returns a function that reads the string at a path of a pattern. A misspelled path
// would silently filter everything out, so unknown paths are refused.
func reader(path []string) (func(events.DynamoDBEventRecord) (string, bool), error) {
	switch {
	case slices.Equal(path, []string{"eventName"}):
		return func(r events.DynamoDBEventRecord) (string, bool) { return r.EventName, true }, nil
	case slices.Equal(path, []string{"userIdentity", "type"}):
		return func(r events.DynamoDBEventRecord) (string, bool) {
			if r.UserIdentity == nil {
				return "", false
			}
			return r.UserIdentity.Type, true
		}, nil
	case slices.Equal(path, []string{"userIdentity", "principalId"}):
		return func(r events.DynamoDBEventRecord) (string, bool) {
			if r.UserIdentity == nil {
				return "", false
			}
			return r.UserIdentity.PrincipalID, true
		}, nil
	case len(path) == 4 && path[0] == "dynamodb" && path[3] == "S":
		image, attribute := path[1], path[2]
		if image != "Keys" && image != "NewImage" && image != "OldImage" {
			break
		}
		return func(r events.DynamoDBEventRecord) (string, bool) {
			var v events.DynamoDBAttributeValue
			var ok bool
			switch image {
			case "Keys":
				v, ok = r.Change.Keys[attribute]
			case "NewImage":
				v, ok = r.Change.NewImage[attribute]
			case "OldImage":
				v, ok = r.Change.OldImage[attribute]
			}
			if !ok || v.DataType() != events.DataTypeString {
				return "", false
			}
			return v.String(), true
		}, nil
	}
	return nil, fmt.Errorf("%s: the laptop host filters on eventName, userIdentity.type, userIdentity.principalId and dynamodb.{Keys,NewImage,OldImage}.<attribute>.S only", name(path))
}

func name(path []string) string {
	if len(path) == 0 {
		return "the pattern"
	}
	return strings.Join(path, ".")
}

func operator(v any) string {
	if m, ok := v.(map[string]any); ok {
		for key := range m {
			return fmt.Sprintf("the operator %q", key)
		}
	}
	return fmt.Sprintf("the value %v", v)
}

// Match tells whether the record satisfies every condition of the filter.
func (f Filter) Match(r events.DynamoDBEventRecord) bool {
	for _, c := range f.conditions {
		value, ok := c.read(r)
		if !ok || !slices.Contains(c.values, value) {
			return false
		}
	}
	return true
}

// matchAny evaluates FilterCriteria: one matching filter is enough, and without filters every
// record passes.
func matchAny(filters []Filter, r events.DynamoDBEventRecord) bool {
	if len(filters) == 0 {
		return true
	}
	for _, f := range filters {
		if f.Match(r) {
			return true
		}
	}
	return false
}
