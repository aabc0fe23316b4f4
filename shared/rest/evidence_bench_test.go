package rest_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/record"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkEvidence counts the requests for the evidence of a release with 1,000 entries, which are
// sealed among those of another release, and measures how long its offline check takes.
func BenchmarkEvidence(b *testing.B) {
	for range b.N {
		w := newFixture(b)
		id, other := w.release(w.changes(5)...), w.release()
		for n := range 999 {
			of, a := id, ask{body: object{"text": fmt.Sprintf("Note %d: database migrated, 12 tables.", n)}}
			a.route = "POST /releases/" + of + "/log"
			if n%2 == 1 {
				a = ask{route: "PATCH /releases/" + of, body: object{"version": fmt.Sprint(n)}}
			}
			w.must(admin, a)
			w.must(auditor, ask{route: "POST /releases/" + other + "/log", body: object{"text": "Elsewhere."}})
			if n%100 == 0 {
				w.seal()
			}
		}
		w.seal()
		m := meter.New(w.Client)
		file := w.on(w.Open(m.Option)).fetch(id, 1)
		budget.Report(b, "evidence of a release with 1,000 entries", "requests", float64(m.Take().Total()))
		pages, err := record.ReadEvidence("evidence", []byte(file))
		if err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		v, err := record.Verify(pages, nil, record.SealedWithin)
		if err != nil || v.Entries != 1005 {
			b.Fatalf("the verifier says %+v, %v; want 1005 entries", v, err)
		}
		budget.Report(b, "evidence of a release with 1,000 entries, offline check", "seconds", time.Since(begun).Seconds())
	}
	b.ReportMetric(0, "ns/op")
}
