package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// repeated is a POST that is sent twice, and another body that is refused under the same key.
type repeated struct {
	path        string
	body, other object
}

// Every POST that is sent again with its Idempotency-Key gets its first answer and does nothing. With
// another body it is refused.
func TestIdempotency_Repeated_HappensOnce(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for _, c := range contracts {
		for _, p := range c.repeats {
			w.tryRepeated(c.operation, p(w))
		}
	}
}

func (w *fixture) tryRepeated(op operations.Name, p repeated) {
	w.Helper()
	a := ask{route: "POST " + p.path, body: p.body, headers: []string{"Idempotency-Key: " + newKey("key")}}
	w.inRowOf(op, a.route)
	first := w.send(admin, a)
	before := w.everything()
	second := w.send(admin, a)
	if first.Code >= 300 || second.Code != first.Code || second.text != first.text {
		w.Errorf("%s: %d %s\nand again: %d %s", a.route, first.Code, first.text, second.Code, second.text)
	}
	for _, name := range []string{"Location", "ETag"} {
		if first.Header().Get(name) != second.Header().Get(name) {
			w.Errorf("%s: %s %q, and again %q", a.route, name, first.Header().Get(name), second.Header().Get(name))
		}
	}
	a.body = p.other
	if got := w.problem(w.send(admin, a)); got.Status != 422 || got.Code != "idempotency-key-reused" {
		w.Errorf("%s with another body: %+v", a.route, got)
	}
	if after := w.everything(); after != before {
		w.Errorf("%s, repeated, changed something:\n%s\n%s", a.route, before, after)
	}
}

// everything returns what can be read of all that these tests write.
func (w *fixture) everything() string {
	var b strings.Builder
	for _, path := range []string{"/releases?limit=100", "/change-requests?limit=100", "/tasks?requesterEmail=rita@example.com"} {
		b.WriteString(w.look(path))
	}
	releases := w.must(viewer, ask{route: "GET /releases?limit=100"})["releases"].([]any)
	for _, r := range releases {
		b.WriteString(w.look("/releases/" + r.(object)["id"].(string)))
	}
	return b.String()
}

func TestIdempotency_TwoHundredAtOnce_CreateOneRelease(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	a := ask{route: "POST /releases", body: object{"name": "Once"}, headers: []string{"Idempotency-Key: one"}}
	answers := make([]answer, 200)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.send(admin, a) })
	}
	all.Wait()
	for _, got := range answers {
		if got.Code != 201 || got.text != answers[0].text {
			t.Errorf("%d %s, want 201 with the same release for all", got.Code, got.text)
		}
	}
	if n := len(w.must(viewer, ask{route: "GET /releases"})["releases"].([]any)); n != 1 {
		t.Errorf("%d releases, want 1", n)
	}
}

func TestTransition_TwoAtOnce_OneWins(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := make(chan string, 200)
	for range cap(ids) {
		ids <- w.release()
	}
	close(ids)
	var lanes sync.WaitGroup
	for range 8 {
		lanes.Go(func() {
			for id := range ids {
				w.race(id)
			}
		})
	}
	lanes.Wait()
}

// race lets two callers approve a release at the same time.
func (w *fixture) race(id string) {
	var got [2]answer
	var both sync.WaitGroup
	for i := range got {
		both.Go(func() {
			got[i] = w.send(admin, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}})
		})
	}
	both.Wait()
	if got[0].Code > got[1].Code {
		got[0], got[1] = got[1], got[0]
	}
	if got[0].Code != 200 {
		w.Errorf("neither succeeded: %s", got[0].text)
		return
	}
	p := w.problem(got[1])
	if p.Status != 409 || p.CurrentStatus != "approved" || p.Code != "status-changed" && p.Code != "invalid-transition" {
		w.Errorf("the loser is answered %s, want a conflict with the current status", got[1].text)
	}
}

// transport is a function in the place of the store's HTTP client.
type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

// A creation that dies between two chunks leaves a release which says that it is not complete.
func TestCreateRelease_HalfDone_IsSaid(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.changes(60)
	transactions := 0
	dying := w.on(w.Open(func(o *dynamodb.Options) {
		o.Retryer = aws.NopRetryer{}
		client := o.HTTPClient
		o.HTTPClient = transport(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") {
				transactions++
			}
			if transactions > 1 {
				return nil, http.ErrHandlerTimeout
			}
			return client.Do(r)
		})
	}))
	got := dying.send(admin, ask{route: "POST /releases", body: object{"name": "Half", "linkedChangeRequestIds": ids}})
	if p := w.problem(got); p.Status != 503 || p.Code != "unavailable" || got.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s, want 503 with Retry-After", got.Code, got.text)
	}
	half := w.must(viewer, ask{route: "GET /releases"})["releases"].([]any)[0].(object)["id"].(string)
	v := w.must(viewer, ask{route: "GET /releases/" + half})
	if still, _ := v["stillLinking"].([]any); len(still) == 0 {
		t.Errorf("the release does not say that it is half-created (stillLinking): %v", v)
	}
	for _, a := range []ask{
		{route: "POST /releases/" + half + "/status", body: object{"status": "approved"}},
		{route: "POST /releases/" + half + "/add-changes", body: object{"remove": ids[:1]}},
	} {
		if p := w.problem(w.send(admin, a)); p.Code != "linking" {
			t.Errorf("%s: %+v, want linking", a.route, p)
		}
	}
}

func TestProblem_Throttled_TooManyRequests(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	busy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/x-amz-json-1.0")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"secret"}`))
	}))
	defer busy.Close()
	store := dynamo.Open(testkit.AWS(busy.URL), w.Tables, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	for _, route := range []string{"GET /releases", "GET /releases/REL-2026-Q2-001", "GET /tasks/TASK-1"} {
		got := w.on(store).send(admin, ask{route: route})
		if p := w.problem(got); p.Status != 429 || p.Code != "throttled" || strings.Contains(got.text, "secret") || got.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s, want 429 with Retry-After, and nothing of DynamoDB's message", route, got.Code, got.text)
		}
	}
}

// A transition that is repeated with its key gets the same advice, word for word, although the change
// requests have changed meanwhile.
func TestIdempotency_TransitionWithAdvice_HasItAgain(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	early := w.change(true)
	w.must(admin, ask{route: "PATCH /change-requests/" + early, body: object{"scheduledStart": "2020-01-01T00:00:00Z"}})
	w.must(admin, ask{route: "POST /change-requests/" + early + "/decision", body: object{"decision": "approved"}})
	id := w.release(early)
	w.transition(id, "approved")
	a := ask{route: "POST /releases/" + id + "/status", body: object{"status": "scheduled"}, headers: []string{"Idempotency-Key: " + newKey("key")}}
	first := w.send(admin, a)
	if first.Code != http.StatusOK || !strings.Contains(first.text, `{"code":"change-outside-window","detail":"These change requests start outside the window: `+early+`.","changeRequests":["`+early+`"]}`) {
		t.Fatalf("%d %s", first.Code, first.text)
	}
	w.must(admin, ask{route: "POST /releases/" + id + "/add-changes", body: object{"remove": []string{early}}})
	if repeated := w.send(admin, a); repeated.text != first.text {
		t.Errorf("%s\nand again: %s", first.text, repeated.text)
	}
}

// A removal was carried out and its answer lost; the release went on, and the removal was repeated under
// its key. Since the record of the key could not be read at that moment, it was refused as too late,
// although it had been done (found by a seed of the chaos on 2026-11-27).
func TestIdempotency_RecordCannotBeRead_NothingIsRefused(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	change := w.change(true)
	id := w.release(change)
	w.transition(id, "approved", "scheduled")
	a := ask{route: "POST /releases/" + id + "/add-changes", body: object{"remove": []string{change}}, headers: []string{"Idempotency-Key: " + newKey("key")}}
	first := w.send(admin, a)
	if first.Code != http.StatusOK {
		t.Fatalf("%d %s", first.Code, first.text)
	}
	w.transition(id, "in-progress")
	blind := w.on(w.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if in, ok := call.Input.(*dynamodb.GetItemInput); ok && strings.HasPrefix(in.Key["pk"].(*types.AttributeValueMemberS).Value, "IDEM#") {
			return inject.Lost()
		}
		return do(ctx)
	}, nil))
	if got := blind.send(admin, a); got.Code != http.StatusServiceUnavailable {
		t.Errorf("while the record cannot be read: %d %s, want 503", got.Code, got.text)
	}
	if repeated := w.send(admin, a); repeated.Code != http.StatusOK || repeated.text != first.text {
		t.Errorf("%s\nand again: %d %s", first.text, repeated.Code, repeated.text)
	}
}
