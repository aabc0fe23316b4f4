package rest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/testkit/meter"
)

// growth measures what operations cost as the number of one thing grows.
type growth struct {
	*fixture
	metered *fixture
	store   *dynamo.Store // of metered
	meter   *meter.Meter
	csv     strings.Builder
}

// measure makes one request and adds a line to the CSV.
func (g *growth) measure(with string, n int, operation operations.Name, a ask) {
	g.Helper()
	g.meter.Take()
	if got := g.metered.send(admin, a); got.Code >= 300 {
		g.Errorf("%s with %d %s: %d %s", operation, n, with, got.Code, got.text)
	}
	c := g.meter.Take()
	fmt.Fprintf(&g.csv, "%s,%d,%s,%d,%v,%v,%v\n", with, n, operation, c.Total(), c.Read, c.Written, c.Indexes)
}

// BenchmarkGrowth writes how cost grows with change requests, tasks, log entries and
// releases to docs/performance/growth.csv, from which `make performance` draws the plots.
//
//	go test ./shared/rest -run '^$' -bench Growth -benchtime 1x -update
func BenchmarkGrowth(b *testing.B) {
	for range b.N {
		w := newFixture(b)
		m := meter.New(w.Client)
		store := w.Open(m.Option)
		g := &growth{fixture: w, metered: w.on(store), store: store, meter: m}
		g.csv.WriteString("with,n,operation,requests,read,write,index\n")
		for _, n := range []int{1, 10, 25, 45, 50, 75, 100} {
			g.withChanges(n)
		}
		for _, n := range []int{1, 25, 100, 250, 500, 1000} {
			g.withEntries(n)
		}
		for _, n := range []int{1, 10, 100, 500, 1000} {
			g.withTasks(n)
		}
		for _, n := range []int{10, 100, 500, 1000} {
			g.withReleases(n)
		}
		if *update {
			if err := os.WriteFile(filepath.Join("..", "..", "docs", "performance", "growth.csv"), []byte(g.csv.String()), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

func (g *growth) withChanges(n int) {
	g.measure("change requests", n, operations.CreateRelease, ask{route: "POST /releases", body: typicalPlan(g.fixture, n)})
	id := typical(g.fixture, n, 0)
	g.measure("change requests", n, operations.GetRelease, ask{route: "GET /releases/" + id})
	g.measure("change requests", n, operations.CheckReadiness, ask{route: "GET /releases/" + id + "/readiness"})
	g.measure("change requests", n, operations.UpdateRelease, ask{route: "PATCH /releases/" + id, body: object{"name": "Another"}})
	g.measure("change requests", n, operations.TransitionRelease, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}})
	g.transition(id, "cancelled")
	g.settle()
	g.measure("change requests", n, operations.DeleteRelease, ask{route: "DELETE /releases/" + id})
}

func (g *growth) withEntries(n int) {
	id := typical(g.fixture, 5, 0)
	var writers errgroup.Group
	writers.SetLimit(8)
	for range n {
		writers.Go(func() error {
			g.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": strings.Repeat("t", 100)}})
			return nil
		})
	}
	_ = writers.Wait()
	g.measure("log entries", n, operations.GetRelease, ask{route: "GET /releases/" + id})
	g.measure("log entries", n, operations.ListLog, ask{route: "GET /releases/" + id + "/log"})
	g.measure("log entries", n, operations.AppendLog, ask{route: "POST /releases/" + id + "/log", body: object{"text": strings.Repeat("t", 100)}})
	g.measure("log entries", n, operations.TransitionRelease, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}})
}

func (g *growth) withTasks(n int) {
	change := linkedChange(g.fixture, "Standard")
	var clients errgroup.Group
	clients.SetLimit(8)
	for range n {
		clients.Go(func() error {
			g.task("rita@example.com", change)
			return nil
		})
	}
	_ = clients.Wait()
	id := g.must(viewer, ask{route: "GET /change-requests/" + change})["linkedRelease"].(map[string]any)["id"].(string)
	g.measure("tasks", n, operations.ListTasks, ask{route: "GET /tasks?changeRequestId=" + change})
	g.measure("tasks", n, operations.CheckReadiness, ask{route: "GET /releases/" + id + "/readiness"})
	g.measure("tasks", n, operations.DecideChange, ask{route: "POST /change-requests/" + change + "/decision", body: object{"decision": "approved"}})
	g.transition(id, "approved", "scheduled", "in-progress")
	g.measure("tasks", n, operations.TransitionRelease, ask{route: "POST /releases/" + id + "/status", body: object{"status": "deployed"}})
	g.settling("tasks", n)
}

// settling measures what the consumers of the streams do after a deployment.
func (g *growth) settling(with string, n int) {
	g.meter.Take()
	g.settleWith(g.store)
	c := g.meter.Take()
	fmt.Fprintf(&g.csv, "%s,%d,settlement,%d,%v,%v,%v\n", with, n, c.Total(), c.Read, c.Written, c.Indexes)
}

func (g *growth) withReleases(n int) {
	for range n {
		g.must(admin, ask{route: "POST /releases", body: object{"name": "A release"}})
	}
	id := typical(g.fixture, 5, 0)
	g.measure("releases", n, operations.ListReleases, ask{route: "GET /releases"})
	g.measure("releases", n, operations.GetRelease, ask{route: "GET /releases/" + id})
	g.measure("releases", n, operations.CreateRelease, ask{route: "POST /releases", body: typicalPlan(g.fixture, 5)})
	g.measure("releases", n, operations.TransitionRelease, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}})
}
