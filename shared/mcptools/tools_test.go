package mcptools_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/mcptools/describe"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// Each tool has the four hints that are typed here. A client decides by them whether to ask a person, and
// a hint that is not set does not mean false.
func TestTools_Each_StatesItsHints(t *testing.T) {
	want := map[string]describe.Hints{
		"list_releases":             {ReadOnly: true, Destructive: false, Idempotent: true, OpenWorld: false},
		"get_release":               {ReadOnly: true, Destructive: false, Idempotent: true, OpenWorld: false},
		"create_release":            {ReadOnly: false, Destructive: false, Idempotent: false, OpenWorld: false},
		"append_release_log":        {ReadOnly: false, Destructive: false, Idempotent: false, OpenWorld: false},
		"transition_release_status": {ReadOnly: false, Destructive: true, Idempotent: true, OpenWorld: false},
		"update_release":            {ReadOnly: false, Destructive: true, Idempotent: true, OpenWorld: false},
		"add_changes":               {ReadOnly: false, Destructive: true, Idempotent: true, OpenWorld: false},
		"list_change_requests":      {ReadOnly: true, Destructive: false, Idempotent: true, OpenWorld: false},
		"complete_step":             {ReadOnly: false, Destructive: false, Idempotent: true, OpenWorld: false},
	}
	shown, rows := mcptools.Described(), mcptools.Rows()
	if len(shown) != len(want) || len(rows) != len(want) {
		t.Fatalf("%d tools are shown, %d served", len(shown), len(rows))
	}
	for i, d := range shown {
		if d.Name != rows[i].Name {
			t.Errorf("%s is shown in the place of %s", d.Name, rows[i].Name)
		}
		wire, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var sent struct{ Annotations map[string]bool }
		if err := json.Unmarshal(wire, &sent); err != nil {
			t.Fatal(err)
		}
		w := want[d.Name]
		hints := map[string]bool{"readOnlyHint": w.ReadOnly, "destructiveHint": w.Destructive, "idempotentHint": w.Idempotent, "openWorldHint": w.OpenWorld}
		if !reflect.DeepEqual(sent.Annotations, hints) {
			t.Errorf("%s: the hints are %v, want %v", d.Name, sent.Annotations, hints)
		}
		if w.ReadOnly == rows[i].Writes {
			t.Errorf("%s: hint and table disagree on whether it writes", d.Name)
		}
	}
}

// own are the arguments that no REST body or query has, and what REST has in their place.
var own = map[string]string{
	"id":             "in the path",
	"plan":           "in the path",
	"order":          "in the path",
	"ifRevision":     "If-Match",
	"idempotencyKey": "Idempotency-Key",
	"logLimit":       "an answer without a bound",
	"logCursor":      "the log's own pages",
	"detail":         "an answer without a bound",
}

// The arguments of a tool are the fields of its operation's REST body and query, with the same names and
// types, and those in own.
func TestTools_Arguments_AreTheRESTBodies(t *testing.T) {
	compared := 0
	for _, tool := range mcptools.Rows() {
		route, ok := rest.Find(rest.Routes(), tool.Operation)
		if !ok {
			t.Fatalf("%s has no route", tool.Operation)
		}
		body := map[string]reflect.Type{}
		for _, in := range []any{route.Query, route.Body} {
			if in != nil {
				for _, f := range fields.Of(reflect.TypeOf(in).Elem()) {
					body[f.Name] = f.Type
				}
			}
		}
		taken := map[string]reflect.Type{}
		for _, f := range fields.Of(tool.Arguments) {
			taken[f.Name] = f.Type
		}
		shown := properties(t, tool.Name)
		for name, typ := range body {
			compared++
			if taken[name] != typ {
				t.Errorf("%s takes %s as %v, want %v as REST", tool.Name, name, taken[name], typ)
			}
			if got, want := kindOf(shown[name]), jsonKind(typ); got != want {
				t.Errorf("%s shows %s as %q, want %q", tool.Name, name, got, want)
			}
		}
		for name := range taken {
			if _, ok := body[name]; !ok && own[name] == "" {
				t.Errorf("%s takes %s, which REST does not", tool.Name, name)
			}
			if shown[name] == nil {
				t.Errorf("%s takes %s and does not show it", tool.Name, name)
			}
		}
		for name := range shown {
			if _, ok := taken[name]; !ok {
				t.Errorf("%s shows %s and does not take it", tool.Name, name)
			}
		}
		_, guarded := taken["ifRevision"]
		_, keyed := taken["idempotencyKey"]
		if guarded != route.Guarded || keyed != (route.Method == "POST") {
			t.Errorf("%s: ifRevision %v (REST %v), idempotencyKey %v (REST: %s)", tool.Name, guarded, route.Guarded, keyed, route.Method)
		}
	}
	if compared < 20 {
		t.Errorf("only %d fields were compared, want 20 or more", compared)
	}
}

// The steps inside a plan have the fields of release.Step, except those that the system stamps.
func TestTools_Steps_AreThoseOfTheBody(t *testing.T) {
	var step struct {
		Items struct{ Properties map[string]map[string]any }
	}
	raw, err := json.Marshal(properties(t, "create_release")["rollbackSteps"])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &step); err != nil {
		t.Fatal(err)
	}
	stamped := []string{"completed", "completedBy", "completedAt"}
	list := fields.Of(reflect.TypeFor[release.Step]())
	for _, f := range list {
		name := f.Name
		shown, ok := step.Items.Properties[name]
		if ok == slices.Contains(stamped, name) || ok && shown["type"] != jsonKind(f.Type) {
			t.Errorf("%s is shown as %v", name, shown)
		}
	}
	if len(step.Items.Properties) != len(list)-len(stamped) {
		t.Errorf("%d fields of a step are shown, want %d", len(step.Items.Properties), len(list)-len(stamped))
	}
}

func properties(t *testing.T, name string) map[string]map[string]any {
	t.Helper()
	for _, d := range mcptools.Described() {
		if d.Name == name {
			var s struct {
				Properties           map[string]map[string]any
				AdditionalProperties *bool
			}
			if err := json.Unmarshal(d.InputSchema.(json.RawMessage), &s); err != nil {
				t.Fatal(err)
			}
			if s.AdditionalProperties == nil || *s.AdditionalProperties {
				t.Errorf("%s takes unknown arguments, which the operation does not", name)
			}
			return s.Properties
		}
	}
	t.Fatalf("there is no tool %s", name)
	return nil
}

func kindOf(schema map[string]any) string {
	kind, _ := schema["type"].(string)
	if schema["format"] == "date-time" {
		kind = "time"
	}
	return kind
}

func jsonKind(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Slice:
		return "array"
	}
	return map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}[t.Kind()]
}

// Strict clients refuse schemas with booleans, nulls, lists of types, combinations or references; the
// tools' schemas have none of these where they matter.
func TestTools_Schemas_AreForStrictClients(t *testing.T) {
	seen := 0
	var walk func(path string, v any, output bool)
	walk = func(path string, v any, output bool) {
		switch v := v.(type) {
		case map[string]any:
			if kind, ok := v["type"]; ok {
				if name, ok := kind.(string); ok {
					seen++
					if name == "null" {
						t.Errorf("%s may be null", path)
					}
				} else if _, ok := kind.([]any); ok {
					t.Errorf("%s has several types", path)
				}
			}
			for name, inner := range v {
				if strings.HasPrefix(name, "$") || slices.Contains([]string{"anyOf", "oneOf", "allOf", "not"}, name) {
					t.Errorf("%s has %s", path, name)
				}
				_, isBool := inner.(bool)
				if isBool && (output || !slices.Contains([]string{"additionalProperties", "uniqueItems", "default"}, name)) {
					t.Errorf("%s.%s is a boolean", path, name)
				}
				walk(path+"."+name, inner, output)
			}
		case []any:
			for i, inner := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), inner, output)
			}
		case nil:
			t.Errorf("%s is null", path)
		}
	}
	for _, d := range mcptools.Described() {
		for output, raw := range map[bool]any{false: d.InputSchema, true: d.OutputSchema} {
			var v any
			if err := json.Unmarshal(raw.(json.RawMessage), &v); err != nil {
				t.Fatal(err)
			}
			if root, _ := v.(map[string]any); root["type"] != "object" {
				t.Errorf("%s has a schema that is not of an object", d.Name)
			}
			walk(fmt.Sprintf("%s.%v", d.Name, output), v, output)
		}
	}
	if seen < 150 {
		t.Errorf("only %d types were seen, want 150 or more", seen)
	}
}

// The description of a tool says which role it needs, as the operation does, and only names tools that
// exist.
func TestTools_Descriptions_NameTheRole(t *testing.T) {
	names := map[string]bool{}
	for _, row := range mcptools.Rows() {
		names[row.Name] = true
	}
	tool := regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`)
	for i, d := range mcptools.Described() {
		if need := operations.Roles[mcptools.Rows()[i].Operation]; need > release.Viewer && !strings.Contains(d.Description, "Needs the role "+need.String()) {
			t.Errorf("%s needs %s and does not say so", d.Name, need)
		}
		if len(d.Description) < 100 || d.Title == "" {
			t.Errorf("%s is not described", d.Name)
		}
		for _, word := range tool.FindAllString(d.Description+mcptools.Instructions, -1) {
			if !names[word] && word != "rollback_reason" {
				t.Errorf("the description of %s, or the instructions, name %s, which is no tool", d.Name, word)
			}
		}
	}
}
