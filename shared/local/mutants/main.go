// Command mutants removes the conditions of the guarded writes, one condition of one write at
// a time, and checks whether a test fails. A condition that no test misses needs a test, or is
// deleted as redundant, or has a comment that says why it stays (see explanation). It must not
// know what any write is for.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	dir := flag.String("dir", "shared/dynamo", "the folder of the package whose conditions are taken away")
	only := flag.String("only", "", "a regular expression: only mutants whose line in the table matches")
	lanes := flag.Int("lanes", runtime.NumCPU(), "how many test processes run at once, each lane on an engine of its own")
	noEngine := flag.Bool("no-engine", false, "the tests need no database engine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, *dir, flag.Args(), *only, *lanes, !*noEngine, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run prints the table, and reports whether every condition is tested or explained. It takes
// minutes, so it prints its progress.
func run(ctx context.Context, dir string, packages []string, only string, lanes int, withEngine bool, out, progress io.Writer) (bool, error) {
	folder, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	h := &hunt{log: out}
	if only != "" {
		if h.only, err = regexp.Compile(only); err != nil {
			return false, err
		}
	}
	if h.source, err = readSource(dir); err != nil {
		return false, err
	}
	all, err := expand(ctx, ".", packages)
	if err != nil {
		return false, err
	}
	overlay, err := h.source.overlay(folder)
	if err != nil {
		return false, err
	}
	for range lanes {
		l := &lane{withEngine: withEngine}
		defer l.stop()
		h.lanes = append(h.lanes, l)
	}
	began := time.Now()
	if err := h.record(ctx, all, overlay, folder); err != nil {
		return false, err
	}
	mutants := h.mutants()
	fmt.Fprintf(out, "%d conditions, %d with the writes they are in; recorded in %s\n\n", len(h.source.sites), len(mutants), time.Since(began).Round(time.Second))
	tried := 0
	err = inLanes(ctx, h.lanes, mutants, func(ctx context.Context, l *lane, m *mutant) error {
		if m.verdict == "" {
			if err := h.try(ctx, l, m); err != nil {
				return fmt.Errorf("%s %s: %w", m.where(), m.condition, err)
			}
		} else if m.why.covers(m.path) {
			m.verdict, m.by = redundant, m.why.text
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		tried++
		fmt.Fprintf(progress, "%3d/%d %-9s %s %s %s\n", tried, len(mutants), m.verdict, m.where(), strings.Join(m.path, ">"), m.condition)
		return nil
	})
	if err != nil {
		return false, err
	}
	return h.report(mutants, out, time.Since(began)), nil
}

func (h *hunt) report(mutants []*mutant, out io.Writer, took time.Duration) bool {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	count := map[verdict]int{}
	for _, m := range mutants {
		count[m.verdict]++
		if m.verdict == redundant {
			m.why.used = true
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", m.where(), strings.Join(m.path, ">"), shorten(m.condition), m.verdict, m.by)
	}
	_ = table.Flush()
	held := count[killed] + count[redundant]
	fmt.Fprintf(out, "\n%d of %d held in %s: %d killed, %d redundant and explained, %d by chance, %d survived, %d not reached\n",
		held, len(mutants), took.Round(time.Second), count[killed], count[redundant], count[byChance], count[survived], count[unreached])
	ok := held == len(mutants)
	for _, s := range h.source.sites {
		if h.only == nil && s.why != nil && !s.why.used {
			ok = false
			fmt.Fprintf(out, "%s:%d: %s is not redundant, a test notices when it is missing: delete what is said of it\n", s.file, s.line, shorten(s.condition))
		}
	}
	return ok
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
