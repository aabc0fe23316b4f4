package shipped_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/local"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/iam"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/testkit"
)

// object is an event or an answer as JSON.
type object = map[string]any

// fixture runs every function as the file that ships, as Lambda does: each with its own
// environment and its own rights, on the real engine.
type fixture struct {
	*testing.T
	root      string
	functions map[string]invoke.Function
	tried     map[string]bool // functions whose event was read
	guard     *iam.Guard
	mail      mailbox.Mailbox
	bus       bus.Bus
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	root, tmpl := load(t)
	w := &fixture{T: t, root: root, tried: map[string]bool{}}
	h := testkit.New(t)
	mails, events := httptest.NewServer(w.mail.Handler()), httptest.NewServer(w.bus.Handler())
	t.Cleanup(mails.Close)
	t.Cleanup(events.Close)
	s := local.Env{Root: root, Template: tmpl, Endpoint: h.Endpoint, Tables: h.Names, Environment: map[string]map[string]string{}}
	for _, f := range tmpl.Functions {
		env := map[string]string{}
		for name, value := range f.Environment {
			if table, ok := h.Names[value]; ok {
				value = table
			}
			switch name {
			case "SES_ENDPOINT":
				value = mails.URL + "/_local/ses"
			case "EVENTS_ENDPOINT":
				value = events.URL + "/_local/eventbridge"
			case "MAIL_SENDER":
				value = "releases@example.com"
			}
			env[name] = value
		}
		s.Environment[f.Name] = env
	}
	running, err := local.AsShipped(files(t), &w.guard)(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Stop)
	w.functions = running.Functions
	return w
}

// event reads the payload in events/ with which people try a function.
func (w *fixture) event(function string) object {
	w.Helper()
	raw, err := os.ReadFile(filepath.Join(w.root, "events", function+".json"))
	if err != nil {
		w.Fatal(err)
	}
	var e object
	if err := json.Unmarshal(raw, &e); err != nil {
		w.Fatal(err)
	}
	w.tried[function] = true
	return e
}

func (w *fixture) invoke(function string, event object) object {
	w.Helper()
	raw, err := json.Marshal(event)
	if err != nil {
		w.Fatal(err)
	}
	answer, err := w.functions[function](w.Context(), raw)
	if err != nil {
		w.Errorf("%s: %v", function, err)
		return nil
	}
	var out object
	if err := json.Unmarshal(answer, &out); err != nil {
		w.Errorf("%s answered %s", function, answer)
	}
	return out
}

// call invokes an endpoint's function with its event, with another body where one is given, and
// returns the body of the answer.
func (w *fixture) call(function string, want int, body ...string) string {
	w.Helper()
	e := w.event(function)
	if body != nil {
		e["body"] = body[0]
	}
	answer := w.invoke(function, e)
	text, _ := answer["body"].(string)
	if got, _ := answer["statusCode"].(float64); int(got) != want {
		w.Errorf("%s answered %v, want %d: %s", function, answer["statusCode"], want, text)
	}
	return text
}

// says checks that an answer contains each of some texts.
func (w *fixture) says(text string, parts ...string) {
	w.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			w.Errorf("want %q in the answer %s", part, text)
		}
	}
}

// records invokes a stream's function with its event. That is to be a batch of more than one
// kind: items that were written, one that expired (REMOVE), and a kind of event that does not
// exist yet. None may be reported as failed.
func (w *fixture) records(function string) {
	w.Helper()
	e := w.event(function)
	var kinds []string
	for _, r := range e["Records"].([]any) {
		kinds = append(kinds, r.(object)["eventName"].(string))
	}
	if !slices.Contains(kinds, "REMOVE") || !slices.Contains(kinds, "SOMETHING_NEW") || len(kinds) < 3 {
		w.Errorf("events/%s.json has the kinds %v, want three or more, REMOVE and SOMETHING_NEW among them", function, kinds)
	}
	if failed, _ := w.invoke(function, e)["batchItemFailures"].([]any); len(failed) > 0 {
		w.Errorf("%s reports %v as failed, want none", function, failed)
	}
}

// Every file that ships answers its event in events/, in an order in which the events tell the
// story of one release, with the outcome that people would expect.
func TestShipped_EachFile_AnswersItsEvent(t *testing.T) {
	w := newFixture(t)
	w.invoke("answer-preflight", w.event("answer-preflight"))
	w.says(w.call("create-change", 201), `"id":"CHG-1001"`, `"approvalStatus":"Pending"`)
	w.call("create-change", 201, `{"id":"CHG-1002","changeType":"Standard","title":"Rotate the keys","controlId":"A.8.24","controlTitle":"Cryptography"}`)
	w.says(w.call("create-task", 201), `"id":"TASK-1001"`, `"changeRequestId":"CHG-1001"`)
	w.says(w.call("create-release", 201), `"id":"REL-2026-Q2-001"`, `"status":"planned"`, `"CHG-1001"`)
	w.says(w.call("create-release", 201), `"id":"REL-2026-Q2-001"`) // the same Idempotency-Key
	w.says(w.call("add-changes", 200), `"added":["CHG-1002"]`)
	w.says(w.call("update-change", 200), `"controlTitle":"Access control"`)
	w.says(w.call("update-release", 200), "half an hour", "23:30:00Z")
	w.says(w.call("transition-release", 409), "cab-approval-missing", "CHG-1001")
	w.says(w.call("check-readiness", 200), "CHG-1001")
	w.says(w.call("decide-change", 200), `"cabDecision":"approved"`)
	w.says(w.call("transition-release", 200), `"status":"approved"`)
	w.says(w.call("transition-release", 200, `{"status":"scheduled"}`), `"status":"scheduled"`)
	note := w.call("append-log", 201)
	w.says(w.call("append-log", 201, `{"text":"The disk of node 2 is full.","hold":true}`), `"kind":"hold"`)
	w.says(w.call("transition-release", 409, `{"status":"in-progress"}`), `"code":"held"`, "Otto Auditor", "The disk of node 2 is full.")
	w.says(w.call("get-release", 200), `"holds":[{"by":"Otto Auditor"`)
	w.call("lift-hold", 204)
	w.says(w.call("complete-step", 200), `"completed":true`)
	w.says(w.call("update-task", 200), `"status":"InProgress"`)
	w.says(w.call("get-release", 200), `"deploymentLog":[`, "Rehearsal on staging went well.", `"linkedChangeRequests":[`)
	w.says(w.call("list-log", 200), "Rehearsal on staging went well.")
	w.says(w.call("get-change", 200), "Point the MX records back", `"decisions":[{"decision":"approved"`)
	w.says(w.call("get-review", 200), "# Review of REL-2026-Q2-001", "## Left open")
	w.says(w.call("list-change-log", 200), `"kind":"decision"`, `"kind":"edit"`, `"kind":"created"`)
	w.says(w.call("get-task", 200), "Linked Release: REL-2026-Q2-001")
	w.says(w.call("list-releases", 200), `"releases":[`)
	w.says(w.call("list-changes", 200), `"changeRequests":[`)
	w.says(w.call("list-tasks", 200), `"tasks":[`)
	w.says(w.call("mcp", 200), "REL-2026-Q2-001")
	w.says(w.call("trust-center", 200), "<html", "Trust Center")
	w.call("transition-release", 200, `{"status":"in-progress"}`)
	w.call("transition-release", 200, `{"status":"deployed"}`)

	// What follows by itself.
	w.records("settle-changes")
	w.says(w.call("get-change", 200), `"status":"Resolved"`)
	w.records("settle-tasks")
	w.says(w.call("get-task", 200), `"status":"Resolved"`, "Resolved as part of release REL-2026-Q2-001, deployed ")
	w.records("announce")
	if published := w.bus.Events(); len(published) == 0 || !strings.Contains(string(published[len(published)-1].Detail), "REL-2026-Q2-001#") {
		t.Errorf("published %v, want last an event of REL-2026-Q2-001", published)
	}
	w.records("plan-notices")
	w.records("send-mail")
	for _, run := range []string{"sweep", "heads-up", "tend-outbox", "seal-record"} {
		if answer := w.invoke(run, w.event(run)); answer == nil {
			t.Errorf("%s answered nothing, want its counts", run)
		}
	}
	w.says(w.call("get-checkpoint", 200), "releases-record/")
	var noted struct{ ID string }
	if err := json.Unmarshal([]byte(note), &noted); err != nil {
		t.Error(err)
	}
	w.call("erase-words", 201, fmt.Sprintf(`{"releaseId":"REL-2026-Q2-001","entry":%q,"values":["text"]}`, noted.ID))
	w.says(w.call("get-evidence", 200), `"checkpoint":"releases-record/`, `.erasure"`)
	if _, err := w.functions["record-mail-feedback"](t.Context(), must(json.Marshal(w.event("record-mail-feedback")))); err != nil {
		t.Error(err)
	}
	policy, _ := json.Marshal(w.invoke("authorize", w.event("authorize")))
	w.says(string(policy), `"Effect":"Deny"`, `/live/*/*`)
	w.call("delete-release", 409)
	w.says(w.call("api-docs", 200), "openapi")

	// No function was left out, and none did what its policy does not allow.
	for function := range w.functions {
		if !w.tried[function] {
			t.Errorf("this test does not try %s: give it a line", function)
		}
	}
	for _, denied := range w.guard.Denied() {
		t.Errorf("denied: %s", denied)
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}
