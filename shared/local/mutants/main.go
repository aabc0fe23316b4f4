// Command mutants changes the product at one place at a time and checks whether a test fails:
// it removes a condition of a guarded write, lowers a role, moves a bound, takes an entry out
// of a list or a word out of a stream's filter, or makes one of the mistakes that are written
// down by hand. What no test misses needs a test, or is deleted as redundant, or is explained
// (see explanation and explained.txt). It must not know what the product is for.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"example.com/releases/shared/local/engine"
)

// options say what is changed, and which tests are to notice.
type options struct {
	writes   string   // the package with the guarded writes
	folders  []string // of the other kinds, from the root
	product  bool     // with filters, mutants by hand and explanations
	packages []string // whose tests are run
	only     string
	lanes    int
	engine   bool
	kept     string // a folder for what is kept between runs
	forget   bool
	stale    bool
	most     time.Duration
	tryNone  bool
	load     float64 // of the machine, above which it waits; 0: never
}

func main() {
	o := options{product: true, engine: true, writes: "shared/dynamo", folders: mutated}
	flag.StringVar(&o.only, "only", "", "a regular expression: only mutants whose line matches")
	flag.IntVar(&o.lanes, "lanes", runtime.NumCPU(), "how many test processes run at once, each lane on an engine of its own")
	flag.StringVar(&o.kept, "kept", ".local/mutants", "the folder that keeps verdicts, and what each test reaches")
	flag.BoolVar(&o.forget, "forget", false, "forget earlier verdicts")
	flag.BoolVar(&o.stale, "stale", false, "use what tests were seen to reach although code has changed since")
	flag.DurationVar(&o.most, "most", 3*time.Minute, "how long tests may look for one mutant")
	flag.Float64Var(&o.load, "load", 0, "wait while the machine's load is above this; 0 for never (Linux only)")
	without := flag.Bool("no-engine", false, "the tests need no database engine")
	flag.BoolVar(&o.tryNone, "known", false, "report what earlier runs found, and try nothing")
	list := flag.Bool("list", false, "list the mutants and try none")
	flag.Parse()
	o.engine = !*without
	if o.packages = flag.Args(); len(o.packages) == 0 {
		o.packages = tested
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var ok bool
	var err error
	if *list {
		ok, err = true, o.list(ctx, os.Stdout)
	} else {
		ok, err = run(ctx, o, os.Stdout, os.Stderr)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// tested are the packages whose tests are to notice a mutant. Those of the laptop's host are
// not among them: they are slow, and nothing but them tells what a rule of the product is.
var tested = []string{
	"./shared", "./shared/address", "./shared/calendar", "./shared/dynamo", "./shared/figures", "./shared/host", "./shared/identity", "./shared/mail",
	"./shared/mcptools/...", "./shared/notify/...", "./shared/operations", "./shared/record", "./shared/release", "./shared/rest/...", "./shared/seal",
	"./shared/settle", "./shared/stream", "./shared/trustcenter", "./shared/local/template", "./shared/testkit",
}

// list prints the mutants.
func (o options) list(ctx context.Context, out io.Writer) error {
	root, err := engine.Root()
	if err != nil {
		return err
	}
	p, err := readProgram(ctx, root, o.writes, o.folders, o.product)
	if err != nil {
		return err
	}
	for _, s := range p.sites {
		fmt.Fprintf(out, "%s\n", s.id())
	}
	return nil
}

// takesOver tells whether a verdict that is no kill is taken from an earlier run: any where
// nothing is tried, and an explained one for as long as its explanation is there.
func (o options) takesOver(f finding, m *mutant, source string) bool {
	switch {
	case f.Source != source:
		return false
	case f.Verdict == redundant:
		return (o.tryNone || o.stale) && m.why.covers(m.path)
	default:
		return o.tryNone
	}
}

// run prints the table, and reports whether every mutant is killed or explained. It takes
// minutes, so it prints its progress.
func run(ctx context.Context, o options, out, progress io.Writer) (bool, error) {
	root, err := engine.Root()
	if err != nil {
		return false, err
	}
	h := &hunt{log: progress, stale: o.stale, most: o.most, load: o.load}
	if o.kept == "" {
		if h.folder, err = os.MkdirTemp("", "mutants"); err != nil {
			return false, err
		}
		defer os.RemoveAll(h.folder)
	} else {
		// The same folder each time, so that what has not changed is not built again.
		if h.folder, err = filepath.Abs(filepath.Join(o.kept, "build")); err != nil {
			return false, err
		}
		h.reachFolder = filepath.Join(o.kept, "reach")
		if err := os.MkdirAll(h.folder, 0o700); err != nil {
			return false, err
		}
		o.kept = filepath.Join(o.kept, "verdicts.jsonl")
	}
	if h.ledger, err = openLedger(o.kept, o.forget); err != nil {
		return false, err
	}
	if o.only != "" {
		if h.only, err = regexp.Compile(o.only); err != nil {
			return false, err
		}
	}
	if h.program, err = readProgram(ctx, root, o.writes, o.folders, o.product); err != nil {
		return false, err
	}
	var all []listed
	if !o.tryNone {
		if all, err = expand(ctx, ".", o.packages); err != nil {
			return false, err
		}
	}
	overlay, err := h.program.overlay(h.folder, all)
	if err != nil {
		return false, err
	}
	for range o.lanes {
		l := &lane{withEngine: o.engine}
		defer l.stop()
		h.lanes = append(h.lanes, l)
	}
	began := time.Now()
	if err := h.record(ctx, all, overlay); err != nil {
		return false, err
	}
	mutants := h.mutants()
	fmt.Fprintf(out, "%d places, %d mutants with the writes they are in; recorded in %s\n\n", len(h.program.sites), len(mutants), time.Since(began).Round(time.Second))
	slices.SortStableFunc(mutants, func(a, b *mutant) int { return cmp.Compare(a.urgency(), b.urgency()) })
	tried := 0
	err = inLanes(ctx, h.lanes, mutants, func(ctx context.Context, l *lane, m *mutant) error {
		source := h.program.hash(m.site)
		if f, stands := h.ledger.find(m.name(), source); stands || o.takesOver(f, m, source) {
			m.verdict, m.by = f.Verdict, f.By
		} else if !o.tryNone {
			if err := waitForLoad(ctx, o.load); err != nil {
				return err
			}
			if err := h.try(ctx, l, m); err != nil {
				return fmt.Errorf("%s: %w", m, err)
			}
			if err := h.ledger.add(finding{Mutant: m.name(), Source: source, Verdict: m.verdict, By: m.by, At: time.Now().UTC()}); err != nil {
				return err
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		tried++
		fmt.Fprintf(progress, "%3d/%d %-9s %s  %s\n", tried, len(mutants), m.verdict, m, m.by)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return false, err
	}
	return h.report(mutants, out, time.Since(began)), nil
}

// waitForLoad returns once the machine has time for us.
func waitForLoad(ctx context.Context, most float64) error {
	for most > 0 {
		text, err := os.ReadFile("/proc/loadavg")
		var load float64
		if err != nil {
			return err
		}
		if _, err := fmt.Sscan(string(text), &load); err != nil || load < most {
			return err
		}
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
