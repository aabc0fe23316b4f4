package rest_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

// The payloads under events, in an order in which each finds what it asks for, with
// what each is answered and a part of it.
var payloads = []struct {
	operation operations.Name
	status    int
	holds     string
}{
	{"create-change", 201, `"id":"CHG-1001","changeType":"Normal","cabDecision":"pending"`},
	{"list-changes", 200, `"id":"CHG-1001"`},
	{"create-task", 201, `"id":"TASK-1001"`},
	{"create-release", 201, `"id":"REL-2026-Q2-001","status":"planned"`},
	{"list-releases", 200, `"id":"REL-2026-Q2-001"`},
	{"get-change", 200, `"linkedRelease":{"id":"REL-2026-Q2-001"`},
	{"list-tasks", 200, `"badge":"Linked Release: REL-2026-Q2-001"`},
	{"get-task", 200, `"badge":"Linked Release: REL-2026-Q2-001"`},
	{"update-change", 200, `"controlTitle":"Access control"`},
	{"update-task", 200, `"status":"InProgress"`},
	{"check-readiness", 200, `"changeRequests":["CHG-1001"]`},
	{"update-release", 200, `"scheduledEnd":"2026-06-27T23:30:00Z"`},
	{"decide-change", 200, `"cabDecision":"approved","approvalStatus":"Approved"`},
	{"list-change-log", 200, `"kind":"decision"`},
	{"get-review", 200, "# Review of REL-2026-Q2-001"},
	{"get-checkpoint", 404, `"code":"nothing-sealed"`},
	{"add-changes", 200, `"added":["CHG-1002"]`},
	{"append-log", 201, `"author":"Otto Auditor"`},
	{"lift-hold", 204, ``},
	{"erase-words", 201, `"erased":{"entry":"e0.1","values":["text"]}`},
	{"get-evidence", 200, `"evidenceVersion":1,"releaseId":"REL-2026-Q2-001"`},
	{"transition-release", 200, `"status":"approved"`},
	{"get-release", 200, `"text":"planned → approved\nNote: CAB of 1 April."`},
	{"complete-step", 200, `"completed":true,"completedBy":"Ada Admin"`},
	{"list-log", 200, `"text":"rollout step 1 completed: Drain the old gateway"`},
	{"delete-release", 204, ``},
}

func TestEvents_EachPayload_IsAnswered(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.must(admin, ask{route: "POST /change-requests", body: object{"id": "CHG-1002", "changeType": "Standard"}})
	tried := map[operations.Name]bool{}
	for _, p := range payloads {
		tried[p.operation] = true
		switch p.operation {
		case operations.CompleteStep:
			w.transition("REL-2026-Q2-001", "scheduled")
		case operations.DeleteRelease:
			w.transition("REL-2026-Q2-001", "cancelled")
		}
		route, _ := rest.Find(rest.Routes(), p.operation)
		handler := host.APIHandler(rest.Handler(operations.New(w.Store), route))
		got, err := handler(context.Background(), payload(t, p.operation))
		if err != nil || got.StatusCode != p.status || !strings.Contains(got.Body, p.holds) {
			t.Errorf("%s: %v, %d, want %d with %s; %s", p.operation, err, got.StatusCode, p.status, p.holds, got.Body)
		}
	}
	if len(tried) == 0 || len(tried) != len(rest.Routes()) {
		t.Errorf("%d payloads for %d routes", len(tried), len(rest.Routes()))
	}
}

func payload(t *testing.T, op operations.Name) events.APIGatewayProxyRequest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "events", string(op)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var event events.APIGatewayProxyRequest
	if err := json.Unmarshal(raw, &event); err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return event
}
