package release

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Every field that people write has a bound, and the refusal names it: what has none
// would one day not fit into an item. The fields are read off the types.
func TestCheck_EveryField_HasABound(t *testing.T) {
	step := Step{Order: 1, Description: "x"}
	unbounded[Plan](t, "", func(f *ValidationErrors, p Plan) { p.Check(f) }, nil)
	unbounded[ChangePlan](t, "", func(f *ValidationErrors, p ChangePlan) { p.Check(f) }, nil)
	unbounded[TaskPlan](t, "", func(f *ValidationErrors, p TaskPlan) { p.Check(f) }, nil)
	unbounded[Step](t, "rolloutSteps[0].", func(f *ValidationErrors, s Step) {
		if s.Order == 0 {
			s.Order = step.Order
		}
		Plan{Name: "x", RolloutSteps: []Step{s}}.Check(f)
	}, map[string]string{"completedBy": "stamped, never taken from a request", "completedAt": "stamped, never taken from a request"})
}

func unbounded[T any](t *testing.T, prefix string, check func(*ValidationErrors, T), otherwise map[string]string) {
	t.Helper()
	for i := range reflect.TypeFor[T]().NumField() {
		var v T
		name, _, _ := strings.Cut(reflect.TypeFor[T]().Field(i).Tag.Get("json"), ",")
		switch field := reflect.ValueOf(&v).Elem().Field(i); field.Kind() {
		case reflect.String:
			field.SetString(strings.Repeat("x", MaxDescription+1))
		case reflect.Int:
			field.SetInt(1 << 40)
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1000, 1000))
		case reflect.Bool:
			continue
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem())) // the year 1
		default:
			t.Fatalf("say here what is too much for a %s", field.Type())
		}
		var f ValidationErrors
		check(&f, v)
		_, known := otherwise[name]
		if named := slices.ContainsFunc(f.Fields, func(e FieldError) bool { return e.Field == prefix+name }); named == known {
			t.Errorf("%T.%s has no bound: %v", v, name, f.Fields)
		}
	}
}
