// Package chaos_test runs the whole product under faults, seed by seed: clients on the REST
// handlers, every consumer of a stream and every schedule, on the real engine. When all is
// quiet, the result is checked by an oracle that is written from the contract alone
// (docs/faults.md, "Chaos"). It must not know how the product keeps its promises.
package chaos_test

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

var (
	oneSeed = flag.Uint64("seed", 0, "play this seed only")
	seeds   = flag.String("seeds", "8", "how many seeds are played, from 1 on; or which, as 1001..2000")
	verbose = flag.Bool("trace", false, "print every request of the seed")
)

// The product logs a line for most faults, which would bury the tests' own output.
func TestMain(m *testing.M) {
	flag.Parse()
	if !*verbose {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	os.Exit(m.Run())
}

// began is when every seed begins, by the clock of its bubble.
var began = time.Date(2026, 3, 26, 9, 0, 0, 0, time.UTC)

// perEngine is how many seeds one engine plays. It keeps every stream record, and with more
// seeds than that it becomes slow.
const perEngine = 100

// Whatever goes wrong, and in whatever order requests are carried out: nothing that was
// acknowledged is lost, nothing is done twice, and everything ends as the contract says.
//
// A seed sends the same requests each time it is played:
//
//	go test ./shared/chaos -run TestChaos -count=1 -seed 19 [-trace -v]
func TestChaos(t *testing.T) {
	first, last, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var total met
	var failed []uint64
	played := 0
	for from := first; from <= last; from += perEngine {
		to := min(last, from+perEngine-1)
		t.Run(fmt.Sprintf("%d-%d", from, to), func(t *testing.T) {
			g := newInstallation(t)
			for seed := from; seed <= to; seed++ {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					w := g.simulate(t, seed)
					total.add(w.met)
					played++
					if len(w.wrong) > 0 {
						failed = append(failed, seed)
						fmt.Fprintf(os.Stderr, "chaos: seed %d: %s\n", seed, w.wrong[0])
						t.Errorf("%s\nreplay with: go test ./shared/chaos -run TestChaos -count=1 -seed %d", strings.Join(w.wrong, "\n"), seed)
					}
					if *verbose {
						t.Logf("trace %x of %d operations, %+v\n%s", w.trace, len(w.ops), w.met, strings.Join(w.lines, "\n"))
					}
				})
			}
		})
		if last-first >= perEngine || to == last {
			fmt.Fprintf(os.Stderr, "chaos: seeds %d to %d in %v: %d played; failed: %v\n", first, to, time.Since(start).Round(time.Second), played, failed)
		}
	}
	t.Logf("%+v", total)
	if last-first >= 30 && total.never() {
		t.Errorf("some faults never happened, so the seeds show nothing about them; want every count above 0: %+v", total)
	}
}

// A seed that fails is of use only if it fails again: every random draw, and every request
// that is sent, is the same each time.
func TestChaos_SeedPlayedTwice_SameRequests(t *testing.T) {
	var traces [2]uint64
	for n := range traces {
		// Each on an engine of its own: the second run's transactions have the same tokens
		// (ClientRequestToken), and an engine ignores a transaction whose token it has seen.
		t.Run(fmt.Sprint(n), func(t *testing.T) { traces[n] = newInstallation(t).simulate(t, 8).trace })
	}
	if traces[0] != traces[1] {
		t.Errorf("two runs of one seed have the traces %x and %x, want the same", traces[0], traces[1])
	}
}

// chosen are the first and the last seed that are played.
func chosen() (first, last uint64, err error) {
	if *oneSeed != 0 {
		return *oneSeed, *oneSeed, nil
	}
	from, to, isRange := strings.Cut(*seeds, "..")
	if !isRange {
		from, to = "1", from
	}
	if first, err = strconv.ParseUint(from, 10, 64); err == nil {
		last, err = strconv.ParseUint(to, 10, 64)
	}
	if err == nil && (first == 0 || last < first) {
		err = fmt.Errorf("-seeds %s: there is no such seed", *seeds)
	}
	return first, last, err
}

// simulate plays a seed.
func (g *installation) simulate(t *testing.T, seed uint64) *simulation {
	g.clear(t)
	cryptotest.SetGlobalRandom(t, seed)
	var w *simulation
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(began))
		w = newSimulation(g, t, seed)
		w.prepare()
		w.setFaultless(false)
		stop := make(chan struct{})
		mappings := w.mappings()
		for _, d := range mappings {
			go w.poll(d, stop)
		}
		for name := range w.schedules() {
			go w.repeatSchedule(name, stop)
		}
		go w.deliverAllFeedback(stop)
		working := 0
		for n := range 2 + w.random.IntN(4) {
			c := w.client(n)
			working++
			go func() {
				c.work()
				w.mu.Lock()
				working--
				w.mu.Unlock()
			}()
		}
		w.turns.simulate(func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return working == 0
		})
		alone := w.faultsNow().alone
		w.calm()
		close(stop)
		w.turns.simulate(func() bool { return !w.alive() })
		w.setFaultless(true)
		w.settleDown(mappings, alone)
		w.judge()
	})
	return w
}

// setFaultless switches off faults and the waiting for turns, or switches them on again.
func (w *simulation) setFaultless(faultless bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faultless = faultless
}

// prepare creates the change requests, tasks and releases that the seed begins with.
func (w *simulation) prepare() {
	w.setFaultless(true)
	c := w.client(99) // the number of no client that works; the oracle reads as 97 and 98
	c.random = rand.New(rand.NewPCG(w.seed, 3))
	for n := range 3 + c.random.IntN(4) {
		c.newChange(fmt.Sprintf("CHG-%d", n))
	}
	for n := range 5 + c.random.IntN(7) {
		c.newTask(fmt.Sprintf("TASK-%d", n), pick(c.random, w.changes))
	}
	for _, id := range w.changes {
		if c.random.IntN(4) > 0 {
			c.decide(id, "approved")
		}
	}
	free := c.random.Perm(len(w.changes))
	for range 2 + c.random.IntN(2) {
		var mine []string
		for range min(len(free), 1+c.random.IntN(2)) {
			mine = append(mine, w.changes[free[0]])
			free = free[1:]
		}
		c.newRelease(mine...)
	}
	for _, id := range w.releases {
		for _, to := range []string{"approved", "scheduled", "in-progress"}[:c.random.IntN(4)] {
			if !c.transition(id, to).acked() {
				break
			}
		}
	}
}

// settleDown lets everything come to rest: streams are delivered, schedules run, and more
// than a day passes, so that whatever is due or waits for a lease, the circuit or a sweep ends.
func (w *simulation) settleDown(mappings []*deliveries, alone bool) {
	random := rand.New(rand.NewPCG(w.seed, 4))
	round, delivered := 0, 0
	drain := func() {
		for repeat := true; repeat; {
			repeat = false
			for _, d := range mappings {
				for n := range d.pending {
					d.pending[n].from = time.Time{}
				}
				for w.deliver(d) {
					repeat = true
					if delivered++; delivered > 5000 {
						w.fault("it does not come to rest: %s is woken over and over", d.function.Name)
						return
					}
				}
			}
			for w.deliverFeedback(random, fmt.Sprintf("rest-feedback-%d", round)) {
				repeat, round = true, round+1
			}
		}
	}
	drain()
	if alone && !w.lost {
		w.judgeWithoutSweep()
	}
	for _, passes := range []time.Duration{11 * time.Minute, 11 * time.Minute, 20 * time.Minute, time.Hour, time.Hour, 25 * time.Hour, 11 * time.Minute} {
		time.Sleep(passes)
		for _, name := range []string{"sweep", "heads-up", "tend-outbox", "seal-record"} {
			round++
			if err := w.runSchedule(fmt.Sprintf("rest-%s-%d", name, round), name); err != nil {
				w.fault("%s fails without faults: %v", name, err)
			}
			drain()
		}
	}
	if err := w.runSchedule("rest-last", "seal-record"); err != nil {
		w.fault("sealing fails without faults: %v", err)
	}
}
