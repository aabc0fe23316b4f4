package dynamo_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkBudgets prints the rows of DESIGN 6 about DynamoDB, but for settlement, which
// package settle prints. What AWS would charge for a transition is worked out from the
// sizes of its items.
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
		measure := func(name, budget string, run func(s *dynamo.Store) error) {
			m := meter.New(l.Client)
			l.no(run(l.Open(m.Option)))
			n := m.Take()
			b.Logf("%-48s %3d requests, %6.1f units on tables, %5.1f on indexes   (budget: %s)", name, n.Total(), n.Read+n.Written, n.Indexes, budget)
		}
		id := small.Release.ID
		measure("transition", "≤ 2 requests", func(s *dynamo.Store) error {
			_, err := s.Transition(l.ctx, id, moveTo(release.Approved), l.write())
			return err
		})
		item := meter.Size(l.raw(l.Tables.Releases, "REL#"+id, "M"))
		entry := meter.Size(l.raw(l.Tables.Releases, "LOG#"+id, "e0001"))
		b.Logf("%-48s %3d WCU of base table on AWS: 2 × (⌈%d B⌉ + ⌈%d B⌉ + the counter)   (budget: ≤ 10 for 2 KB)", "", 2*(kilobytes(item)+kilobytes(entry)+1), item, entry)
		_, err = l.LinkChanges(l.ctx, id, ids[20:], nil, l.write())
		l.no(err)
		measure("release with 100 change requests", "1 query, ≤ 8 RCU", func(s *dynamo.Store) error {
			_, err := s.ReleaseWithLinks(l.ctx, id)
			return err
		})
		measure("list of 25", "1 query, ≤ 1 RCU", func(s *dynamo.Store) error {
			_, _, err := s.ListReleases(l.ctx, "", 25, "")
			return err
		})
		measure("600 entries appended, one after another", "≤ 2.1 requests each", func(s *dynamo.Store) error {
			for range 600 {
				if _, err := s.AppendLog(l.ctx, id, "Database migrated, 12 tables.", "", l.write()); err != nil {
					return err
				}
			}
			return nil
		})
		measure("2000 entries appended by 50 writers", "≤ 3 requests each", func(s *dynamo.Store) error {
			l.appendAll(50, 40, func(text string) (release.LogEntry, error) { return s.AppendLog(l.ctx, id, text, "", l.write()) })
			return nil
		})
		b.ReportMetric(0, "ns/op")
	}
}

func kilobytes(size int) int { return int(math.Ceil(float64(size) / 1024)) }
