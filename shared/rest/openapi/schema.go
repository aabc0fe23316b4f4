package openapi

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// unsaid are fields that a request may repeat as they were read, and cannot set.
var unsaid = []string{"NewStep.completed", "NewStep.completedBy", "NewStep.completedAt"}

// mode is what a schema is for. Input allows no unknown fields, and accepts null for what
// may be left out; in a patch that is every field.
type mode int

const (
	output mode = iota
	input
	patch
)

// writer collects the schemas that the operations refer to.
type writer struct {
	schemas map[string]object
	types   map[string]reflect.Type // behind the schemas
	missing []string
}

func (w *writer) sorted() object {
	all := object{}
	for _, name := range slices.Sorted(maps.Keys(w.schemas)) {
		all = append(all, member{name, w.schemas[name]})
	}
	return all
}

// names are the names of the types in the document.
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
	reflect.TypeFor[release.Decision]():              "CABDecision",
	reflect.TypeFor[operations.ChangePage]():         "ChangeRequestPage",
	reflect.TypeFor[operations.ChangeRelease]():      "ReleaseOfChangeRequest",
	reflect.TypeFor[release.LinkedChange]():          "LinkedChangeRequest",
	reflect.TypeFor[release.StepCompletion]():        "LoggedStep",
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
	if other, known := w.types[name]; known && other != t {
		w.missing = append(w.missing, "the other name of "+t.String()+", since "+other.String()+" has the same")
	}
	w.types[name] = t
	if _, known := w.schemas[name]; !known {
		w.schemas[name] = nil // a type may hold itself
		w.schemas[name] = w.object(name, t, m)
	}
	return reference("schemas", name)
}

func (w *writer) object(name string, t reflect.Type, m mode) object {
	properties, required := object{}, []string{}
	for _, f := range fields.Of(t) {
		if slices.Contains(unsaid, name+"."+f.Name) {
			continue
		}
		if f.Words == "" {
			w.missing = append(w.missing, name+"."+f.Name)
		}
		must := !f.Optional
		if m != output {
			must = demanded(t, f.Name)
		}
		if must && m != patch {
			required = append(required, f.Name)
		}
		properties = append(properties, member{f.Name, w.property(name+"."+f.Name, f.Type, docOf(name, t, f, m), m, m != output && !must)})
	}
	o := object{{"type", "object"}}
	if text, ok := about[name]; ok {
		o = append(o, member{"description", text})
	}
	o = append(o, member{"properties", properties})
	if len(required) > 0 {
		o = append(o, member{"required", required})
	}
	if m != output {
		o = append(o, member{"additionalProperties", false})
	}
	if pair, known := oneOfTwo[name]; known {
		with := func(present, absent string) object {
			return object{{"required", []string{present}}, {"properties", object{{present, object{{"type", "string"}}}, {absent, object{{"type", "null"}}}}}}
		}
		o = append(o, member{"anyOf", []any{with(pair[0], pair[1]), with(pair[1], pair[0])}})
	}
	return o
}

// oneOfTwo are the fields of which a request names one and not the other.
var oneOfTwo = map[string][2]string{"EraseWordsInput": {"releaseId", "changeRequestId"}}

// about describes some schemas as a whole.
var about = map[string]string{
	"Release":            "A release: change requests that are deployed together, its plans, its log and how far its settlement has come.",
	"NewRelease":         "A release to be planned.",
	"ReleasePatch":       "Changes to a release (RFC 7396): fields that are left out stay, null clears a field. Lists are replaced as a whole; a step that keeps its `order` keeps its completion.",
	"Step":               "A line of a rollout or rollback plan.",
	"NewStep":            "A line of a rollout or rollback plan. Whether it is completed is not set here.",
	"ChangeRequestPatch": "Changes to a change request (RFC 7396): fields that are left out stay, null clears a field.",
	"TaskPatch":          "Changes to a task (RFC 7396): fields that are left out stay, null clears a field.",
	"Problem":            "What went wrong and what to do next (RFC 9457).",
	"LogEntry":           "An entry of a log: what happened, who did it and, depending on its kind, the result. Only notes are written by people; every other kind is left by the operation itself.",
	"FieldChange":        "The change of one field.",
	"Fingerprint":        "Identifies a value without revealing it.",
	"ScopedChange":       "A change request as it was when it joined a release or left it.",
	"SettlementCounts":   "What a settlement reached in the end.",
	"ErasedWords":        "What was erased from an entry. The words are gone; that the entry was there, and what else it says, can still be proved.",
	"LoggedStep":         "A step that was completed or opened again.",
	"Progress":           "How far change requests and tasks have followed the latest deployment, rollback or cancellation.",
}

// property is the schema of a field: its type's, with its words and limits.
func (w *writer) property(at string, t reflect.Type, f fieldDoc, m mode, nullable bool) object {
	if m == patch {
		m = input // a value inside a patch replaces the old one as a whole
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
