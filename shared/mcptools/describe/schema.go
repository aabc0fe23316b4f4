// Package describe generates tools.json, which agents are shown: the descriptions of the
// tools, and schemas derived from the operations' types. It must not be linked into a
// function: it exists so that functions need not derive schemas when they start.
package describe

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

var (
	timeType   = reflect.TypeFor[time.Time]()
	statusType = reflect.TypeFor[release.Status]()
)

// enums are the types whose values are known.
var enums = map[reflect.Type][]any{
	statusType:                                anys(release.Statuses),
	reflect.TypeFor[release.ChangeType]():     anys(release.ChangeTypes),
	reflect.TypeFor[release.CABDecision]():    anys(release.CABDecisions),
	reflect.TypeFor[release.ApprovalStatus](): anys(release.ApprovalStatuses),
	reflect.TypeFor[release.Guard]():          {string(release.GuardHold), string(release.GuardApproval), string(release.GuardWindow)},
}

// output is the schema of an operation's answer: fields that are always there are required,
// nothing is null, and further fields are allowed, so that new ones do not break old
// clients.
func output(t reflect.Type) *jsonschema.Schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if values, ok := enums[t]; ok {
		return &jsonschema.Schema{Type: "string", Enum: values}
	}
	switch {
	case t == timeType:
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case t.Kind() == reflect.Struct:
		s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
		for _, f := range fields.Of(t) {
			p := output(f.Type)
			if name := f.Of.Name() + "." + f.Name; slices.Contains(explained, name) {
				p.Description = f.Plain() + alsoForAgents[name]
			}
			add(s, f.Name, p, !f.Optional)
		}
		return s
	case t.Kind() == reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: output(t.Elem())}
	}
	return &jsonschema.Schema{Type: kind(t)}
}

func add(s *jsonschema.Schema, name string, p *jsonschema.Schema, required bool) {
	s.Properties[name] = p
	s.PropertyOrder = append(s.PropertyOrder, name)
	if required {
		s.Required = append(s.Required, name)
	}
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int:
		return "integer"
	case reflect.Bool:
		return "boolean"
	}
	panic(fmt.Sprintf("describe: %s has no place in a schema", t))
}

// input is the schema of arguments: the tool's own fields around those of the REST
// body or query.
func input(own []field, body reflect.Type, after []field) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: never()}
	for _, f := range own {
		add(s, f.name, &f.schema, f.required)
	}
	if body != nil {
		addFields(s, body)
	}
	for _, f := range after {
		add(s, f.name, &f.schema, f.required)
	}
	return s
}

// patch is an input in which no field of the body is required, and in which a field that is
// left out has no default.
func patch(s *jsonschema.Schema) *jsonschema.Schema {
	s.Required = []string{id.name}
	for _, p := range s.Properties {
		p.Default = nil
	}
	return s
}

func addFields(s *jsonschema.Schema, t reflect.Type) {
	bounds, required := operations.Bounds(t)
	for _, f := range fields.Of(t) {
		if slices.Contains(stampedFields, t.Name()+"."+f.Name) {
			continue
		}
		if f.Words == "" {
			panic("describe: no words for " + t.Name() + "." + f.Name)
		}
		p := described(f, bounds[f.Name])
		shape(p, f.Type)
		if f.Of == reflect.TypeFor[operations.TransitionInput]() && f.Name == "status" {
			p.Enum = targets() // no transition leads to the first status
		}
		add(s, f.Name, p, slices.Contains(required, f.Name))
	}
}

func shape(p *jsonschema.Schema, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == timeType:
		p.Type, p.Format = "string", "date-time"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		p.Type = "array"
		p.Items = &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: never()}
		addFields(p.Items, t.Elem())
	case t.Kind() == reflect.Slice:
		p.Type, p.Items.Type = "array", kind(t.Elem())
	default:
		p.Type = kind(t)
	}
}

// stampedFields are fields of a body that a caller may repeat but not change: the system
// sets them, so agents are not offered them.
var stampedFields = []string{"Step.completed", "Step.completedBy", "Step.completedAt"}

func never() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }

func anys[T ~string](all []T) []any {
	out := make([]any, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

// bodies are the REST bodies and queries behind the tools' arguments.
var bodies = map[string]reflect.Type{
	"list_releases":             reflect.TypeFor[operations.ListReleasesInput](),
	"create_release":            reflect.TypeFor[operations.CreateReleaseInput](),
	"append_release_log":        reflect.TypeFor[operations.AppendLogInput](),
	"update_release":            reflect.TypeFor[operations.NewPlan](),
	"add_changes":               reflect.TypeFor[operations.AddChangesInput](),
	"list_change_requests":      reflect.TypeFor[operations.ListChangesInput](),
	"complete_step":             reflect.TypeFor[operations.CompleteStepInput](),
	"transition_release_status": reflect.TypeFor[operations.TransitionInput](),
}
