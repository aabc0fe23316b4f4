package rest_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/openapi"
)

// failure is a request that has to be refused, and a read that would show if it had changed
// something.
type failure struct {
	setup  func(*fixture) ask
	status int
	code   string
	fields string // of errors[], in order
	shows  string // the path of the read; if it is "", that of the request's subject
}

// to returns the set-up of a request that needs nothing.
func to(route string, body any, headers ...string) func(*fixture) ask {
	return func(*fixture) ask { return ask{route: route, body: body, headers: headers} }
}

// onRelease returns the set-up of a request on a new release, whose path stands for the % in the
// route: "POST %/status".
func onRelease(route string, release func(*fixture) string, body any, headers ...string) func(*fixture) ask {
	return func(w *fixture) ask {
		return ask{route: strings.Replace(route, "%", "/releases/"+release(w), 1), body: body, headers: headers}
	}
}

func planned(w *fixture) string { return w.release() }

func releaseIn(statuses ...string) func(*fixture) string {
	return func(w *fixture) string {
		id := w.release(w.change(true))
		w.transition(id, statuses...)
		return id
	}
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = newKey("CHG")
	}
	return ids
}

var long = strings.Repeat("x", 2001)

// unknown returns the request of a route that reads for something that does not exist.
func unknown(r rest.Route) []failure {
	path := strings.ReplaceAll(r.Path, "{id}", "REL-2026-Q2-999")
	if r.Method != http.MethodGet || path == r.Path {
		return nil
	}
	return []failure{{to("GET "+path, nil), 404, "not-found", "", ""}}
}

// Each failure in the contracts is refused as it says, each code that the OpenAPI document has for a
// route is brought about, and the examples in the registry are true.
func TestErrors_EveryRoute_EveryCode(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	seen := map[string]map[string]bool{}
	for _, c := range contracts {
		route := c.route(t)
		given := map[string]bool{}
		for _, f := range slices.Concat(c.failures, unknown(route)) {
			p := w.fails(route, f)
			given[p.Code] = true
			if seen[p.Code] == nil {
				seen[p.Code] = map[string]bool{}
			}
			seen[p.Code][unnamed(p.Detail)] = true
		}
		for _, code := range openapi.Codes(route) {
			if !given[code] && !slices.Contains(elsewhere, code) && !slices.Contains(everywhere, code) {
				t.Errorf("the document says that %s answers %s, and nothing in its row makes it", route.Operation, code)
			}
		}
	}
	checkExamples(t, seen)
}

// fails sends a request that has to be refused and returns the problem.
func (w *fixture) fails(route rest.Route, f failure) rest.Problem {
	w.Helper()
	a := f.setup(w)
	w.inRowOf(route.Operation, a.route)
	shows := f.shows
	if shows == "" {
		shows = about(route, a.route)
	}
	before := w.look(shows)
	got := w.send(admin, a)
	if got.Code != f.status {
		w.Errorf("%s: %d, want %d; %s", a.route, got.Code, f.status, got.text)
		return rest.Problem{}
	}
	p := w.problem(got)
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
		if e.Message == "" {
			w.Errorf("%s: no message for %s", a.route, e.Field)
		}
	}
	if p.Code != f.code || strings.Join(fields, " ") != f.fields {
		w.Errorf("%s: %s about %q, want %s about %q; %s", a.route, p.Code, strings.Join(fields, " "), f.code, f.fields, got.text)
	}
	if !slices.Contains(openapi.Codes(route), p.Code) {
		w.Errorf("%s answers %s, which the document does not say", route.Operation, p.Code)
	}
	if after := w.look(shows); after != before {
		w.Errorf("%s was refused, yet %s became %s", a.route, before, after)
	}
	return p
}

// everywhere are codes that do not depend on the operation: the edge gives them, in the same way for
// all routes of a kind. So they are tried on one route of each kind.
var everywhere = []string{"invalid-json", "invalid-header", "too-large", "unsupported-media-type", "revision-stale", "already-there", "invalid-request"}

// operation returns the route that a request is for.
func (w *fixture) operation(route string) rest.Route {
	w.Helper()
	method, path, _ := strings.Cut(route, " ")
	path, _, _ = strings.Cut(path, "?")
	for _, r := range rest.Routes() {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(r.Path), "[^/]+") + "$")
		if r.Method == method && pattern.MatchString(path) {
			return r
		}
	}
	w.Fatalf("%s is no route", route)
	return rest.Route{}
}

// about returns the path of a request's subject: up to the id, without what is done to it.
func about(route rest.Route, asked string) string {
	_, path, _ := strings.Cut(asked, " ")
	path, _, _ = strings.Cut(path, "?")
	before, _, has := strings.Cut(route.Path, "{id}")
	if !has {
		return path
	}
	return strings.Join(strings.Split(path, "/")[:strings.Count(before, "/")+1], "/")
}

// elsewhere are codes that no single request brings about; other tests have them.
var elsewhere = []string{
	"unauthenticated", "forbidden", "idempotency-key-reused", "status-changed", "linking", "request-in-progress",
	"not-step-owner", "not-hold-owner", "own-change", "throttled", "unavailable", "internal", "token-missing", "token-invalid",
	// API Gateway alone gives these.
	"request-blocked", "quota-exceeded",
}

// checkExamples checks that the examples in the registry are true: some request was answered in exactly
// these words.
func checkExamples(t *testing.T, seen map[string]map[string]bool) {
	for _, c := range rest.Codes {
		code, example := c.Example.Code, unnamed(rest.ProblemOf(&c.Example, true).Detail)
		if slices.Contains(elsewhere, code) {
			continue
		}
		if !seen[code][example] && !seen[code][unnamed(rest.ProblemOf(&c.Example, false).Detail)] {
			t.Errorf("the example of %s is\n%s\nwhich is none of\n%s", code, example, strings.Join(slices.Sorted(maps.Keys(seen[code])), "\n"))
		}
	}
}

// unnamed replaces ids and numbers in a text.
func unnamed(s string) string { return names.ReplaceAllString(s, "*") }

var names = regexp.MustCompile(`(REL|CHG|TASK)-[-A-Za-z0-9]*[A-Za-z0-9]|[0-9]+`)

// A conflict about a release tells its status, what is allowed next, and what is in the way.
func TestConflict_Detail_SaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	pending := w.change(false)
	id := w.release(w.change(true), pending)
	p := w.problem(w.send(admin, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}))
	if p.CurrentStatus != "planned" || len(p.AllowedNextStatuses) != 2 || !slices.Equal(p.ChangeRequests, []string{pending}) || !strings.Contains(p.Detail, pending) {
		t.Errorf("the approval is answered %+v, want planned, two next statuses, and %s in the way", p, pending)
	}
	w.transition(id, "cancelled")
	p = w.problem(w.send(admin, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}))
	if p.CurrentStatus != "cancelled" || p.AllowedNextStatuses == nil || len(p.AllowedNextStatuses) != 0 {
		t.Errorf("the approval of a cancelled release is answered %+v, want cancelled, and an empty list of next statuses", p)
	}
}
