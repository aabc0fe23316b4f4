package notify_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkHeadsUp prints what a run of the schedule costs with 10,000 releases that start at the
// same time: while none of them is due, and when all become due at once. Then it prints what the
// planning of one release costs that has 100 change requests, each on a configuration item of its
// own, and 1,000 tasks of 400 people. The cost estimate in docs/operations.md rests on it.
//
//	go test ./shared/notify -run '^$' -bench HeadsUp -benchtime 1x
func BenchmarkHeadsUp(b *testing.B) {
	for range b.N {
		w := newFixture(b, fixtureOptions{})
		m := meter.New(w.Client)
		planner := plan.New(w.Open(m.Option)).WithPublicURL("https://releases.example.com", true).WithClock(w.now)
		run := func(name string) meter.Reading {
			began := time.Now()
			var report plan.Report
			heap := peakHeap(func() { report = must(planner.Run(w.ctx, json.RawMessage(`{"sparing":true}`)))(b) })
			n := m.Take()
			b.Logf("%-44s %5d requests, %8.1f read units, %6d opened, heap %d MB, %v", name, n.Total(), n.Read, report.Opened, heap>>20, time.Since(began).Round(time.Millisecond))
			return n
		}
		run("heads-up: nothing is there, the first run")
		const releases = 10_000
		var arming errgroup.Group
		arming.SetLimit(32)
		for n := range releases {
			arming.Go(func() error {
				return w.Store.ArmJob(w.ctx, mail.WindowJob(fmt.Sprintf("REL-2026-Q1-%05d", n)), began.Add(60*24*hour), began)
			})
		}
		if err := arming.Wait(); err != nil {
			b.Fatal(err)
		}
		w.advanceClock(50 * hour) // by then the search for releases of earlier versions has ended
		m.Take()
		n := run("heads-up: 10,000 rest, one common start")
		const resting = "heads-up, nothing new, 10,000 resting releases"
		budget.Report(b, resting, "requests", float64(n.Total()))
		budget.Report(b, resting, "RCU", n.Read)
		budget.Report(b, resting, "writes", n.Written)
		w.advanceClock(60 * 24 * hour)
		n = run("heads-up: 10,000 are due at once")
		budget.Report(b, "heads-up, 10,000 due at once, each", "requests", float64(n.Total())/releases)
		run("heads-up: and the run after it")

		w = newFixture(b, fixtureOptions{})
		var changes []string
		for n := range 100 {
			id := fmt.Sprintf("CHG-%03d", n)
			w.change(id, fmt.Sprintf("ci-%03d", n))
			changes = append(changes, id)
		}
		for n := range 1000 {
			w.task(fmt.Sprintf("REQ-%04d", n), fmt.Sprintf("person-%03d", n%400), changes[n%100])
		}
		id := w.scheduled(began.Add(60*hour), hour, changes...)
		planner = plan.New(w.Open(m.Option)).WithPublicURL("https://releases.example.com", true).WithClock(w.now)
		for _, name := range []string{"plan: a look that tells 400 people", "plan: a look with nothing new"} {
			m.Take()
			o, _ := w.planned(planner, mail.WindowJob(id))
			n := m.Take()
			b.Logf("%-44s %5d requests, %8.1f units, %6d mails", name, n.Total(), n.Read+n.Written+n.Indexes, o.Planned)
			w.send()
		}
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkSend prints how well eight senders keep the rate that docs/operations.md gives as an
// example, over a minute of the real clock, and how many requests that costs for each mail beyond
// those that the outbox itself needs.
//
//	go test ./shared/notify -run '^$' -bench Send -benchtime 1x
func BenchmarkSend(b *testing.B) {
	for range b.N {
		w := newFixture(b, fixtureOptions{})
		var n requestCount
		const rate = 14
		at := w.sendFromEight(w.fill(0, 60*rate, nil), "14", n.count)
		off, worst := rateError(at, rate)
		mails := float64(len(at))
		b.Logf("send: 8 senders, 14 a second, a minute: %d mails, %+.1f %% of the rate, %d in the worst second, %.1f requests a mail of the outbox's own", len(at), 100*off, worst, float64(n.all-n.extra)/mails)
		budget.Report(b, "sending at 14 a second, 8 senders, off the rate", "%", math.Abs(100*off))
		budget.Report(b, "sending, a mail beyond the outbox's own", "requests", float64(n.extra)/mails)
		budget.Report(b, "sending, a mail beyond the outbox's own", "WCU", float64(n.writes)/mails)
		b.ReportMetric(0, "ns/op")
	}
}
