package settle_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/stream"
	"example.com/releases/shared/testkit/inject"
)

const (
	benchChanges = 100
	benchTasks   = 100 // of each change request
	benchPairs   = 6   // phases of settlement, each with its pair of bare writes
	benchAtOnce  = 32  // as many writes as a Settler has under way

	benchReadsAtOnce = 2 // as many change requests whose tasks a Settler reads at once
)

// BenchmarkSettlement settles 100 change requests of 100 tasks, deployment and rollback in
// turn. After each phase it sends the same conditional writes once more, to copies of the
// tasks, with the same parallelism and nothing else beside them: what settlement takes beyond
// that is its reading, the writes to the change requests, and its own work.
//
//	go test ./shared/settle -run '^$' -bench Settlement -benchtime 1x
func BenchmarkSettlement(b *testing.B) {
	for range b.N {
		w := newFixture(b)
		changes := w.seed(benchTasks)
		var count inject.Counter
		var writes taskWrites
		s := settle.New(w.Under(writes.record(w.Tables.Tasks), count.Count))
		copies := w.seedCopies()
		var ratios, seconds, withReads, engineRatios []float64
		var profiles []profile
		engine, profiled := findEngineThread(w.Endpoint)
		var counts inject.Counts
		id := ""
		for phase := range benchPairs {
			if phase%2 == 0 {
				id = w.release(changes...)
				w.transitionTo(id, untilDeployed...)
			} else {
				w.transitionTo(id, release.RolledBack)
			}
			b.StartTimer()
			took, busy, redeliver := w.settlePhase(s, engine, &count, &counts)
			b.StopTimer()
			settled := engine.busy()
			tookBare := copies.repeat(writes.take(), counts.Writes())
			written := engine.busy()
			tookReads := w.readTasks(changes)
			seconds, ratios = append(seconds, took.Seconds()), append(ratios, took.Seconds()/tookBare.Seconds())
			withReads = append(withReads, took.Seconds()/(tookBare+tookReads).Seconds())
			b.Logf("phase %d: settled in %.2f s, bare writes in %.2f s: %.2f; the same reads in %.2f s", phase+1, took.Seconds(), tookBare.Seconds(), ratios[phase], tookReads.Seconds())
			if profiled {
				p := profile{busy, written - settled, engine.busy() - written}
				profiles = append(profiles, p)
				engineRatios = append(engineRatios, p.settlement.Seconds()/(p.writes+p.reads).Seconds())
			}
			if p := w.progress(id); p.State != "settled" || p.Tasks.Settled != benchChanges*benchTasks {
				b.Errorf("progress %+v; want settled, %d tasks", p, benchChanges*benchTasks)
			}
			if phase == benchPairs-1 {
				redeliver()
				budget.Report(b, "settlement delivered again", "writes", float64(count.Take().Writes()))
			}
		}
		tasks := float64(benchChanges * benchTasks)
		b.Logf("requests %v; each phase wrote %d times", counts, counts.Writes())
		b.ReportMetric(median(seconds), "s/settlement")
		b.ReportMetric(float64(counts.Total())/tasks, "requests/task")
		b.ReportMetric(float64(counts.Writes()-2*benchChanges-1)/tasks, "writes/task")
		b.ReportMetric(median(ratios), "×bare")
		b.ReportMetric(median(withReads), "×writes+reads")
		budget.Report(b, "settlement of 100 × 100 tasks ÷ bare writes and the same reads", "time", median(withReads))
		if profiled {
			b.Logf("the engine's thread was busy with settlement, bare writes, reads: %v", profiles)
			budget.Report(b, "settlement of 100 × 100 tasks ÷ bare writes and the same reads, engine's thread", "time", median(engineRatios))
		}
		b.ReportMetric(0, "ns/op")
		budget.Report(b, "settlement of a task", "writes", float64(counts.Writes()-2*benchChanges-1)/tasks)
		budget.Report(b, "settlement of a task", "requests", float64(counts.Total())/tasks)
		budget.Report(b, "settlement of 100 × 100 tasks ÷ bare writes", "time", median(ratios))
	}
}

// profile is how long the engine's thread was busy in a phase.
type profile struct{ settlement, writes, reads time.Duration }

// readTasks makes the reads of tasks that a settlement makes, with the same parallelism.
func (w *fixture) readTasks(changes []string) time.Duration {
	began := time.Now()
	_, err := stream.Each(context.Background(), len(changes), benchReadsAtOnce, func(n int) error {
		ids, err := w.Store.TaskIDsOfChange(context.Background(), changes[n])
		if err != nil {
			return err
		}
		tasks, err := w.Store.TasksByID(context.Background(), ids)
		if err == nil && len(tasks) != benchTasks {
			err = fmt.Errorf("%d tasks of %s", len(tasks), changes[n])
		}
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
	return time.Since(began)
}

// settlePhase runs both consumers on what the streams have. It returns how long that took and
// how long it kept the engine's thread busy, both without the reading of the streams, and a
// function that delivers the same records once more.
func (w *fixture) settlePhase(s *settle.Settler, engine engineThread, count *inject.Counter, counts *inject.Counts) (took, busy time.Duration, redeliver func()) {
	deliver := func(function string, handler streams.Handler, records []events.DynamoDBEventRecord) {
		mapping := w.mapping(function)
		began, thread := time.Now(), engine.busy()
		batches := make(chan []events.DynamoDBEventRecord)
		var lanes sync.WaitGroup
		for range max(1, mapping.ParallelizationFactor) {
			lanes.Go(func() {
				for batch := range batches {
					deliverAll(w.t, handler, batch)
				}
			})
		}
		for batch := range slices.Chunk(records, mapping.BatchSize) {
			batches <- batch
		}
		close(batches)
		lanes.Wait()
		took += time.Since(began)
		busy += engine.busy() - thread
	}
	count.Take()
	ofReleases := matching(w.releases.Read(), settlingOps...)
	deliver("settle-changes", s.Changes, ofReleases)
	ofChanges := matching(w.changes.Read(), followingOps...)
	deliver("settle-tasks", s.Tasks, ofChanges)
	*counts = count.Take()
	return took, busy, func() {
		deliver("settle-changes", s.Changes, ofReleases)
		deliver("settle-tasks", s.Tasks, ofChanges)
	}
}

// mapping returns the event source mapping of a function in the template.
func (w *fixture) mapping(function string) template.Stream {
	root, err := engine.Root()
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	f, ok := all.Function(function)
	if !ok || len(f.Streams) != 1 {
		w.t.Fatalf("%s has no stream in the template", function)
	}
	return f.Streams[0]
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[n/2] + all[(n-1)/2]) / 2
}

// seed creates the change requests and their tasks: one task through the store, the others as
// copies of its items, which is faster.
func (w *fixture) seed(tasks int) []string {
	var changes []string
	for n := range benchChanges {
		changes = append(changes, w.change(fmt.Sprintf("CHG-%03d", n), release.Standard).ID)
	}
	w.task("T-000-000", changes[0], release.TaskOpen)
	task := w.itemAt(w.Tables.Tasks, "TASK#T-000-000", "M")
	row := w.itemAt(w.Tables.Tasks, "CR#"+changes[0], "T#T-000-000")
	str := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	var items []map[string]types.AttributeValue
	for n, change := range changes {
		for m := range tasks {
			id := fmt.Sprintf("T-%03d-%03d", n, m)
			t, r := maps.Clone(task), maps.Clone(row)
			t["pk"], t["changeRequestId"] = str("TASK#"+id), str(change)
			r["pk"], r["sk"] = str("CR#"+change), str("T#"+id)
			items = append(items, t, r)
		}
	}
	w.putAll(items)
	return changes
}

func (w *fixture) itemAt(table, pk, sk string) map[string]types.AttributeValue {
	out, err := w.Client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: &table, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}})
	if err != nil || out.Item == nil {
		w.t.Fatalf("%s %s: %v", pk, sk, err)
	}
	return out.Item
}

func (w *fixture) putAll(items []map[string]types.AttributeValue) {
	for chunk := range slices.Chunk(items, 25) {
		var requests []types.WriteRequest
		for _, i := range chunk {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
		}
		if _, err := w.Client.BatchWriteItem(context.Background(), &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{w.Tables.Tasks: requests},
		}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// taskWrites are the writes that a settlement made to tasks.
type taskWrites struct {
	mu  sync.Mutex
	all []*dynamodb.UpdateItemInput
}

func (t *taskWrites) record(table string) inject.Around {
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if u, ok := call.Input.(*dynamodb.UpdateItemInput); ok && *u.TableName == table {
			t.mu.Lock()
			t.all = append(t.all, u)
			t.mu.Unlock()
		}
		return do(ctx)
	}
}

func (t *taskWrites) take() []*dynamodb.UpdateItemInput {
	all := t.all
	t.all = nil
	return all
}

// taskCopies are copies of all tasks, linked to no change request. There are some more of them
// than tasks, since a settlement writes the change requests and the release as well.
type taskCopies struct {
	w      *fixture
	client *dynamodb.Client
}

func (w *fixture) seedCopies() taskCopies {
	task := w.itemAt(w.Tables.Tasks, "TASK#T-000-000", "M")
	var items []map[string]types.AttributeValue
	for n := range benchChanges*benchTasks + 2*benchChanges + 1 {
		t := maps.Clone(task)
		t["pk"] = copyKey(n)
		items = append(items, t)
	}
	w.putAll(items)
	return taskCopies{w, dynamodb.NewFromConfig(w.Config)}
}

func copyKey(n int) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: fmt.Sprintf("COPY#T-%05d", n)}
}

// repeat makes as many writes as a settlement made altogether, each to a copy of its own, which
// is as the task was before the settlement so that the conditions hold.
func (c taskCopies) repeat(writes []*dynamodb.UpdateItemInput, count int) time.Duration {
	if len(writes) != benchChanges*benchTasks {
		c.w.t.Fatalf("the settlement wrote %d times to tasks, want %d", len(writes), benchChanges*benchTasks)
	}
	var next atomic.Int64
	var writing sync.WaitGroup
	began := time.Now()
	for range benchAtOnce {
		writing.Go(func() {
			for n := int(next.Add(1)) - 1; n < count; n = int(next.Add(1)) - 1 {
				u := *writes[n%len(writes)]
				u.Key = map[string]types.AttributeValue{"pk": copyKey(n), "sk": u.Key["sk"]}
				if _, err := c.client.UpdateItem(context.Background(), &u); err != nil {
					c.w.t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	return time.Since(began)
}
