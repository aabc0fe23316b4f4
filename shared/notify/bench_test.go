package notify_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkHeadsUp prints what a run of the schedule reads of a release with 100 change
// requests, each on a configuration item of its own, and 1,000 tasks of 400 people: the
// ground of the cost estimate in docs/operations.md.
//
//	go test ./shared/notify -run '^$' -bench HeadsUp -benchtime 1x
func BenchmarkHeadsUp(b *testing.B) {
	for range b.N {
		w := newFixture(b, fixtureOptions{})
		var changes []string
		for n := range 100 {
			id := fmt.Sprintf("CHG-%03d", n)
			w.change(id, fmt.Sprintf("ci-%03d", n))
			changes = append(changes, id)
		}
		for n := range 1000 {
			w.task(fmt.Sprintf("REQ-%04d", n), fmt.Sprintf("person-%03d", n%400), changes[n%100])
		}
		w.scheduled(began.Add(60*hour), hour, changes...)
		var m meter.Meter
		planner := plan.New(w.Open(m.Option)).WithPublicURL("https://releases.example.com", true).WithClock(w.now)
		run := func(name, event string) {
			report, err := planner.Run(w.ctx, json.RawMessage(event))
			if err != nil {
				b.Fatal(err)
			}
			n := m.Take()
			b.Logf("%-44s %4d requests, %6.1f read units, %d jobs", name, n.Requests, n.Base+n.Indexes, report.Opened)
		}
		run("heads-up: the first look", `{"sparing":true}`)
		w.plan()
		w.send()
		run("heads-up: everybody is told, a whole look", `{}`)
		w.turn(30 * time.Minute)
		run("heads-up: everybody is told, sparing", `{"sparing":true}`)
		w.turn(6 * hour)
		run("heads-up: the same six hours later", `{"sparing":true}`)
		b.ReportMetric(0, "ns/op")
	}
}
