package notify_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/testkit/crowd"
	"example.com/releases/shared/testkit/meter"
)

// BenchmarkCrowd prints what it costs to plan the mails of a release that reaches 1,000,000 tasks.
// Where these belong to one person, or to 3,000, it plans to the end and once more with nothing
// new. Where they belong to 300,000, it stops when everything is read and the first of them are
// told, since writing a row and a mail for each takes the engine a quarter of an hour. A middleware
// answers for the tasks; all else is the engine. Heap is the most that was in use at once,
// including this test's own.
//
//	go test ./shared/notify -run '^$' -bench Crowd -benchtime 1x
func BenchmarkCrowd(b *testing.B) {
	for range b.N {
		for _, people := range []int{1, 3_000, 300_000} {
			w, planner, m := crowded(b, people)
			k := mail.WindowJob(w.scheduled(began.Add(60*hour), hour, crowdChanges()...))
			looks := []string{"tells everybody", "nothing new"}
			if people == 300_000 {
				looks = looks[:1]
			}
			for _, look := range looks {
				m.Take()
				var r measurement
				heap := peakHeap(func() { r = w.measured(planner, k, 2_000) })
				n := m.Take()
				b.Logf("1,000,000 tasks of %7d people, %-15s: heap %4d MB, %3d invocations, %7d requests, %.3f read units a task, %d mails%s",
					people, look, heap>>20, r.turns, n.Total(), n.Read/1e6, r.planned, r.rest)
				what := fmt.Sprintf("planning 1,000,000 tasks of %d people, %s", people, look)
				budget.Report(b, what, "MB", float64(heap>>20))
				budget.Report(b, what, "RCU a task", n.Read/1e6)
			}
		}
		b.ReportMetric(0, "ns/op")
	}
}

func crowdChanges() []string {
	all := make([]string, 100)
	for n := range all {
		all[n] = fmt.Sprintf("CHG-%03d", n)
	}
	return all
}

// crowded returns a fixture with 100 change requests, a planner for which a million tasks are
// linked to these, and a meter of what the planner uses.
func crowded(t testing.TB, people int) (*fixture, *plan.Planner, *meter.Meter) {
	t.Helper()
	w := newFixture(t, fixtureOptions{})
	for _, id := range crowdChanges() {
		w.change(id)
	}
	w.task("model", "nobody", "")
	model := must(w.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &w.Tables.Tasks, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "TASK#model"}, "sk": &types.AttributeValueMemberS{Value: "M"},
	}}))(t).Item
	c := crowd.Crowd{Tasks: 1_000_000, People: people, Changes: crowdChanges(), Table: w.Tables.Tasks, Like: model}
	m := meter.New(w.Client)
	return w, plan.New(w.Open(c.Option, m.Option)).WithClock(w.now).WithBounds(25_000, 10*time.Second), m
}

type measurement struct {
	turns, planned int
	rest           string // what was left out, for the log
}

// peakHeap returns the most heap that is in use while do runs.
func peakHeap(do func()) uint64 {
	var peak uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		var s runtime.MemStats
		for {
			runtime.ReadMemStats(&s)
			peak = max(peak, s.HeapInuse)
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return peak
}

// measured plans a job, turn after turn, until it is done, or until everything is read and at
// least enough mails are planned.
func (w *fixture) measured(p *plan.Planner, k mail.JobKey, enough int) (r measurement) {
	w.t.Helper()
	if err := w.Store.OpenJob(w.ctx, k, w.now()); err != nil {
		w.t.Fatal(err)
	}
	for {
		began := time.Now()
		o := must(p.Plan(w.ctx, k))(w.t)
		r.turns++
		took := time.Since(began)
		j, _, err := w.Store.Job(w.ctx, k)
		if err != nil {
			w.t.Fatal(err)
		}
		if r.planned = o.Planned; o.Done {
			return r
		}
		if people := 300_000; j.Progress.Read && o.Planned >= enough && len(j.Progress.Lots) > 5 {
			r.rest = fmt.Sprintf(" so far, %.1f ms each in the last turn; %d more would take %d invocations", took.Seconds()*1000/float64(o.Planned), people-o.Planned, (people-o.Planned)/o.Planned)
			return r
		}
	}
}
