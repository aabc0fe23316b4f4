package openapi

import (
	"net/http"
	"reflect"
	"slices"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func (w *writer) parameters(r rest.Route) []object {
	var all []object
	for _, name := range r.Parameters() {
		shared := map[string]string{"plan": "plan", "order": "order"}[name]
		if shared == "" {
			shared = map[string]string{"Releases": "releaseId", "Change requests": "changeRequestId", "Tasks": "taskId"}[tagOf(r)]
		}
		all = append(all, reference("parameters", shared))
	}
	if r.Query != nil {
		t := reflect.TypeOf(r.Query).Elem()
		for _, f := range fields.Of(t) {
			if f.Words == "" {
				w.missing = append(w.missing, t.Name()+"."+f.Name)
			}
			doc := docOf(t.Name(), t, f, input)
			if f.Name == "limit" {
				doc.limits = append(doc.limits, member{"default", operations.PageSize})
			}
			if f.Type.Kind() == reflect.String && !slices.ContainsFunc(doc.limits, func(m member) bool { return m.name == "enum" || m.name == "minLength" }) {
				doc.limits = append(object{{"minLength", 1}}, doc.limits...) // without a value it is refused
			}
			schema := w.property(f.Name, f.Type, doc, output, false)
			schema = slices.DeleteFunc(schema, func(m member) bool { return m.name == "description" })
			all = append(all, object{{"name", f.Name}, {"in", "query"}, {"description", doc.text}, {"schema", schema}})
		}
	}
	switch r.Method {
	case http.MethodPost:
		all = append(all, reference("parameters", "idempotencyKey"))
	case http.MethodGet:
		all = append(all, reference("parameters", "ifNoneMatch"))
	}
	if r.Guarded {
		all = append(all, reference("parameters", "ifMatch"))
	}
	return all
}

func pathParameter(name, text, example string, schema object) object {
	return object{{"name", name}, {"in", "path"}, {"required", true}, {"description", text}, {"schema", schema}, {"example", example}}
}

// tagPattern is what an ETag looks like, or a star; a few may be listed, with commas.
const tagPattern = `^([*]|"[0-9]+-[0-9a-f]{16}"(, "[0-9]+-[0-9a-f]{16}"){0,7})$`

var sharedParameters = object{
	{"releaseId", pathParameter("id", "The release's id.", "REL-2026-Q2-001", identifierSchema)},
	{"changeRequestId", pathParameter("id", "The change request's id.", "CHG-1001", identifierSchema)},
	{"taskId", pathParameter("id", "The task's id.", "TASK-1001", identifierSchema)},
	{"plan", pathParameter("plan", "Which plan the step is in.", "rollout", object{{"type", "string"}, {"enum", []any{"rollout", "rollback"}}})},
	{"order", object{
		{"name", "order"},
		{"in", "path"},
		{"required", true},
		{"description", "The step's order in its plan."},
		{"schema", object{{"type", "integer"}, {"minimum", 1}, {"maximum", 9999}}},
		{"example", 1},
	}},
	{"idempotencyKey", object{
		{"name", "Idempotency-Key"},
		{"in", "header"},
		{"description", "A value of your own, such as a UUID, that makes the request happen once: sent again within 24 hours with the same body, it gets the first answer again."},
		{"schema", object{{"type", "string"}, {"minLength", 1}, {"maxLength", 255}, {"pattern", "^[!-~]+$"}}},
		{"example", "5f0c3a52-9a64-4d0e-8f6b-0d6e3a1c7b11"},
	}},
	{"ifMatch", object{
		{"name", "If-Match"},
		{"in", "header"},
		{"description", "The ETag of what you last read: the request is refused with 412 if there is a newer revision by now. `*` stands for any."},
		{"schema", object{{"type", "string"}, {"pattern", tagPattern}}},
		{"example", "*"},
	}},
	{"ifNoneMatch", object{
		{"name", "If-None-Match"},
		{"in", "header"},
		{"description", "The ETag of what you have: the answer is 304 without a body if that is still what there is."},
		{"schema", object{{"type", "string"}, {"pattern", tagPattern}}},
		{"example", `"3-5f2b9c0d1e4a7b68"`},
	}},
}

func header(text, example string) object {
	return object{{"description", text}, {"schema", object{{"type", "string"}}}, {"example", example}}
}

var sharedHeaders = object{
	{"ETag", header("The revision and a hash of the content: If-Match compares the revision, If-None-Match both.", `"3-5f2b9c0d1e4a7b68"`)},
	{"Location", header("Where the created resource can be read.", "/api/releases/REL-2026-Q2-001")},
	{"WWW-Authenticate", header("How to authenticate (RFC 6750).", `Bearer realm="releases"`)},
	{"Retry-After", header("After how many seconds to try again.", "1")},
	{"Accept-Encoding", header("If the body had a content coding: only bodies without one are read.", "identity")},
	{"Accept-Patch", header("The media types of patches that are read (RFC 5789).", "application/merge-patch+json, application/json")},
}

var identifierSchema = append(object{{"type", "string"}}, identifier...)
