package rest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/testkit/meter"
)

var update = flag.Bool("update", false, "write docs/performance/operations.md anew")

// pricedRequest is a request with which the cost of an operation is measured.
type pricedRequest struct {
	operation operations.Name
	what      string
	request   func(*fixture) ask
}

// fromContract returns the request with which the roles of an operation are tried.
func fromContract(w *fixture, op operations.Name) pricedRequest {
	w.Helper()
	row := contractOf(op)
	if len(row.roles) == 0 {
		w.Fatalf("nothing asks for %s", op)
	}
	return pricedRequest{op, "as in the matrix of roles", func(w *fixture) ask { return row.roles[0].request(w).ask }}
}

// priced are the requests whose cost is measured, on data of a usual size (see typical). An operation
// that has none here is measured with the request of its contract's roles.
var priced = []pricedRequest{
	{operations.ListReleases, "a page of 25", func(w *fixture) ask {
		for n := range 30 {
			w.must(admin, ask{route: "POST /releases", body: object{"name": strings.Repeat("n", 118) + fmt.Sprint(10+n)}})
		}
		return ask{route: "GET /releases"}
	}},
	{operations.ListReleases, "a page of 25 of one status", func(*fixture) ask { return ask{route: "GET /releases?status=planned"} }},
	{operations.CreateRelease, "without change requests", func(w *fixture) ask { return ask{route: "POST /releases", body: typicalPlan(w, 0)} }},
	{operations.CreateRelease, "with 20", func(w *fixture) ask { return ask{route: "POST /releases", body: typicalPlan(w, 20)} }},
	{operations.CreateRelease, "with 20 and an Idempotency-Key", func(w *fixture) ask {
		return ask{route: "POST /releases", body: typicalPlan(w, 20), headers: []string{"Idempotency-Key: " + newKey("cost")}}
	}},
	{operations.CreateRelease, "with 100", func(w *fixture) ask { return ask{route: "POST /releases", body: typicalPlan(w, 100)} }},
	{operations.GetRelease, "20 change requests, 20 log entries", func(w *fixture) ask { return ask{route: "GET /releases/" + typical(w, 20, 20)} }},
	{operations.GetRelease, "100 change requests, 500 log entries", func(w *fixture) ask { return ask{route: "GET /releases/" + typical(w, 100, 500)} }},
	{operations.UpdateRelease, "the name", func(w *fixture) ask {
		return ask{route: "PATCH /releases/" + typical(w, 20, 0), body: object{"name": "Another name"}}
	}},
	{operations.UpdateRelease, "the window, in scheduled", func(w *fixture) ask {
		return ask{route: "PATCH /releases/" + typical(w, 20, 0, "approved", "scheduled"), body: object{"scheduledStart": "2099-05-02T20:00:00Z", "scheduledEnd": "2099-05-02T22:00:00Z"}}
	}},
	{operations.DeleteRelease, "with 20 change requests", func(w *fixture) ask { return ask{route: "DELETE /releases/" + typical(w, 20, 0)} }},
	{operations.AddChanges, "10 to 20", func(w *fixture) ask {
		return ask{route: "POST /releases/" + typical(w, 20, 0) + "/add-changes", body: object{"add": w.changes(10)}}
	}},
	{operations.CheckReadiness, "20 change requests, a task each", func(w *fixture) ask { return ask{route: "GET /releases/" + typical(w, 20, 0) + "/readiness"} }},
	{operations.AppendLog, "100 bytes", func(w *fixture) ask {
		return ask{route: "POST /releases/" + typical(w, 20, 20) + "/log", body: object{"text": strings.Repeat("t", 100)}}
	}},
	{operations.AppendLog, "100 bytes that hold it", func(w *fixture) ask {
		return ask{route: "POST /releases/" + typical(w, 20, 20) + "/log", body: object{"text": strings.Repeat("t", 100), "hold": true}}
	}},
	{operations.LiftHold, "one of two", func(w *fixture) ask {
		id := typical(w, 20, 20)
		w.hold(auditor, id, strings.Repeat("t", 100))
		w.hold(admin, id, strings.Repeat("t", 100))
		return ask{route: "DELETE /releases/" + id + "/hold"}
	}},
	{operations.ListLog, "a page of 25", func(w *fixture) ask { return ask{route: "GET /releases/" + typical(w, 20, 60) + "/log"} }},
	{operations.GetReview, "20 change requests, 20 log entries", func(w *fixture) ask { return ask{route: "GET /releases/" + typical(w, 20, 20) + "/review"} }},
	{operations.GetCheckpoint, "its head", func(w *fixture) ask {
		w.seal()
		return ask{route: "GET /record/checkpoint"}
	}},
	{operations.GetEvidence, "20 change requests, 20 log entries, all sealed", func(w *fixture) ask {
		id := typical(w, 20, 20)
		w.seal()
		return ask{route: "GET /releases/" + id + "/evidence"}
	}},
	{operations.EraseWords, "a text", func(w *fixture) ask {
		return ask{route: "POST /record/erasures", body: object{"releaseId": typical(w, 0, 1), "entry": "e0.1", "values": []string{"text"}}}
	}},
	{operations.CompleteStep, "one of three", func(w *fixture) ask {
		return ask{route: "POST /releases/" + typical(w, 20, 0, "approved", "scheduled") + "/steps/rollout/1", body: object{"completed": true}}
	}},
	{operations.TransitionRelease, "to approved", transition("approved")},
	{operations.TransitionRelease, "to approved, with an Idempotency-Key", func(w *fixture) ask {
		a := transition("approved")(w)
		a.headers = []string{"Idempotency-Key: " + newKey("cost")}
		return a
	}},
	{operations.TransitionRelease, "to scheduled", transition("approved", "scheduled")},
	{operations.TransitionRelease, "to in-progress", transition("approved", "scheduled", "in-progress")},
	{operations.TransitionRelease, "to deployed", transition("approved", "scheduled", "in-progress", "deployed")},
	{operations.TransitionRelease, "to rolled-back", transition("approved", "scheduled", "in-progress", "deployed", "rolled-back")},
	{operations.TransitionRelease, "to cancelled", transition("approved", "scheduled", "cancelled")},
	{operations.ListChanges, "a page of 25", func(w *fixture) ask { w.changes(30); return ask{route: "GET /change-requests"} }},
	{operations.CreateChange, "Normal", func(*fixture) ask {
		return ask{route: "POST /change-requests", body: typicalChange("Normal")}
	}},
	{operations.GetChange, "in a release", func(w *fixture) ask { return ask{route: "GET /change-requests/" + linkedChange(w, "Standard")} }},
	{operations.UpdateChange, "the title, in a release, approved before", func(w *fixture) ask {
		id := linkedChange(w, "Normal")
		w.must(admin, ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "approved"}})
		return ask{route: "PATCH /change-requests/" + id, body: object{"title": "Another title"}}
	}},
	{operations.DecideChange, "in a release", func(w *fixture) ask {
		return ask{route: "POST /change-requests/" + linkedChange(w, "Normal") + "/decision", body: object{"decision": "approved", "note": "Seen by the CAB."}}
	}},
	{operations.ListChangeLog, "a page", func(w *fixture) ask {
		return ask{route: "GET /change-requests/" + linkedChange(w, "Standard") + "/log"}
	}},
	{operations.ListTasks, "a page of 25 of one person", func(w *fixture) ask {
		change := linkedChange(w, "Standard")
		for range 30 {
			w.task("rita@example.com", change)
		}
		return ask{route: "GET /tasks?requesterEmail=rita@example.com"}
	}},
	{operations.CreateTask, "of a change request", func(w *fixture) ask {
		return ask{route: "POST /tasks", body: object{"id": newKey("TASK"), "title": "A laptop", "requesterEmail": "rita@example.com", "changeRequestId": linkedChange(w, "Standard")}}
	}},
	{operations.GetTask, "of a change request in a release", func(w *fixture) ask {
		return ask{route: "GET /tasks/" + w.task("rita@example.com", linkedChange(w, "Standard"))}
	}},
	{operations.UpdateTask, "its status", func(w *fixture) ask {
		return ask{route: "PATCH /tasks/" + w.task("rita@example.com", linkedChange(w, "Standard")), body: object{"status": "InProgress"}}
	}},
}

func typicalChange(kind string) object {
	return object{
		"id": newKey("CHG"), "changeType": kind, "title": strings.Repeat("t", 60), "description": strings.Repeat("d", 300), "controlId": "AC-2", "controlTitle": "Account management",
		"affectedCiIds": []string{"app-server-1"},
	}
}

func typicalPlan(w *fixture, changes int) object {
	w.Helper()
	ids := []string{}
	for range changes {
		c := typicalChange("Standard")
		w.must(admin, ask{route: "POST /change-requests", body: c})
		ids = append(ids, c["id"].(string))
	}
	steps := []object{}
	for n := range 3 {
		steps = append(steps, object{"order": n + 1, "description": strings.Repeat("s", 40), "ownerEmail": "otto@example.com", "estimatedMinutes": 15})
	}
	return object{
		"name": strings.Repeat("n", 40), "version": "4.2", "description": strings.Repeat("d", 150), "scheduledStart": "2099-05-01T20:00:00Z", "scheduledEnd": "2099-05-01T22:00:00Z",
		"releaseManager": "Ada Admin", "releaseManagerEmail": "ada@example.com", "rolloutSteps": steps, "rollbackSteps": steps[:2], "successCriteria": strings.Repeat("c", 100),
		"linkedChangeRequestIds": ids,
	}
}

// typical creates a release of about two kilobytes, with change requests that have a task each, and
// with log entries, and takes it through statuses.
func typical(w *fixture, changes, entries int, statuses ...string) string {
	w.Helper()
	plan := typicalPlan(w, changes)
	id := w.must(admin, ask{route: "POST /releases", body: plan})["id"].(string)
	for _, change := range plan["linkedChangeRequestIds"].([]string) {
		w.task("rita@example.com", change)
	}
	for range entries {
		w.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": strings.Repeat("t", 100)}})
	}
	w.transition(id, statuses...)
	return id
}

// transition returns the transition to the last of these statuses, of a release that has been through
// the others.
func transition(statuses ...string) func(*fixture) ask {
	return func(w *fixture) ask {
		last := len(statuses) - 1
		body := object{"status": statuses[last], "note": "As decided."}
		if statuses[last] == "rolled-back" {
			body = object{"status": "rolled-back", "rollback_reason": "Errors rose to 4 %."}
		}
		id := typical(w, 20, 0, statuses[:last]...)
		w.followed(id)
		return ask{route: "POST /releases/" + id + "/status", body: body}
	}
}

// followed does what the consumers do after a transition: announces it, and completes its settlement.
// In practice that is done before the next one comes. Otherwise the next one would find the release in
// the index of what needs attention, and cost two units more if it comes in another second.
func (w *fixture) followed(id string) {
	w.Helper()
	ctx := context.Background()
	r, err := w.Store.Release(ctx, id)
	if err != nil {
		w.Fatal(err)
	}
	epoch := len(r.History)
	if r.Settling != nil && r.Settling.Epoch == epoch {
		for _, change := range r.Settling.Unsettled {
			if err := w.Store.ChangeIsThrough(ctx, id, epoch, change, dynamo.Followed{Tasks: 1}, time.Now()); err != nil {
				w.Fatal(err)
			}
		}
	}
	if epoch > 0 {
		if err := w.Store.MarkAnnounced(ctx, id, epoch); err != nil {
			w.Fatal(err)
		}
	}
}

func linkedChange(w *fixture, kind string) string {
	c := typicalChange(kind)
	w.must(admin, ask{route: "POST /change-requests", body: c})
	plan := typicalPlan(w, 0)
	plan["linkedChangeRequestIds"] = []any{c["id"]}
	w.must(admin, ask{route: "POST /releases", body: plan})
	return c["id"].(string)
}

// cost is what a request took.
type cost struct {
	operation operations.Name
	what      string
	meter.Reading
}

func (c cost) row() string {
	return fmt.Sprintf("| %s | %s | %d | %s | %v | %v | %v |", c.operation, c.what, c.Total(), c, c.Read, c.Written, c.Indexes)
}

func (c cost) figure() string {
	return fmt.Sprintf("%d requests, %v R, %v + %v W", c.Total(), c.Read, c.Written, c.Indexes)
}

// documented returns the figure that the page has for it.
func (c cost) documented(lines []string) string {
	for _, line := range lines {
		cells := strings.Split(line, " | ")
		if strings.HasPrefix(line, fmt.Sprintf("| %s | %s | ", c.operation, c.what)) && len(cells) == 7 {
			return fmt.Sprintf("%s requests, %s R, %s + %s W", cells[2], cells[4], cells[5], strings.TrimSuffix(cells[6], " |"))
		}
	}
	return "not documented"
}

// measureCosts makes each request, and measures it.
func measureCosts(w *fixture) []cost {
	w.Helper()
	m := meter.New(w.Client)
	metered := w.on(w.Open(m.Option))
	var all []cost
	price := priced
	for _, r := range rest.Routes() {
		if !slices.ContainsFunc(price, func(p pricedRequest) bool { return p.operation == r.Operation }) {
			price = append(price, fromContract(w, r.Operation))
		}
	}
	for _, p := range price {
		request := p.request(w)
		m.Take()
		if got := metered.send(admin, request); got.Code >= 300 {
			w.Errorf("%s (%s): %d %s", p.operation, p.what, got.Code, got.text)
		}
		all = append(all, cost{p.operation, p.what, m.Take()})
	}
	return all
}

var costsFile = filepath.Join("..", "..", "docs", "performance", "operations.md")

// docs/performance/operations.md says what each operation costs in requests and capacity units. If an
// operation makes one request more or less, or reads or writes another size, the test names it. No
// operation scans a table.
func TestCosts_EachOperation_AreThoseOfTheDocs(t *testing.T) {
	t.Parallel()
	rows := map[operations.Name]int{}
	lines := strings.Split(strings.TrimSuffix(costsHead, "\n"), "\n")
	for _, c := range measureCosts(newFixture(t)) {
		rows[c.operation]++
		if c.Requests["Scan"] > 0 || c.Total() == 0 {
			t.Errorf("%s (%s): %v", c.operation, c.what, c)
		}
		lines = append(lines, c.row())
	}
	for _, r := range rest.Routes() {
		if rows[r.Operation] == 0 {
			t.Errorf("no request measures what %s costs", r.Operation)
		}
	}
	if *update {
		if err := os.WriteFile(costsFile, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored := documentedCosts(t)
	if len(lines) != len(stored) {
		t.Errorf("%d lines were measured, and the page has %d", len(lines), len(stored))
	}
	for n := range min(len(lines), len(stored)) {
		if lines[n] != stored[n] {
			t.Errorf("measured:   %s\ndocumented: %s", lines[n], stored[n])
		}
	}
}

func documentedCosts(t testing.TB) []string {
	t.Helper()
	page, err := os.ReadFile(costsFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(page), "\n"), "\n")
}

// BenchmarkCosts reports what each operation costs, with the page of the docs as its budget.
func BenchmarkCosts(b *testing.B) {
	for range b.N {
		documented := documentedCosts(b)
		for _, c := range measureCosts(newFixture(b)) {
			budget.ReportOperation(b, fmt.Sprintf("%s: %s", c.operation, c.what), c.figure(), c.documented(documented))
		}
		b.ReportMetric(0, "ns/op")
	}
}

const costsHead = `# What each operation costs

Requests to DynamoDB and the capacity units that AWS charges for them, on data of a usual size: a release of about two
kilobytes, change requests of 600 bytes, log entries of 100 bytes of text. Units of reads are the engine's; those of writes
are worked out from the items before and after them by AWS's published rules (package ` + "`shared/testkit/meter`" + `), since
DynamoDB Local is wrong about transactions and indexes. An index's writes are counted once, also where the
table's are in a transaction.

This page is written by the test that holds it: ` + "`go test ./shared/rest -run Costs -update`" + `.

| operation | on what | requests | which | read units | write units, table | write units, indexes |
|---|---|---|---|---|---|---|
`
