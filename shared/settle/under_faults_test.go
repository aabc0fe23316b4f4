package settle_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

var (
	firstSeed = flag.Uint64("seed", 1, "the first seed of the chaos tests")
	seeds     = flag.Int("seeds", 100, "how many seeds the chaos tests play")
)

// parallelSeeds is how many seeds are played at once, each on tables of its own.
const parallelSeeds = 4

// consumers makes the handlers of one seed: the right ones, or broken ones to show that the
// simulation notices them.
type consumers func(p *simulation, store *dynamo.Store) (changes, tasks streams.Handler)

func rightConsumers(_ *simulation, store *dynamo.Store) (changes, tasks streams.Handler) {
	return inFreshSandboxes(store, (*settle.Settler).Changes), inFreshSandboxes(store, (*settle.Settler).Tasks)
}

// inFreshSandboxes makes a Settler for each invocation, as if each had a sandbox of its own. An
// invocation that freezes for good would otherwise keep what a Settler shares between
// invocations, and no other could go on.
func inFreshSandboxes(store *dynamo.Store, handle func(*settle.Settler, context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)) streams.Handler {
	return func(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		return handle(settle.New(store), ctx, batch)
	}
}

// Records are delivered twice, shuffled, late or to two invocations at once; invocations die,
// freeze or lose an answer; people edit, move and create tasks meanwhile. In the end every task
// is what the settlements of its change request and the edits of people make of it.
//
// One seed is played again with -run TestSettlement_UnderFaults_KeepsItsInvariants -seed N -seeds 1.
func TestSettlement_UnderFaults_KeepsItsInvariants(t *testing.T) {
	fixtures := newFixtures(t)
	var mu sync.Mutex
	var total stats
	simulateAll(fixtures, seedsWith(*seeds, nil), "", rightConsumers, func(seed uint64, s stats, v verdict) bool {
		mu.Lock()
		defer mu.Unlock()
		total.add(s)
		for _, wrong := range append(v.strict, v.final...) {
			t.Errorf("seed %d: %s", seed, wrong)
		}
		if len(v.strict)+len(v.final) > 0 {
			t.Logf("play it again with: go test ./shared/settle -run TestSettlement_UnderFaults_KeepsItsInvariants -seed %d -seeds 1", seed)
		}
		return true
	})
	var met strict.Met
	for _, w := range fixtures {
		n := w.Layer.Take()
		met.Conflicts += n.Conflicts
		met.Lagged += n.Lagged
		met.Unprocessed += n.Unprocessed
	}
	t.Logf("seeds %d to %d: %+v, of DynamoDB: %+v", *firstSeed, *firstSeed+uint64(*seeds)-1, total, met)
	if *seeds >= 100 && (met.Conflicts == 0 || met.Lagged == 0 || met.Unprocessed == 0 || total.Crashes == 0 || total.Frozen == 0 || total.GaveUp == 0 || total.Edits == 0 || total.Moves == 0 || total.Followed == 0) {
		t.Errorf("some faults never happened, so the test shows nothing about them; want every count above 0: %+v, %+v", total, met)
	}
}

func newFixtures(t *testing.T) []*fixture {
	t.Helper()
	testkit.OwnEngine(t)
	fixtures := make([]*fixture, min(parallelSeeds, *seeds))
	for n := range fixtures {
		fixtures[n] = newFixture(t)
	}
	return fixtures
}

// simulateAll plays the seeds until each has been judged or judge says that it is enough.
func simulateAll(fixtures []*fixture, queue chan uint64, label string, build consumers, judge func(uint64, stats, verdict) bool) {
	var enough atomic.Bool
	var playing sync.WaitGroup
	for _, w := range fixtures {
		playing.Go(func() {
			for seed := range queue {
				if enough.Load() {
					return
				}
				s, v := w.simulate(seed, label, build)
				if !judge(seed, s, v) {
					enough.Store(true)
				}
			}
		})
	}
	playing.Wait()
}

// seedsWith returns a queue of those of the first count seeds whose faults are wanted; of all if
// wanted is nil.
func seedsWith(count int, wanted func(faults) bool) chan uint64 {
	queue := make(chan uint64, count)
	for n := range count {
		seed := *firstSeed + uint64(n)
		if wanted == nil || wanted(faultsOf(seed)) {
			queue <- seed
		}
	}
	close(queue)
	return queue
}

func faultsOf(seed uint64) faults { return drawFaults(rand.New(rand.NewPCG(seed, 0))) }

// stats counts what happened, to show that it did.
type stats struct{ Batches, Crashes, Frozen, GaveUp, Edits, Moves, Created, Followed, Sweeps int }

func (s *stats) add(o stats) {
	s.Batches += o.Batches
	s.Crashes += o.Crashes
	s.Frozen += o.Frozen
	s.GaveUp += o.GaveUp
	s.Edits += o.Edits
	s.Moves += o.Moves
	s.Created += o.Created
	s.Followed += o.Followed
	s.Sweeps += o.Sweeps
}

func (w *fixture) simulate(seed uint64, label string, build consumers) (stats, verdict) {
	p := &simulation{fixture: w, seed: seed, prefix: fmt.Sprintf("s%d%s-", seed, label), edits: map[string]*edit{}, moves: map[string]*transition{}}
	p.chaos = &chaos{seed: seed, faults: faultsOf(seed), thaw: make(chan struct{}), meddle: p.meddle, overtake: p.overtake}
	p.faulty = w.Under(p.chaos.call, p.chaos.attempt)
	p.prepare()
	w.Layer.Adjust(p.chaos.faults.store)

	functions := p.functions(build)
	random := rand.New(rand.NewPCG(seed, hash("deliveries")))
	acting := p.act()
	acted := make(chan struct{})
	go func() { acting.Wait(); close(acted) }()
	s := stats{}
	for now, ended := 0, false; ; now++ {
		select {
		case <-acted:
			ended = true
		default:
		}
		left := 0
		for _, d := range functions {
			p.tick(d, now, random)
			left += len(d.pending)
		}
		if random.Float64() < p.chaos.faults.sweeps {
			s.Sweeps++
			_ = p.invoke(fmt.Sprintf("sweep-%d", now), func(ctx context.Context) error {
				_, err := p.sweep(ctx, settle.New(p.faulty), p.faulty)
				return err
			})
		}
		if ended && left == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	p.chaos.off.Store(true)
	w.Layer.Adjust(strict.Options{})
	p.deliverRest(functions, random)
	close(p.chaos.thaw)
	p.zombies.Wait()
	p.deliverRest(functions, random)

	s.Crashes, s.Frozen = int(p.crashes.Load()), int(p.froze.Load())
	for _, d := range functions {
		s.Batches += d.batches
		s.GaveUp += d.gaveUp
	}
	v := p.judge(&s)
	if seed%3 == 0 {
		p.writesNothingMore(functions, &v)
	}
	return s, v
}

// prepare creates the change requests, tasks and releases that the seed begins with.
func (p *simulation) prepare() {
	for n := range 4 {
		p.changeIDs = append(p.changeIDs, p.change(fmt.Sprintf("%sCHG-%d", p.prefix, n), release.Normal).ID)
	}
	for n := range 8 {
		id := fmt.Sprintf("%sT-%d", p.prefix, n)
		w := p.request("create-" + id)
		t := newTask(id, "", release.TaskOpen)
		if n < 7 {
			t.ChangeRequestID = p.changeIDs[n%3]
		}
		p.record(w.Request, &edit{task: id, moves: true, change: t.ChangeRequestID})
		if _, err := p.Store.CreateTask(context.Background(), t, w); err != nil {
			p.t.Fatal(err)
		}
		p.taskIDs = append(p.taskIDs, id)
	}
	p.releaseIDs = []string{p.release(p.changeIDs[0], p.changeIDs[1]), p.release(p.changeIDs[2])}
	for _, id := range p.releaseIDs {
		p.transitionTo(id, release.Approved, release.Scheduled, release.InProgress)
	}
}

func (p *simulation) functions(build consumers) []*deliveries {
	changes := &deliveries{name: "settle-changes", stream: p.fixture.releases, ops: settlingOps}
	tasks := &deliveries{name: "settle-tasks", stream: p.fixture.changes, ops: followingOps}
	changes.handler, tasks.handler = build(p, p.faulty)
	return []*deliveries{changes, tasks}
}

// deliverRest delivers what is left, without faults, and lets the sweep repair what was given up.
func (p *simulation) deliverRest(functions []*deliveries, random *rand.Rand) {
	settler := settle.New(p.Store)
	for round := 0; ; round++ {
		for {
			left := 0
			for _, d := range functions {
				p.tick(d, 1<<30, random)
				left += len(d.pending)
			}
			if left == 0 {
				break
			}
		}
		swept, err := p.sweep(context.Background(), settler, p.Store)
		if err != nil {
			p.t.Errorf("seed %d: the sweep fails without faults: %v", p.seed, err)
			return
		}
		if swept.Looked == 0 {
			return
		}
		if round > 20 {
			p.t.Errorf("seed %d: the sweep does not come to an end: %+v", p.seed, swept)
			return
		}
	}
}

// writesNothingMore delivers every record of the seed once more, which must not write anything.
func (p *simulation) writesNothingMore(functions []*deliveries, v *verdict) {
	var count inject.Counter
	s := settle.New(p.Under(nil, count.Count))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for n, handler := range []streams.Handler{s.Changes, s.Tasks} {
		answer, err := handler(ctx, events.DynamoDBEvent{Records: functions[n].past})
		if err != nil || len(answer.BatchItemFailures) > 0 {
			v.strict = append(v.strict, fmt.Sprintf("%s does not acknowledge old records: %v %v", functions[n].name, answer, err))
		}
	}
	if c := count.Take(); c.Writes() > 0 {
		v.strict = append(v.strict, fmt.Sprintf("delivering everything again wrote: %v", c))
	}
}

func show(lines []string) string { return strings.Join(lines, "\n\t") }
