// Package load has users work on a host at its limit for a bounded time, beside bare requests
// to its engine, and checks that it refuses politely, loses no write, and needs no more memory
// at the end. It uses HTTP and the engine; it must not know how the host works.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/process"
	"example.com/releases/shared/local/traffic"
)

// Options are the settings of a run.
type Options struct {
	Command process.Command // of a host
	Seed    uint64
	Slices  int           // of work, each followed by as many bare requests
	Slice   time.Duration // how long each lasts
	Users   int           // a third of them manage releases, the others read and write notes
	Out     io.Writer
}

// How much more there may be at the end than after the first quarter, by when everything is
// there that a process has once: connections that are kept open come and go, and the stand-ins
// keep mails and events. One goroutine left behind by every fifth request is more than this.
const (
	moreGoroutines = 400
	moreHeap       = 64 << 20
)

// run is one run.
type run struct {
	Options
	host       *process.Host
	at         client.RunFile
	simulation *traffic.Simulation
	bare       *bare
	weighed    []weight
	product    time.Duration // at work
	engine     time.Duration // on as many bare requests
	after      time.Duration // until nothing was left to do
}

// weight is what the host needs at some time.
type weight struct {
	at                         time.Duration
	resident, heap, goroutines int
}

// Run works on a host of its own and prints the result as a table. The error says that
// something did not hold.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "releases-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e, err := engine.Start(ctx, engine.Options{Log: o.Out})
	if err != nil {
		return err
	}
	defer e.Stop()
	r := &run{Options: o, simulation: traffic.New(traffic.Options{Seed: o.Seed, Tag: fmt.Sprintf("l%x", o.Seed)})}
	if r.bare, err = newBare(ctx, e.Endpoint(), o.Users); err != nil {
		return err
	}
	if r.host, err = process.Start(o.Command, dir, []string{engine.EndpointVariable + "=" + e.Endpoint()}, "-period", "5s"); err != nil {
		return err
	}
	defer func() { _ = r.host.Kill() }()
	if r.at, err = r.host.Ready(ctx); err != nil {
		return err
	}
	if err := r.work(ctx); err != nil {
		return err
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	return errors.Join(r.report(), r.host.Stop())
}

// work alternates slices of work with bare requests.
func (r *run) work(ctx context.Context) error {
	playing, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	managers := max(1, r.Users/3)
	go func() {
		r.simulation.Run(playing, managers, r.Users-managers)
		close(over)
	}()
	if err := r.weigh(ctx); err != nil {
		return err
	}
	for range r.Slices {
		reads, writes := r.simulation.Answered()
		begun := time.Now()
		r.simulation.Admit(r.at)
		select {
		case <-time.After(r.Slice):
		case <-r.host.Ended:
			return fmt.Errorf("the host ended by itself (%w); its log ends with\n%s", r.host.Err, r.host.LastWords())
		case <-ctx.Done():
			return ctx.Err()
		}
		r.simulation.Pause()
		r.product += time.Since(begun)
		begun = time.Now()
		if err := traffic.WaitIdle(ctx, r.at); err != nil {
			return err
		}
		r.after += time.Since(begun)
		moreReads, moreWrites := r.simulation.Answered()
		begun = time.Now()
		if err := r.bare.send(ctx, moreReads-reads, moreWrites-writes); err != nil {
			return err
		}
		r.engine += time.Since(begun)
		if err := r.weigh(ctx); err != nil {
			return err
		}
	}
	// What the users have begun is ended, for the checks to know what is there.
	r.simulation.Finish()
	r.simulation.Admit(r.at)
	<-over
	return nil
}

func (r *run) weigh(ctx context.Context) error {
	var now struct{ HeapBytes, Goroutines int }
	if err := (client.Client{Base: r.at.BaseURL}).Must(ctx, "", "GET", "/_local/memory", nil, &now); err != nil {
		return err
	}
	resident, err := r.host.Resident()
	r.weighed = append(r.weighed, weight{r.product, resident, now.HeapBytes, now.Goroutines})
	return err
}

// check looks at everything that was acknowledged.
func (r *run) check(ctx context.Context) error {
	if err := traffic.WaitIdle(ctx, r.at, "sweep", "heads-up", "tend-outbox", "seal-record"); err != nil {
		return err
	}
	r.simulation.Check(ctx, r.at, true, true)
	r.simulation.CheckNames(ctx, r.at)
	var given struct {
		Failures []struct{ Function, Source, Error string }
	}
	if err := (client.Client{Base: r.at.BaseURL}).Must(ctx, "", "GET", "/_local/failures", nil, &given); err != nil {
		return err
	}
	for _, f := range given.Failures {
		r.simulation.Offend("%s gave up what a %s brought: %s", f.Function, f.Source, f.Error)
	}
	warm, end := r.weighed[(len(r.weighed)+2)/4], r.weighed[len(r.weighed)-1]
	if end.goroutines > warm.goroutines+moreGoroutines {
		r.simulation.Offend("there are %d goroutines at the end, and %d were there after %s", end.goroutines, warm.goroutines, warm.at)
	}
	if end.heap > warm.heap+moreHeap {
		r.simulation.Offend("%d bytes are alive at the end, and %d were after %s", end.heap, warm.heap, warm.at)
	}
	return nil
}

func (r *run) report() error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	reads, writes := r.simulation.Answered()
	refused, busy := 0, 0
	counts := r.simulation.Counts()
	for c, n := range counts {
		switch c.Status {
		case 429, 503:
			busy += n
		default:
			if c.Status >= 400 {
				refused += n
			}
		}
	}
	seconds := r.product.Seconds()
	line("%s, %d processors, machine load %s, %s; seed %d.\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), machineLoad(), runtime.Version(), r.Seed)
	line("| what | figure |\n|---|---|")
	line("| users at once, of whom manage releases | %d, %d |", r.Users, max(1, r.Users/3))
	line("| time at work | %.1f s in %d slices |", seconds, r.Slices)
	line("| releases begun | %d |", len(r.simulation.Releases()))
	line("| requests answered | %d (%d reads, %d writes), %.0f a second |", reads+writes, reads, writes, float64(reads+writes)/seconds)
	line("| refused as it has to be (4xx) | %d |", refused)
	line("| asked to come later (429, 503) | %d |", busy)
	line("| settling, mailing and publishing what was left after the slices | %.1f s |", r.after.Seconds())
	line("| as many bare GetItem and PutItem by as many clients | %.1f s, %.0f a second |", r.engine.Seconds(), float64(reads+writes)/r.engine.Seconds())
	line("| throughput ÷ the engine's | %.3f |", r.engine.Seconds()/seconds)
	for _, i := range []int{0, len(r.weighed) / 2, len(r.weighed) - 1} {
		w := r.weighed[i]
		line("| after %.0f s at work: resident, alive, goroutines | %d MB, %d MB, %d |", w.at.Seconds(), w.resident>>20, w.heap>>20, w.goroutines)
	}
	line("| acknowledged and not there, there twice, or answered otherwise | %d |", len(r.simulation.Wrong()))
	line("\n| operation | answer | times |\n|---|---|---|")
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b traffic.Count) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), a.Status-b.Status)
	}) {
		line("| %s | %d | %d |", k.Operation, k.Status, counts[k])
	}
	if _, err := io.WriteString(r.Out, b.String()); err != nil {
		return err
	}
	wrong := r.simulation.Wrong()
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d things are wrong:\n%s", len(wrong), strings.Join(wrong[:min(len(wrong), 40)], "\n"))
}

// machineLoad is how busy the machine is, ourselves included, as uptime says it.
func machineLoad() string {
	out, err := exec.Command("uptime").Output()
	if err != nil {
		return "unknown"
	}
	_, averages, found := strings.Cut(string(out), "load average")
	if !found {
		return "unknown"
	}
	return strings.Trim(averages, "s: \n")
}
