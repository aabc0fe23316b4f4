// Package openapi writes the OpenAPI 3.1 document from the table of routes and the
// types that they serve, and a page for people from the document. It runs when the
// document is generated and in tests, never in a function. What it says must come from
// the routes and their types only.
package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/version"
)

// Example is a request that was really made, and its answer, as JSON.
type Example struct{ Body, Answer json.RawMessage }

// Document describes the routes. Every route has an example by its operation's name.
func Document(routes []rest.Route, examples map[string]Example) ([]byte, error) {
	w := writer{schemas: map[string]object{}, types: map[string]reflect.Type{}}
	paths := object{}
	for _, r := range routes {
		example, ok := examples[string(r.Operation)]
		if !ok {
			return nil, fmt.Errorf("openapi: no example of %s", r.Operation)
		}
		operation := w.operation(r, example)
		path := rest.Base + r.Path
		if i := slices.IndexFunc(paths, func(m member) bool { return m.name == path }); i >= 0 {
			paths[i].value = append(paths[i].value.(object), member{strings.ToLower(r.Method), operation})
			continue
		}
		paths = append(paths, member{path, object{{strings.ToLower(r.Method), operation}}})
	}
	w.ref(reflect.TypeFor[rest.Problem](), output) // every route's errors refer to it by name
	if len(w.missing) > 0 {
		return nil, fmt.Errorf("openapi: nothing says what these are: %s", strings.Join(w.missing, ", "))
	}
	document := object{
		{"openapi", "3.1.0"},
		{"info", object{
			{"title", "Releases"},
			{"version", version.Number},
			{"summary", "Release and deployment management: change requests in coordinated releases"},
			{"description", introduction},
		}},
		{"servers", []object{{{"url", Server}, {"description", "Where this document comes from"}}}},
		{"security", []object{{{"token", []string{}}}}},
		{"tags", tags},
		{"paths", paths},
		{"components", object{
			{"securitySchemes", object{{"token", object{
				{"type", "http"},
				{"scheme", "bearer"},
				{"bearerFormat", "JWT"},
				{"description", "An OIDC access token (RS256 or ES256) whose claims carry one of the roles Viewer, Auditor or Admin; each includes the ones before it."},
			}}}},
			{"parameters", sharedParameters},
			{"headers", sharedHeaders},
			{"examples", problemExamples()},
			{"schemas", w.sorted()},
		}},
	}
	raw, err := json.MarshalIndent(document, "", " ")
	return append(raw, '\n'), err
}

// Server is a placeholder for the address that the document is served from; whoever
// serves the document replaces it where the address is known.
const Server = "/"

// member is one name and value of an object; object keeps the order it was written in.
type (
	member struct {
		name  string
		value any
	}
	object []member
)

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(append(append(name, ':'), value...))
	}
	return []byte("{" + b.String() + "}"), nil
}

func reference(kind, name string) object {
	return object{{"$ref", "#/components/" + kind + "/" + name}}
}

func (w *writer) operation(r rest.Route, example Example) object {
	if r.About == "" {
		w.missing = append(w.missing, string(r.Operation))
	}
	o := object{
		{"operationId", camel(string(r.Operation))},
		{"tags", []string{tagOf(r)}},
		{"summary", r.Summary},
		{"description", r.About + "\n\n" + roleSentence(r)},
	}
	if p := w.parameters(r); len(p) > 0 {
		o = append(o, member{"parameters", p})
	}
	if r.Body != nil {
		mode := input
		if r.Method == http.MethodPatch {
			mode = patch
		}
		content := object{}
		for _, kind := range r.Accepts() {
			content = append(content, member{kind, object{{"schema", w.ref(reflect.TypeOf(r.Body).Elem(), mode)}, {"example", example.Body}}})
		}
		o = append(o, member{"requestBody", object{{"required", true}, {"content", content}}})
	}
	return append(o, member{"responses", w.responses(r, example)})
}

func roleSentence(r rest.Route) string {
	switch r.Operation {
	case rest.ListTasks.Operation, rest.GetTask.Operation:
		return "Role: " + r.Role().String() + ". Without any role, a caller may read the tasks whose `requesterEmail` is their token's own verified address."
	case rest.CompleteStep.Operation:
		return "Role: Auditor for the steps that the caller owns (`ownerEmail` is their token's verified address), Admin for any."
	}
	return "Role: " + r.Role().String() + "."
}

func tagOf(r rest.Route) string {
	switch name, _, _ := strings.Cut(r.Path[1:], "/"); name {
	case "change-requests":
		return "Change requests"
	case "tasks":
		return "Tasks"
	case "record":
		return "Record"
	}
	return "Releases"
}

func camel(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func (w *writer) responses(r rest.Route, example Example) object {
	headers := object{}
	if r.Method == http.MethodGet || hasRevision(r) {
		headers = append(headers, member{"ETag", reference("headers", "ETag")})
	}
	if r.Status == http.StatusCreated && !strings.HasSuffix(r.Path, "/log") && !strings.HasSuffix(r.Path, "/erasures") {
		headers = append(headers, member{"Location", reference("headers", "Location")})
	}
	success := object{{"description", successes[r.Status]}}
	if len(headers) > 0 {
		success = append(success, member{"headers", headers})
	}
	if r.Answer != nil {
		mediaType, schema := "application/json", object{{"type", "string"}}
		switch answer := reflect.TypeOf(r.Answer).Elem(); answer {
		case reflect.TypeFor[operations.Markdown]():
			mediaType = "text/markdown"
		case reflect.TypeFor[operations.PlainText]():
			mediaType = "text/plain"
		default:
			schema = w.ref(answer, output)
		}
		success = append(success, member{"content", object{{mediaType, object{{"schema", schema}, {"example", example.Answer}}}}})
	}
	if links := linksFrom(r); len(links) > 0 {
		success = append(success, member{"links", links})
	}
	all := object{{strconv.Itoa(r.Status), success}}
	if r.Method == http.MethodGet {
		all = append(all, member{"304", object{
			{"description", "Nothing has changed since the ETag in If-None-Match."},
			{"headers", object{{"ETag", reference("headers", "ETag")}}},
		}})
	}
	byStatus := map[int][]string{}
	for _, code := range Codes(r) {
		status := rest.Status(row(code).Example.Kind)
		byStatus[status] = append(byStatus[status], code)
	}
	for status := http.StatusBadRequest; status < 600; status++ {
		codes := byStatus[status]
		if len(codes) == 0 {
			continue
		}
		var titles []string
		shown := object{}
		for _, code := range codes {
			if title := row(code).Title; !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
			shown = append(shown, member{code, reference("examples", code)})
		}
		problem := object{{"description", strings.Join(titles, "; ") + "."}}
		switch status {
		case http.StatusUnauthorized:
			problem = append(problem, member{"headers", object{{"WWW-Authenticate", reference("headers", "WWW-Authenticate")}}})
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			problem = append(problem, member{"headers", object{{"Retry-After", reference("headers", "Retry-After")}}})
		case http.StatusUnsupportedMediaType:
			accepted := object{{"Accept-Encoding", reference("headers", "Accept-Encoding")}}
			if r.Method == http.MethodPatch {
				accepted = append(accepted, member{"Accept-Patch", reference("headers", "Accept-Patch")})
			}
			problem = append(problem, member{"headers", accepted})
		}
		all = append(all, member{strconv.Itoa(status), append(problem, member{"content", object{{"application/problem+json", object{
			{"schema", reference("schemas", "Problem")}, {"examples", shown},
		}}}})})
	}
	return all
}

// linksFrom lists the requests that can follow on what a route has created.
func linksFrom(r rest.Route) object {
	links := object{}
	for _, next := range rest.Routes() {
		if r.Status == http.StatusCreated && strings.HasPrefix(next.Path, r.Path+"/{id}") {
			name := camel(string(next.Operation))
			links = append(links, member{name, object{{"operationId", name}, {"parameters", object{{"id", "$response.body#/id"}}}}})
		}
	}
	return links
}

var successes = map[int]string{
	http.StatusOK:        "It worked.",
	http.StatusCreated:   "Created.",
	http.StatusNoContent: "No content.",
}

// hasRevision tells whether a route's answer has a revision.
func hasRevision(r rest.Route) bool {
	if r.Answer == nil {
		return false
	}
	answer := reflect.TypeOf(r.Answer).Elem()
	if answer.Kind() != reflect.Struct {
		return false
	}
	_, ok := answer.FieldByName("Revision")
	return ok
}

func row(code string) rest.Code {
	i := slices.IndexFunc(rest.Codes, func(c rest.Code) bool { return c.Example.Code == code })
	if i < 0 {
		panic("openapi: no such code: " + code)
	}
	return rest.Codes[i]
}

// Codes are the codes of all problems that a route can answer with: those of every route
// of its shape, and its own.
func Codes(r rest.Route) []string {
	codes := []string{"invalid-request", "token-missing", "token-invalid", "unauthenticated", "forbidden", "request-blocked", "throttled", "quota-exceeded", "internal", "unavailable"}
	if len(r.Parameters()) > 0 {
		codes = append(codes, "not-found")
	}
	if r.Body != nil {
		codes = append(codes, "invalid-json", "too-large", "unsupported-media-type")
	}
	if r.Method == http.MethodPost {
		codes = append(codes, "idempotency-key-reused", "request-in-progress")
	}
	if r.Method == http.MethodPost || r.Method == http.MethodGet || r.Guarded {
		codes = append(codes, "invalid-header")
	}
	if r.Guarded || r.Method == http.MethodGet {
		codes = append(codes, "revision-stale")
	}
	if r.Guarded {
		codes = append(codes, "already-there")
	}
	if r.Query != nil && r.Method == http.MethodGet {
		codes = append(codes, "invalid-cursor")
	}
	return append(codes, r.Refusals...)
}

func problemExamples() object {
	all := object{}
	for i := range rest.Codes {
		code := &rest.Codes[i]
		p := rest.ProblemOf(&code.Example, true)
		if code.Example.Kind == release.KindInternal {
			p.RequestID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
		}
		all = append(all, member{code.Example.Code, object{{"summary", code.Title}, {"value", p}}})
	}
	return all
}
