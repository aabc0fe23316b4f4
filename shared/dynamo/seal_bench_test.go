package dynamo_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/testkit/inject"
)

// sealEvery is the template's schedule of seal-record.
const sealEvery = time.Minute

// BenchmarkSealing reports what it costs to seal entries, counted in the requests that are sent.
//
//	go test ./shared/dynamo -run '^$' -bench Sealing -benchtime 1x
func BenchmarkSealing(b *testing.B) {
	for range b.N {
		l := newHarness(b)
		items, requests := 0, 0
		counting := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
			requests++
			if in, ok := call.Input.(*dynamodb.TransactWriteItemsInput); ok {
				items += len(in.TransactItems)
			}
			return do(ctx)
		}, nil)
		sealing := func(entries int) float64 {
			items, requests = 0, 0
			n, err := counting.Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now)
			if l.no(err); n != entries {
				b.Fatalf("%d entries were sealed, want %d", n, entries)
			}
			return float64(items) / float64(max(1, entries))
		}
		logs := make([]string, 10)
		for n := range logs {
			logs[n] = l.release()
		}
		note := func(log string) {
			_, err := l.AppendLog(l.ctx, log, "Database migrated, 12 tables.", "", l.write())
			l.no(err)
		}
		sealing(len(logs))
		for range 10 {
			note(logs[0])
		}
		budget.Report(b, "sealing of ten entries of one log, each beyond its put", "item writes", sealing(10))
		for _, log := range logs {
			note(log)
		}
		budget.Report(b, "sealing of ten entries of ten logs, each beyond its put", "item writes", sealing(10))
		for range 80 {
			note(logs[1])
		}
		budget.Report(b, "sealing of 80 entries of one log, each beyond its put", "item writes", sealing(80))
		note(logs[2])
		begun := time.Now()
		budget.Report(b, "sealing of one entry, beyond its put", "item writes", sealing(1))
		budget.Report(b, "from an entry to its leaf, at worst", "seconds", (sealEvery + time.Since(begun)).Seconds())
		sealing(0)
		budget.Report(b, "sealing, with nothing to seal", "requests", float64(requests))
		b.ReportMetric(0, "ns/op")
	}
}
