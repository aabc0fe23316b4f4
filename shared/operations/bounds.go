package operations

import (
	"reflect"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// Bounds returns the bounds of each field of an input, or of a plan, and the required fields,
// for documents. A type without a check has none.
func Bounds(t reflect.Type) (bounds map[string]release.Bound, required []string) {
	if t == reflect.TypeFor[release.Step]() {
		return ofEntries("rolloutSteps[0].", release.Plan{RolloutSteps: []release.Step{{}}}.Check)
	}
	switch in := reflect.New(t).Interface().(type) {
	case *AddChangesInput:
		bounds, _ = release.BoundsOf(in.check)
		return bounds, nil // one of its two lists is enough
	case *EraseWordsInput:
		bounds, required = release.BoundsOf(in.check)
		return bounds, slices.DeleteFunc(required, func(name string) bool { return name == "releaseId" }) // changeRequestId can be given instead
	case input:
		return release.BoundsOf(in.check)
	case interface {
		Check(*release.ValidationErrors)
	}:
		return release.BoundsOf(in.Check)
	}
	return nil, nil
}

// ofEntries returns the bounds of a list's entries.
func ofEntries(prefix string, check func(*release.ValidationErrors)) (bounds map[string]release.Bound, required []string) {
	all, missed := release.BoundsOf(check)
	bounds = make(map[string]release.Bound)
	for name, b := range all {
		if field, within := strings.CutPrefix(name, prefix); within {
			bounds[field] = b
		}
	}
	for _, name := range missed {
		if field, within := strings.CutPrefix(name, prefix); within && !slices.Contains(required, field) {
			required = append(required, field)
		}
	}
	return bounds, required
}
