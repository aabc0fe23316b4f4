package openapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/openapi"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
)

var update = flag.Bool("update", false, "write the document and the page anew")

// The examples come from a story that is really played, so they are true; the document
// that the functions serve is the one that the routes and types make.
func TestDocument_RoutesAndTypes_AreWhatIsServed(t *testing.T) {
	document, err := openapi.Document(rest.Routes(), guideRun(t))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi.json", document)
	page, err := openapi.Page(document)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "docs.html", page)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "apidocs", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the routes and types say now (%v); look at the difference of: go test ./shared/rest/openapi -update", file, err)
	}
}

// teller plays requests at a clock of its own and keeps the one that each operation is
// shown with.
type teller struct {
	*testing.T
	now      time.Time
	store    *dynamo.Store
	examples map[string]openapi.Example
}

func guideRun(t *testing.T) map[string]openapi.Example {
	s := &teller{t, time.Date(2026, 4, 1, 9, 30, 0, 0, time.UTC), testkit.New(t).Store, map[string]openapi.Example{}}
	s.plan()
	s.carryOut()
	return s.examples
}

func (s *teller) plan() {
	s.run("create-change", "POST /change-requests", `{"id":"CHG-1001","changeType":"Normal","title":"Mail gateway 4.2","controlId":"A.8.20","affectedCiIds":["ci-mail-1"],"justification":"The old version gets no security updates any more.","risk":"Medium","impact":"Mail is late by up to 15 minutes.","backoutPlan":"Point the MX record back to the old gateway."}`)
	s.run("", "POST /change-requests", `{"id":"CHG-1002","changeType":"Standard","title":"Renew the gateway's certificate","controlId":"A.8.24","controlTitle":"Use of cryptography"}`)
	s.run("update-change", "PATCH /change-requests/CHG-1001", `{"controlTitle":"Networks security","scheduledStart":"2026-06-27T20:30:00Z"}`)
	s.run("create-task", "POST /tasks", `{"id":"TASK-1001","title":"Mail to partners is slow","requesterName":"Rita Requester","requesterEmail":"rita@example.com","ciIds":["ci-mail-1"],"changeRequestId":"CHG-1001"}`)
	s.run("update-task", "PATCH /tasks/TASK-1001", `{"status":"InProgress"}`)
	s.run("create-release", "POST /releases", `{"name":"Mail gateway 4.2","version":"4.2.0","scheduledStart":"2026-06-27T20:00:00Z","scheduledEnd":"2026-06-27T23:00:00Z",`+
		`"releaseManager":"Ada Admin","releaseManagerEmail":"ada@example.com","linkedChangeRequestIds":["CHG-1001"],`+
		`"rolloutSteps":[{"order":1,"description":"Switch the MX records","ownerEmail":"otto@example.com","estimatedMinutes":30}],`+
		`"rollbackSteps":[{"order":1,"description":"Point the MX records back","ownerEmail":"otto@example.com","estimatedMinutes":10}],`+
		`"successCriteria":"99 of 100 test mails arrive within 60 seconds."}`)
	s.run("add-changes", "POST /releases/REL-2026-Q2-001/add-changes", `{"add":["CHG-1002"]}`)
	s.run("update-release", "PATCH /releases/REL-2026-Q2-001", `{"scheduledEnd":"2026-06-27T23:30:00Z","publicSummary":"Mail may be delayed by a few minutes."}`)
	s.run("check-readiness", "GET /releases/REL-2026-Q2-001/readiness", "")
	s.run("decide-change", "POST /change-requests/CHG-1001/decision", `{"decision":"approved","note":"CAB of 1 April"}`)
	s.run("list-changes", "GET /change-requests?approvalStatus=Approved&limit=1", "")
	s.run("transition-release", "POST /releases/REL-2026-Q2-001/status", `{"status":"approved","note":"CAB of 1 April"}`)
	s.run("list-releases", "GET /releases?status=approved", "")
}

func (s *teller) carryOut() {
	s.run("", "POST /releases/REL-2026-Q2-001/status", `{"status":"scheduled"}`)
	s.now = time.Date(2026, 6, 27, 20, 0, 0, 0, time.UTC)
	s.run("", "POST /releases/REL-2026-Q2-001/status", `{"status":"in-progress"}`)
	s.run("complete-step", "POST /releases/REL-2026-Q2-001/steps/rollout/1", `{"completed":true}`)
	s.run("append-log", "POST /releases/REL-2026-Q2-001/log", `{"text":"100 of 100 test mails arrived within 9 seconds.","status":"in-progress"}`)
	s.run("list-log", "GET /releases/REL-2026-Q2-001/log?limit=2", "")
	s.run("", "POST /releases/REL-2026-Q2-001/log", `{"text":"One of the test mails came back.","hold":true}`)
	s.run("lift-hold", "DELETE /releases/REL-2026-Q2-001/hold", "")
	s.run("", "POST /releases/REL-2026-Q2-001/status", `{"status":"deployed"}`)
	sweep := settle.Sweep{Settler: settle.New(s.store).WithClock(func() time.Time { return s.now }), Announce: func(context.Context, release.Release, int) error { return nil }}
	if _, err := sweep.Before(s.Context(), s.now.Add(time.Hour), s.now); err != nil {
		s.Fatal(err)
	}
	s.run("get-release", "GET /releases/REL-2026-Q2-001", "")
	s.run("get-review", "GET /releases/REL-2026-Q2-001/review", "")
	s.run("erase-words", "POST /record/erasures", fmt.Sprintf(`{"releaseId":"REL-2026-Q2-001","entry":%q,"values":["text"]}`, s.entry("100 of 100")))
	s.examples["get-evidence"] = openapi.Example{Answer: evidenceExample(s)}
	s.run("get-change", "GET /change-requests/CHG-1001", "")
	if _, err := s.store.Sealer(dynamo.Generation{Number: 1}).Seal(s.Context(), func() time.Time { return s.now }); err != nil {
		s.Fatal(err)
	}
	s.run("get-checkpoint", "GET /record/checkpoint", "")
	s.checkpoint()
	s.run("list-change-log", "GET /change-requests/CHG-1001/log?kind=decision", "")
	s.run("get-task", "GET /tasks/TASK-1001", "")
	s.run("list-tasks", "GET /tasks?requesterEmail=rita@example.com&status=Resolved", "")
	s.run("", "POST /releases", `{"name":"A mistake"}`)
	s.run("delete-release", "DELETE /releases/REL-2026-Q2-002", "")
}

// entry is the id of the entry of the release's log that begins so.
func (s *teller) entry(begin string) string {
	s.Helper()
	var page struct{ Entries []struct{ ID, Text string } }
	if err := json.Unmarshal(s.ask("GET /releases/REL-2026-Q2-001/log?limit=100", "").Body.Bytes(), &page); err != nil {
		s.Fatal(err)
	}
	for _, e := range page.Entries {
		if strings.HasPrefix(e.Text, begin) {
			return e.ID
		}
	}
	s.Fatalf("the log has no entry that begins %q: %v", begin, page.Entries)
	return ""
}

// checkpoint puts another one in the place of the example's, whose root is different each
// time: salts are in what it is of.
func (s *teller) checkpoint() {
	var text string
	e := s.examples["get-checkpoint"]
	if err := json.Unmarshal(e.Answer, &text); err != nil {
		s.Fatal(err)
	}
	c, err := record.ParseCheckpoint(text + "\n") // run cuts white space
	if err != nil {
		s.Fatal(err)
	}
	c.Origin.Installation, c.Root = "K7QO3F2LWMZ5XJ4TB6YDNAEVHS", record.EmptyRoot()
	e.Answer, _ = json.Marshal(c.String()) // a text has no error
	s.examples["get-checkpoint"] = e
}

// evidenceExample is evidence that was kept: it has random salts, and would be another each
// time.
func evidenceExample(t *teller) json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(raw)
}

// The example of evidence is one that holds.
func TestExample_OfEvidence_Holds(t *testing.T) {
	pages, err := record.ReadEvidence("the example", evidenceExample(&teller{T: t}))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := record.Verify(pages, nil, record.SealedWithin); err != nil || v.Entries != 2 {
		t.Errorf("%+v, %v", v, err)
	}
}

// ask sends a request, and wants success.
func (s *teller) ask(route, body string) *httptest.ResponseRecorder {
	s.Helper()
	clock := s.now
	ops := operations.New(s.store).WithClock(func() time.Time { return clock })
	method, path, _ := strings.Cut(route, " ")
	r := httptest.NewRequest(method, rest.Base+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r = r.WithContext(release.WithCaller(r.Context(), release.Caller{
		Person: release.Person{Subject: "8d0c7d0e", Name: "Ada Admin", Email: "ada@example.com", EmailVerified: true}, Role: release.Admin,
	}))
	w := httptest.NewRecorder()
	rest.Handler(ops, rest.Routes()...).ServeHTTP(w, r)
	if w.Code >= 300 {
		s.Fatalf("%s: %d %s", route, w.Code, w.Body)
	}
	return w
}

// run sends a request a minute after the one before. It becomes the operation's example, if one is
// named.
func (s *teller) run(operation, route, body string) {
	s.Helper()
	s.now = s.now.Add(time.Minute)
	w := s.ask(route, body)
	if operation != "" {
		answer := bytes.TrimSpace(w.Body.Bytes())
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && len(answer) > 0 {
			answer, _ = json.Marshal(string(answer)) // a text has no error
		}
		s.examples[operation] = openapi.Example{Body: json.RawMessage(body), Answer: answer}
	}
}
