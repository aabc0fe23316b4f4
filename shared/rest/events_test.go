package rest_test

import (
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

// eventCase is the answer to an operation's payload in events/, sent to tables on which the payloads of
// other operations were sent before.
type eventCase struct {
	after  []operations.Name // the operations whose payloads are sent first
	enters []string          // the statuses that REL-2026-Q2-001 enters then
	status int
	holds  string // a part of the answer
}

// Payloads to be sent first, named after what they leave.
var (
	releasePlanned  = []operations.Name{operations.CreateChange, operations.CreateRelease}
	releaseNoted    = []operations.Name{operations.CreateChange, operations.CreateRelease, operations.AppendLog}
	changeDecided   = []operations.Name{operations.CreateChange, operations.CreateRelease, operations.DecideChange}
	releaseApproved = []operations.Name{operations.CreateChange, operations.CreateRelease, operations.DecideChange, operations.TransitionRelease}
	taskLinked      = []operations.Name{operations.CreateChange, operations.CreateTask, operations.CreateRelease}
)

func TestEvents_EachPayload_IsAnswered(t *testing.T) {
	for _, c := range contracts {
		t.Run(string(c.operation), func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			w.must(admin, ask{route: "POST /change-requests", body: object{"id": "CHG-1002", "changeType": "Standard"}})
			for _, op := range c.event.after {
				if got := w.payload(t, op); got.StatusCode >= 300 {
					t.Fatalf("%s, which comes first: %d %s", op, got.StatusCode, got.Body)
				}
			}
			w.transition("REL-2026-Q2-001", c.event.enters...)
			if got := w.payload(t, c.operation); got.StatusCode != c.event.status || !strings.Contains(got.Body, c.event.holds) {
				t.Errorf("its payload is answered %d, want %d with %s; %s", got.StatusCode, c.event.status, c.event.holds, got.Body)
			}
		})
	}
}

// payload sends the payload of an operation to its function's handler.
func (w *fixture) payload(t *testing.T, op operations.Name) events.APIGatewayProxyResponse {
	t.Helper()
	route, _ := rest.Find(rest.Routes(), op)
	got, err := host.APIHandler(rest.Handler(operations.New(w.Store), route))(t.Context(), payload(t, op))
	if err != nil {
		t.Fatal(err)
	}
	return got
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
