package dynamo_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkBudgets reports the requests and capacity units of the store's operations, for the
// budgets. Settlement is reported by package settle, sealing by BenchmarkSealing.
//
//	go test ./shared/dynamo -run '^$' -bench Budgets -benchtime 1x
func BenchmarkBudgets(b *testing.B) {
	for range b.N {
		l := newHarness(b)
		title := strings.Repeat("t", 120)
		var ids []string
		for n := range 100 {
			c := newChange(fmt.Sprintf("CHG-%03d", n), release.DecisionApproved)
			c.ControlID, c.ControlTitle, c.Title = fmt.Sprintf("AC-%d", n), title, title
			_, err := l.CreateChange(l.ctx, c, l.write())
			l.no(err)
			ids = append(ids, c.ID)
		}
		r, _ := planOf()
		r.Description = strings.Repeat("d", 700)
		for n := range 5 {
			r.RolloutSteps = append(r.RolloutSteps, release.Step{Order: n + 1, Description: strings.Repeat("s", 60), OwnerEmail: "ada@example.com"})
		}
		small, err := l.CreateRelease(l.ctx, r, ids[:20], l.write())
		l.no(err)
		for n := range 60 {
			other, _ := planOf()
			other.Name = fmt.Sprintf("%s %d", strings.Repeat("n", 117), n)
			_, err := l.CreateRelease(l.ctx, other, nil, l.write())
			l.no(err)
		}
		measure := func(run func(s *dynamo.Store) error) meter.Reading {
			m := meter.New(l.Client)
			l.no(run(l.Open(m.Option)))
			return m.Take()
		}
		report := func(what, unit string, figure float64) { budget.Report(b, what, unit, figure) }
		id := small.Release.ID
		n := measure(func(s *dynamo.Store) error {
			_, err := s.Transition(l.ctx, id, moveTo(release.Approved), l.write())
			return err
		})
		report("transition", "requests", float64(n.Total()))
		report("transition of a release of 2 KB, table", "WCU", n.Written)
		report("transition of a release of 2 KB, indexes", "WCU", n.Indexes)
		_, err = l.LinkChanges(l.ctx, id, ids[20:], nil, l.write())
		l.no(err)
		n = measure(func(s *dynamo.Store) error {
			_, err := s.ReleaseWithLinks(l.ctx, id)
			return err
		})
		report("release with 100 change requests, log aside", "requests", float64(n.Total()))
		report("release with 100 change requests, log aside", "RCU", n.Read)
		n = measure(func(s *dynamo.Store) error {
			_, _, err := s.ListReleases(l.ctx, "", 25, "")
			return err
		})
		report("page of 25 releases", "requests", float64(n.Total()))
		report("page of 25 releases", "RCU", n.Read)
		const entries = 600
		n = measure(func(s *dynamo.Store) error {
			for n := range entries {
				if _, err := s.AppendLog(l.ctx, id, "Database migrated, 12 tables.", "", l.write()); err != nil {
					return err
				}
				if n%100 == 0 {
					l.seal() // as the schedule does each minute; only sealed notes can be trimmed
				}
			}
			return nil
		})
		report("log entry, one after another", "requests", float64(n.Total())/entries)
		var attempts inject.Counter
		s := l.Under(nil, attempts.Count)
		const writers, each = 50, 40
		l.appendAll(writers, each, func(text string) (release.LogEntry, error) { return s.AppendLog(l.ctx, id, text, "", l.write()) })
		report("log entry, 50 writers at once", "requests", float64(attempts.Take().Total())/(writers*each))
		b.ReportMetric(0, "ns/op")
	}
}
