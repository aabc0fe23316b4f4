package openapi

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// unsaid are fields that a request may repeat as they were read, and cannot set.
var unsaid = []string{"NewStep.completed", "NewStep.completedBy", "NewStep.completedAt"}

// mode is what a schema is for. What comes in allows no unknown fields, and takes null
// for what may be left out; in a patch everything may be.
type mode int

const (
	output mode = iota
	input
	patch
)

// writer collects the schemas that the operations refer to.
type writer struct {
	schemas map[string]object
	missing []string
}

func (w *writer) sorted() object {
	all := object{}
	for _, name := range slices.Sorted(maps.Keys(w.schemas)) {
		all = append(all, member{name, w.schemas[name]})
	}
	return all
}

// names are what the types are called in the document.
var names = map[reflect.Type]string{
	reflect.TypeFor[operations.ReleaseView]():        "Release",
	reflect.TypeFor[operations.CreateReleaseInput](): "NewRelease",
	reflect.TypeFor[operations.NewPlan]():            "ReleasePatch",
	reflect.TypeFor[release.Summary]():               "ReleaseSummary",
	reflect.TypeFor[operations.AddChangesInput]():    "AddChanges",
	reflect.TypeFor[operations.LinkResult]():         "AddedChanges",
	reflect.TypeFor[operations.TransitionInput]():    "StatusChange",
	reflect.TypeFor[operations.AppendLogInput]():     "NewLogEntry",
	reflect.TypeFor[operations.CompleteStepInput]():  "StepCompletion",
	reflect.TypeFor[operations.ChangeView]():         "ChangeRequest",
	reflect.TypeFor[operations.CreateChangeInput]():  "NewChangeRequest",
	reflect.TypeFor[release.ChangePlan]():            "ChangeRequestPatch",
	reflect.TypeFor[operations.DecideChangeInput]():  "Decision",
	reflect.TypeFor[operations.ChangePage]():         "ChangeRequestPage",
	reflect.TypeFor[operations.ChangeRelease]():      "ReleaseOfChangeRequest",
	reflect.TypeFor[release.LinkedChange]():          "LinkedChangeRequest",
	reflect.TypeFor[operations.TaskView]():           "Task",
	reflect.TypeFor[operations.CreateTaskInput]():    "NewTask",
	reflect.TypeFor[release.TaskPlan]():              "TaskPatch",
	reflect.TypeFor[operations.TaskRelease]():        "ReleaseOfTask",
	reflect.TypeFor[release.AdviceRow]():             "Advice",
	reflect.TypeFor[rest.Problem]():                  "Problem",
}

// ref is a reference to the schema of a struct, which it writes the first time.
func (w *writer) ref(t reflect.Type, m mode) object {
	name := names[t]
	if name == "" {
		name = t.Name()
	}
	if m == input && name == "Step" {
		name = "NewStep"
	}
	if _, known := w.schemas[name]; !known {
		w.schemas[name] = nil // a type may hold itself
		w.schemas[name] = w.object(name, t, m)
	}
	return reference("schemas", name)
}

func (w *writer) object(name string, t reflect.Type, m mode) object {
	properties, required := object{}, []string{}
	for _, f := range fieldsOf(t) {
		if slices.Contains(unsaid, name+"."+f.name) {
			continue
		}
		fact, known := facts[name+"."+f.name]
		if !known {
			fact, known = facts[f.name]
		}
		if !known {
			w.missing = append(w.missing, name+"."+f.name)
		}
		must := !f.optional
		if m != output {
			must = slices.Contains(demanded[name], f.name)
		}
		if must && m != patch {
			required = append(required, f.name)
		}
		properties = append(properties, member{f.name, w.property(name+"."+f.name, f.kind, fact, m, m != output && !must)})
	}
	o := object{{"type", "object"}}
	if about, ok := facts[name]; ok && !strings.Contains(name, ".") {
		o = append(o, member{"description", about.text})
	}
	o = append(o, member{"properties", properties})
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	if m != output {
		o = append(o, member{"additionalProperties", false})
	}
	return o
}

// property is the schema of a field: its type's, with what the facts say beyond it.
func (w *writer) property(at string, t reflect.Type, f fieldDoc, m mode, nullable bool) object {
	if m == patch {
		m = input // what lies below a patch replaces what was there as a whole
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	o := object{{"description", f.text}}
	switch {
	case t == reflect.TypeFor[time.Time]():
		o = append(o, member{"type", kinds("string", nullable)}, member{"format", "date-time"})
	case t.Kind() == reflect.Slice:
		o = append(o, member{"type", kinds("array", nullable)}, member{"items", w.items(t.Elem(), f, m)})
	case t.Kind() == reflect.Struct && t.Name() == "":
		return append(o, w.object(at, t, m)...)
	case t.Kind() == reflect.Struct:
		return append(o, w.ref(t, m)...)
	default:
		o = append(o, member{"type", kinds(jsonKind(t.Kind()), nullable)})
		for _, limit := range f.limits {
			if values, ok := limit.value.([]any); ok && nullable && limit.name == "enum" {
				limit.value = append(slices.Clone(values), nil)
			}
			o = append(o, limit)
		}
		return o
	}
	return append(o, f.list...)
}

// items is the schema of a list's entries, where a field's limits apply.
func (w *writer) items(t reflect.Type, f fieldDoc, m mode) object {
	if t.Kind() == reflect.Struct {
		return w.ref(t, m)
	}
	return append(object{{"type", jsonKind(t.Kind())}}, f.limits...)
}

func kinds(kind string, nullable bool) any {
	if nullable {
		return []string{kind, "null"}
	}
	return kind
}

func jsonKind(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.String:
		return "string"
	}
	panic("openapi: no schema for " + k.String())
}

// field is a field of a type as JSON has it.
type field struct {
	name     string
	kind     reflect.Type
	optional bool
}

// fieldsOf lists a type's fields in their order, those of embedded structs in their
// place; of two with one name the outer counts, where the inner stands.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for f := range t.Fields() {
		if f.Anonymous {
			for _, inner := range fieldsOf(f.Type) {
				all = add(all, inner)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all = add(all, field{name, f.Type, strings.Contains(options, "omit")})
		}
	}
	return all
}

func add(all []field, f field) []field {
	if i := slices.IndexFunc(all, func(g field) bool { return g.name == f.name }); i >= 0 {
		all[i] = f
		return all
	}
	return append(all, f)
}
