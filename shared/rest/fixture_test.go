package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
)

// fixture is the whole API on tables of its own in the real engine.
type fixture struct {
	testing.TB
	*testkit.Harness
	api http.Handler
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	w := &fixture{TB: t, Harness: testkit.New(t)}
	w.api = rest.Handler(operations.New(w.Store), rest.Routes()...)
	return w
}

// on returns the fixture with the API on another store, such as one that fails.
func (w *fixture) on(s *dynamo.Store) *fixture {
	v := *w
	v.api = rest.Handler(operations.New(s), rest.Routes()...)
	return &v
}

// The callers of requests. nobody is not even authenticated; rita has no role.
var (
	nobody  = (*release.Caller)(nil)
	rita    = caller("rita", release.NoRole)
	viewer  = caller("vera", release.Viewer)
	auditor = caller("otto", release.Auditor)
	admin   = caller("ada", release.Admin)
)

func caller(name string, role release.Role) *release.Caller {
	return &release.Caller{
		Person: release.Person{Subject: "sub-" + name, Name: name, Email: name + "@example.com", EmailVerified: true},
		Role:   role,
	}
}

// ask is one request: a route such as "POST /releases", a body as text or as a value, and headers
// as "Name: value".
type ask struct {
	route   string
	body    any
	headers []string
}

type answer struct {
	*httptest.ResponseRecorder
	text string
}

func (w *fixture) send(who *release.Caller, a ask) answer {
	w.Helper()
	method, path, _ := strings.Cut(a.route, " ")
	var body io.Reader = http.NoBody
	switch b := a.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.Fatal(err)
		}
		body = strings.NewReader(string(raw))
	}
	r := httptest.NewRequest(method, rest.Base+path, body)
	for _, h := range a.headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	if a.body != nil && r.Header.Values("Content-Type") == nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != nil {
		r = r.WithContext(release.WithCaller(r.Context(), *who))
	}
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r)
	return answer{recorder, recorder.Body.String()}
}

// must sends a request that has to succeed and returns its decoded answer.
func (w *fixture) must(who *release.Caller, a ask) map[string]any {
	w.Helper()
	got := w.send(who, a)
	if got.Code >= 300 {
		w.Fatalf("%s: %d %s", a.route, got.Code, got.text)
	}
	var v map[string]any
	if got.text != "" {
		if err := json.Unmarshal([]byte(got.text), &v); err != nil {
			w.Fatalf("%s: %v in %s", a.route, err, got.text)
		}
	}
	return v
}

// problem decodes a problem document, and checks that it is complete.
func (w *fixture) problem(a answer) rest.Problem {
	w.Helper()
	var p rest.Problem
	d := json.NewDecoder(strings.NewReader(a.text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || a.Header().Get("Content-Type") != "application/problem+json" {
		w.Fatalf("%d is no problem document: %v; %s", a.Code, err, a.text)
	}
	if p.Status != a.Code || p.Title == "" || p.Detail == "" || p.Type != "/problems/"+p.Code {
		w.Errorf("incomplete problem: %s", a.text)
	}
	return p
}

type object = map[string]any

var counter atomic.Int64

// newKey returns an id that nothing else uses.
func newKey(prefix string) string { return fmt.Sprintf("%s-%05d", prefix, counter.Add(1)) }

// change creates a change request, which is CAB-approved (as a Standard change) or pending.
func (w *fixture) change(approved bool) string {
	w.Helper()
	kind := "Normal"
	if approved {
		kind = "Standard"
	}
	id := newKey("CHG")
	w.must(admin, ask{route: "POST /change-requests", body: object{"id": id, "changeType": kind, "title": "A change"}})
	return id
}

// changes creates approved change requests.
func (w *fixture) changes(n int) []string {
	w.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = w.change(true)
	}
	return ids
}

// release creates a release with a window and the given change requests.
func (w *fixture) release(ids ...string) string {
	w.Helper()
	v := w.must(admin, ask{route: "POST /releases", body: object{
		"name": "A release", "scheduledStart": "2026-05-01T20:00:00Z", "scheduledEnd": "2026-05-01T22:00:00Z", "linkedChangeRequestIds": ids,
	}})
	return v["id"].(string)
}

// seal seals all entries that are not sealed yet.
func (w *fixture) seal() {
	w.Helper()
	if _, err := w.Store.Sealer(dynamo.Generation{Number: 1}).Seal(context.Background(), time.Now); err != nil {
		w.Fatal(err)
	}
}

// transition takes a release through statuses.
func (w *fixture) transition(id string, statuses ...string) {
	w.Helper()
	for _, s := range statuses {
		body := object{"status": s}
		if s == "rolled-back" {
			body["rollback_reason"] = "It broke."
		}
		w.must(admin, ask{route: "POST /releases/" + id + "/status", body: body})
	}
}

// hold places a hold on a release.
func (w *fixture) hold(who *release.Caller, id, why string) {
	w.Helper()
	w.must(who, ask{route: "POST /releases/" + id + "/log", body: object{"text": why, "hold": true}})
}

// task creates a task of a requester, linked to a change request (to none if that is "").
func (w *fixture) task(email, change string) string {
	w.Helper()
	id := newKey("TASK")
	w.must(admin, ask{route: "POST /tasks", body: object{"id": id, "title": "A task", "requesterEmail": email, "changeRequestId": change}})
	return id
}

// stepped creates a release with a step in each plan, of which the Auditor owns the rollback's, and
// takes it through statuses.
func stepped(statuses ...string) func(*fixture) string {
	return func(w *fixture) string {
		w.Helper()
		v := w.must(admin, ask{route: "POST /releases", body: object{
			"name": "A release", "scheduledStart": "2026-05-01T20:00:00Z", "scheduledEnd": "2026-05-01T22:00:00Z",
			"rolloutSteps":  []object{{"order": 1, "description": "Switch over", "ownerEmail": "somebody@example.com", "estimatedMinutes": 30}},
			"rollbackSteps": []object{{"order": 1, "description": "Switch back", "ownerEmail": "OTTO@example.com"}},
		}})
		id := v["id"].(string)
		w.transition(id, statuses...)
		return id
	}
}

// settle settles everything that transitions have left to the streams' consumers.
func (w *fixture) settle() {
	w.Helper()
	w.settleWith(w.Store)
}

func (w *fixture) settleWith(s *dynamo.Store) {
	w.Helper()
	sweep := settle.Sweep{Settler: settle.New(s), Announce: func(context.Context, release.Release, int) error { return nil }}
	now := time.Now()
	if _, err := sweep.Before(w.Context(), now.Add(time.Hour), now); err != nil {
		w.Fatal(err)
	}
}

// resolved creates a task that a deployed release has resolved.
func (w *fixture) resolved() string {
	w.Helper()
	change := w.change(true)
	id := w.task("a@example.com", change)
	w.transition(w.release(change), "approved", "scheduled", "in-progress", "deployed")
	w.settle()
	return id
}
