package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

var admin = release.Caller{Person: release.Person{Subject: "u-1", Name: "Ada Admin", Email: "ada@example.com", EmailVerified: true}, Role: release.Admin}

// probe returns a route whose operation is the test's own, so that the edge is tested alone.
func probe(method string, serve func(*request) (reply, error)) Route {
	r := Route{
		Operation: operations.TransitionRelease, Method: method, Path: "/things/{id}", Status: http.StatusOK, Guarded: true,
		serve: func(_ *operations.Operations, q *request) (reply, error) { return serve(q) },
	}
	if method == http.MethodPost {
		r.Body = (*operations.TransitionInput)(nil)
	}
	return r
}

func fixed(r reply, err error) func(*request) (reply, error) {
	return func(*request) (reply, error) { return r, err }
}

// send sends one request as the given caller; headers are "Name: value".
func send(h http.Handler, who *release.Caller, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	if body != "" && r.Header.Values("Content-Type") == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != nil {
		r = r.WithContext(release.WithCaller(r.Context(), *who))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func problemIn(t *testing.T, w *httptest.ResponseRecorder) Problem {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("status %d with Content-Type %q, want a problem document; body %s", w.Code, got, w.Body)
	}
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code || p.Title == "" || p.Detail == "" || p.Type != "/problems/"+p.Code {
		t.Errorf("incomplete problem with status %d: %+v", w.Code, p)
	}
	return p
}

func TestRoute_UnknownPathOrMethod_NotFound(t *testing.T) {
	h := Handler(nil, probe(http.MethodGet, fixed(reply{value: 1}, nil)))
	for _, c := range []struct{ method, path string }{
		{"GET", "/api"},
		{"GET", "/api/"},
		{"GET", "/api/things"},
		{"GET", "/api/things/"},
		{"GET", "/api/things//"},
		{"GET", "/api/things/a/b"},
		{"GET", "/api//things/a"},
		{"GET", "/api/things/../things/a"},
		{"GET", "/things/a"},
		{"GET", "/API/things/a"},
		{"POST", "/api/things/a"},
		{"HEAD", "/api/things/a/b"},
		{"OPTIONS", "/api/things/a"},
		{"get", "/api/things/a"},
	} {
		w := send(h, &admin, c.method, c.path, "")
		if p := problemIn(t, w); w.Code != 404 || p.Code != "not-found" {
			t.Errorf("%s %s: %d %s, want 404 not-found", c.method, c.path, w.Code, p.Code)
		}
	}
	if w := send(h, &admin, "GET", "/api/things/a", ""); w.Code != 200 {
		t.Errorf("the route itself: %d, want 200", w.Code)
	}
}

func TestRoute_EscapedSlash_StaysInItsSegment(t *testing.T) {
	var got string
	h := Handler(nil, probe(http.MethodGet, func(q *request) (reply, error) {
		got = q.params["id"]
		return reply{value: 1}, nil
	}))
	if w := send(h, &admin, "GET", "/api/things/a%2Fb%20c", ""); w.Code != 200 || got != "a/b c" {
		t.Errorf("status %d, id %q; want 200 and a/b c", w.Code, got)
	}
}

func TestAPI_WithoutRole_InputIsNotJudged(t *testing.T) {
	h := Handler(nil, probe(http.MethodPost, func(*request) (reply, error) {
		t.Error("the operation ran")
		return reply{}, nil
	}))
	viewer := release.Caller{Role: release.Viewer}
	for _, c := range []struct {
		who    *release.Caller
		status int
		code   string
	}{{nil, 401, "unauthenticated"}, {&viewer, 403, "forbidden"}} {
		w := send(h, c.who, "POST", "/api/things/a", "not json", "Content-Type: text/plain", "If-Match: nonsense")
		if p := problemIn(t, w); w.Code != c.status || p.Code != c.code {
			t.Errorf("%d %s, want %d %s", w.Code, p.Code, c.status, c.code)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
			t.Errorf("status %d with WWW-Authenticate %q", c.status, challenge)
		}
	}
}

func TestAPI_Answers_CarryTheirHeaders(t *testing.T) {
	created := probe(http.MethodPost, fixed(reply{value: map[string]string{"text": "<a & b>"}, revision: 1, location: "/things/x"}, nil))
	created.Status = http.StatusCreated
	h := Handler(nil, created, probe(http.MethodGet, fixed(reply{value: 1, revision: 7}, nil)), probe(http.MethodDelete, fixed(reply{}, nil))).
		WithPublicURL("https://example.com/prod/", []string{"https://a.example", "https://b.example"})

	w := send(h, &admin, "POST", "/api/things/a", "{}", "Origin: https://b.example")
	for name, want := range map[string]string{
		"Location": "/prod/api/things/x", "Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Access-Control-Allow-Origin": "https://b.example", "Vary": "Origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(w.Header().Get("ETag"), `"1-`) || w.Code != 201 {
		t.Errorf("status %d, ETag %s; want 201 and a tag of revision 1", w.Code, w.Header().Get("ETag"))
	}
	if got := w.Body.String(); got != `{"text":"<a & b>"}`+"\n" {
		t.Errorf("the body is %s, want markup unescaped", got)
	}

	w = send(h, &admin, "GET", "/api/things/a", "", "Origin: https://c.example")
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a foreign origin is allowed: %s", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("a read has Cache-Control %q", got)
	}
	anyOrigin := Handler(nil, created).WithPublicURL("https://example.com", []string{"*"})
	w = send(anyOrigin, &admin, "POST", "/api/things/a", "{}", "Origin: https://c.example")
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("where every origin is allowed, one is answered with %q", got)
	}
	w = send(h, &admin, "DELETE", "/api/things/a", "")
	if w.Body.Len() != 0 || w.Header().Get("ETag") != "" || w.Header().Get("Content-Type") != "" {
		t.Errorf("an answer without content has body %q and headers %v", w.Body, w.Header())
	}
}

func TestProblem_FailureOfOurs_ShowsNothing(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{errSecret, 500, "internal"},
		{release.Fail(release.KindInternal, "whatever", "secret table name"), 500, "internal"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{release.Fail(release.KindUnavailable, "unavailable", "Try again.").Because(errSecret), 503, "unavailable"},
	} {
		h := Handler(nil, probe(http.MethodGet, fixed(reply{}, c.err)))
		w := send(h, &admin, "GET", "/api/things/a", "", "X-Request-Id: req-42")
		p := problemIn(t, w)
		if p.Status != c.status || p.Code != c.code || p.RequestID != "req-42" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v is answered %s, want %d %s with the request id, and nothing secret", c.err, w.Body, c.status, c.code)
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (c.status == 503) {
			t.Errorf("status %d with Retry-After %q", c.status, retry)
		}
	}
}

var errSecret = &json.UnsupportedValueError{Str: "secret"}

func TestProblem_Conflict_TellsTheCurrentStatus(t *testing.T) {
	r := release.Release{ID: "REL-1", Status: release.RolledBack}
	e := r.Conflict("invalid-transition", "It is over.")
	e.ChangeRequests = []string{"CHG-1"}
	h := Handler(nil, probe(http.MethodGet, fixed(reply{}, e)))
	w := send(h, &admin, "GET", "/api/things/a", "")
	want := `{"type":"/problems/invalid-transition","title":"The lifecycle does not allow this step","status":409,"detail":"It is over. Its lifecycle has ended.",` +
		`"code":"invalid-transition","currentStatus":"rolled-back","allowedNextStatuses":[],"changeRequests":["CHG-1"]}` + "\n"
	if w.Body.String() != want {
		t.Errorf("got  %swant %s", w.Body, want)
	}
}

// Each kind of error has a status; the table is typed by hand.
func TestStatus_EachKind_HasOne(t *testing.T) {
	for kind, want := range map[release.ErrorKind]int{
		release.KindInternal: 500, release.KindInvalid: 400, release.KindUnauthenticated: 401, release.KindForbidden: 403,
		release.KindNotFound: 404, release.KindConflict: 409, release.KindPreconditionFailed: 412, release.KindTooLarge: 413,
		release.KindUnsupportedMedia: 415, release.KindUnprocessable: 422, release.KindThrottled: 429, release.KindUnavailable: 503,
		-1: 500, 99: 500,
	} {
		if got := Status(kind); got != want {
			t.Errorf("the kind %d has the status %d, want %d", kind, got, want)
		}
	}
}
