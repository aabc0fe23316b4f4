package local

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/releases/shared/testkit"
)

// hangs stands before an engine and leaves chosen requests without an answer.
type hangs struct {
	mu  sync.Mutex
	due []hang
	met int
}

// hang chooses the next request of an operation whose body contains names.
type hang struct {
	operation, names string
	before           bool // the engine never gets the request; otherwise only the answer is lost
}

func (e *hangs) arm(h ...hang) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.due = append(e.due, h...)
}

// count tells how many requests hung, and which hangs have met no request yet.
func (e *hangs) count() (int, []hang) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.met, slices.Clone(e.due)
}

// take returns the hang that is due for a request, which then is over; nil if there is none.
func (e *hangs) take(operation string, body []byte) *hang {
	e.mu.Lock()
	defer e.mu.Unlock()
	for n, h := range e.due {
		if strings.HasSuffix(operation, "."+h.operation) && bytes.Contains(body, []byte(h.names)) {
			e.due = slices.Delete(e.due, n, n+1)
			e.met++
			return &h
		}
	}
	return nil
}

// before starts the server that stands before the engine, and returns its address.
func (e *hangs) before(t *testing.T, endpoint string) string {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	wait := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h := e.take(r.Header.Get("X-Amz-Target"), body)
		if h == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		if !h.before {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
		}
		wait(r)
	}))
	t.Cleanup(func() {
		close(over)
		server.Close()
	})
	return server.URL
}

// A request to the engine hangs, before the engine has done anything or after it has done
// all, in a client's call and in a settlement. The next attempt finds what was written: the
// caller is told of success, and nothing is written twice.
func TestHost_RequestHangs_DoneOnceAndAnswered(t *testing.T) {
	t.Parallel()
	tables := testkit.New(t, testkit.WithStreams)
	var engine hangs
	h, err := Start(t.Context(), Options{Endpoint: engine.before(t, tables.Endpoint), Table: tables.Name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	must := func(want int, method, path string, body any) object {
		t.Helper()
		status, answer := h.do(t, "admin", method, path, body)
		if status != want {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	must(201, "POST", "/api/change-requests", object{"id": "CHG-1", "changeType": "Standard", "title": "t"})
	must(201, "POST", "/api/tasks", object{"id": "TASK-1", "title": "t", "requesterName": "R", "requesterEmail": "requester@example.com", "changeRequestId": "CHG-1"})
	engine.arm(hang{operation: "TransactWriteItems", names: "REL#"})
	id := must(201, "POST", "/api/releases", object{"name": "n", "scheduledStart": "2030-01-01T00:00:00Z", "scheduledEnd": "2030-01-01T02:00:00Z", "linkedChangeRequestIds": []string{"CHG-1"}})["id"].(string)
	for _, m := range []struct {
		to    string
		hangs []hang
	}{
		{"approved", nil},
		{"scheduled", nil},
		{"in-progress", []hang{{operation: "TransactWriteItems", names: id, before: true}}},
		{"deployed", []hang{{operation: "TransactWriteItems", names: id}, {operation: "UpdateItem", names: "TASK#TASK-1"}}},
		{"rolled-back", []hang{{operation: "UpdateItem", names: "TASK#TASK-1", before: true}}},
	} {
		body := object{"status": m.to}
		if m.to == "rolled-back" {
			body["rollback_reason"] = "checkout fails"
		}
		engine.arm(m.hangs...)
		must(200, "POST", "/api/releases/"+id+"/status", body)
		waitIdle(t, h)
	}
	if met, due := engine.count(); met != 5 || len(due) > 0 {
		t.Errorf("%d requests hung and %v did not, want five and none", met, due)
	}
	var moves []string
	for _, e := range must(200, "GET", "/api/releases/"+id+"/log?kind=transition", nil)["entries"].([]any) {
		moves = append(moves, e.(map[string]any)["status"].(string))
	}
	if got := strings.Join(moves, " "); got != "rolled-back deployed in-progress scheduled approved" {
		t.Errorf("the release's transitions are %s, want each of the five once, the newest first", got)
	}
	if task := must(200, "GET", "/api/tasks/TASK-1", nil); task["status"] != "Open" || len(task["comments"].([]any)) != 2 || task["reopenCount"] != float64(1) {
		t.Errorf("got the task %v, want it Open, with two comments, reopened once", task)
	}
	if failures := h.Failures(); len(failures) > 0 {
		t.Errorf("given up: %+v", failures)
	}
}
