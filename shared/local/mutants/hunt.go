package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mutant is one write without one of its conditions.
type mutant struct {
	*site
	path    []string // the call path from the write to the condition
	verdict verdict
	by      string // the test that notices
}

type verdict string

const (
	killed    verdict = "killed"
	byChance  verdict = "by chance" // a test failed, but passed when it ran again
	survived  verdict = "SURVIVED"
	redundant verdict = "redundant"
	unreached verdict = "UNREACHED"
)

func (m *mutant) key() string { return fmt.Sprintf("%d@%s", m.number, strings.Join(m.path, ">")) }

func (m *mutant) where() string { return fmt.Sprintf("%s:%d", m.file, m.line) }

// hunt searches for conditions whose removal no test notices.
type hunt struct {
	source *source
	lanes  []*lane
	only   *regexp.Regexp
	log    io.Writer

	mu       sync.Mutex
	binaries []*binary
}

// record runs every test once, with all conditions, and records which conditions each test
// reaches.
func (h *hunt) record(ctx context.Context, packages []listed, overlay, folder string) error {
	return inLanes(ctx, h.lanes, packages, func(ctx context.Context, l *lane, pkg listed) error {
		b, err := build(ctx, pkg, overlay, folder)
		if err != nil {
			return err
		}
		names, err := b.list(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		o, err := l.run(ctx, b, names, "", 20*time.Minute)
		if err != nil {
			return err
		}
		for _, name := range names {
			if len(o.reached[name]) > 0 {
				if slices.Contains(o.failed, name) {
					return fmt.Errorf("%s.%s fails although no condition is missing:\n%s", b.name, name, o.output)
				}
				b.tests = append(b.tests, &test{in: b, name: name, took: o.took[name], reaches: o.reached[name]})
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		fmt.Fprintf(h.log, "%-28s %3d tests, %3d of them reach conditions, %s\n", b.name, len(names), len(b.tests), time.Since(began).Round(time.Second))
		h.binaries = append(h.binaries, b)
		return nil
	})
}

// mutants lists every condition on every call path that the tests reach, and those that no
// test reaches, in source order.
func (h *hunt) mutants() []*mutant {
	seen := map[string]bool{}
	for _, b := range h.binaries {
		for _, t := range b.tests {
			for key := range t.reaches {
				seen[key] = true
			}
		}
	}
	paths := map[int][][]string{}
	for key := range seen {
		number, path, _ := strings.Cut(key, "@")
		n, _ := strconv.Atoi(number)
		paths[n] = append(paths[n], strings.Split(path, ">"))
	}
	var all []*mutant
	for _, s := range h.source.sites {
		if len(paths[s.number]) == 0 {
			all = append(all, &mutant{site: s, path: []string{s.function}, verdict: unreached})
		}
		slices.SortFunc(paths[s.number], slices.Compare)
		for _, path := range paths[s.number] {
			all = append(all, &mutant{site: s, path: path})
		}
	}
	return slices.DeleteFunc(all, func(m *mutant) bool {
		return h.only != nil && !h.only.MatchString(m.where()+" "+strings.Join(m.path, ">")+" "+m.condition)
	})
}

// tier groups tests by duration: tests of one tier and package share a process, quicker tiers
// run first, and each test of the last tier gets its own.
func tier(t *test) int {
	for n, most := range []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second} {
		if t.took <= most {
			return n
		}
	}
	return 3
}

// try runs the tests that reach the condition, quick ones first.
func (h *hunt) try(ctx context.Context, l *lane, m *mutant) error {
	var reaching []*test
	for _, b := range h.binaries {
		for _, t := range b.tests {
			if t.reaches[m.key()] {
				reaching = append(reaching, t)
			}
		}
	}
	slices.SortStableFunc(reaching, func(a, b *test) int {
		return cmp.Or(cmp.Compare(tier(a), tier(b)), cmp.Compare(a.in.name, b.in.name))
	})
	m.verdict = survived
	for len(reaching) > 0 {
		n := 1
		for n < len(reaching) && tier(reaching[0]) < 3 && tier(reaching[n]) == tier(reaching[0]) && reaching[n].in == reaching[0].in {
			n++
		}
		names := make([]string, n)
		most := 20 * time.Second
		for i, t := range reaching[:n] {
			names[i] = t.name
			most += 3 * t.took
		}
		o, err := l.run(ctx, reaching[0].in, names, m.key(), most)
		if err != nil {
			return err
		}
		if len(o.failed) == 0 {
			reaching = reaching[n:]
			continue
		}
		at := slices.IndexFunc(reaching, func(t *test) bool { return t.name == o.failed[0] })
		if at < 0 || at >= n {
			return fmt.Errorf("%s: %s failed, which was not asked for", reaching[0].in.name, o.failed[0])
		}
		if o.misspelt {
			return fmt.Errorf("%s: the expression without the condition is not understood:\n%s", o.failed[0], o.output)
		}
		m.by = reaching[at].String()
		if o, err = l.run(ctx, reaching[at].in, []string{reaching[at].name}, m.key(), most); err != nil {
			return err
		}
		if len(o.failed) > 0 {
			m.verdict = killed
			return nil
		}
		m.verdict = byChance
		reaching = slices.Delete(reaching, at, at+1)
	}
	if m.why.covers(m.path) {
		m.verdict, m.by = redundant, m.why.text
	}
	return nil
}
