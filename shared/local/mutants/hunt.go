package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// mutant is the product with one thing changed: of a write, one condition less.
type mutant struct {
	*site
	path    []string // the call path from the write to the condition
	verdict verdict
	by      string // the test that notices
	untried int    // tests that there was no time for
}

type verdict string

const (
	killed    verdict = "killed"
	byChance  verdict = "by chance" // a test failed, but passed when it ran again
	survived  verdict = "SURVIVED"
	redundant verdict = "redundant" // and what proves it stands beside it
	unreached verdict = "UNREACHED"
	notRun    verdict = "not run"
)

// off is what the environment says to have the mutant.
func (m *mutant) off() string {
	if m.kind == kindCondition {
		return fmt.Sprintf("%d@%s", m.number, strings.Join(m.path, ">"))
	}
	return strconv.Itoa(m.number)
}

// name is its name in the ledger.
func (m *mutant) name() string {
	if m.kind == kindCondition {
		return m.id() + "@" + strings.Join(m.path, ">")
	}
	return m.id()
}

func (m *mutant) where() string { return fmt.Sprintf("%s:%d", m.file, m.line) }

// urgency puts first what would do most harm.
func (m *mutant) urgency() int {
	return slices.Index([]string{kindHand, kindFilter, kindRole, kindCondition, kindRetry, kindAction, kindBound, kindList, kindRow}, m.class())
}

// String is the mutant in a line.
func (m *mutant) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", m.class(), m.where(), strings.Join(m.path, ">"), m.condition, m.change))
}

// hunt searches for mutants that no test notices.
type hunt struct {
	program     *program
	lanes       []*lane
	only        *regexp.Regexp
	ledger      *ledger
	reachFolder string // the folder that keeps what tests reach; empty: nothing is kept
	stale       bool   // what was kept of another binary counts too
	most        time.Duration
	load        float64
	folder      string
	log         io.Writer

	mu       sync.Mutex
	binaries []*binary
	killers  map[string][]*test // of each file's mutants, the latest first
}

// record builds the tests of each package and runs all of them once, as they are, to record
// which mutants each one reaches.
func (h *hunt) record(ctx context.Context, packages []listed, overlay string) error {
	return inLanes(ctx, h.lanes, packages, func(ctx context.Context, l *lane, pkg listed) error {
		if err := waitForLoad(ctx, h.load); err != nil {
			return err
		}
		b, err := build(ctx, pkg, overlay, h.folder)
		if err != nil {
			return err
		}
		names, err := b.list(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		kept := filepath.Join(h.reachFolder, b.name+".json")
		r, known := readReaching(kept)
		if h.reachFolder == "" || !known || r.Binary != b.hash {
			traced := names
			if known && h.stale {
				traced = slices.DeleteFunc(slices.Clone(names), r.knows) // only what is new
			}
			if len(traced) > 0 {
				latest, err := h.trace(ctx, l, b, traced)
				if err != nil {
					return err
				}
				if known && h.stale {
					latest.Tests, latest.Always, latest.Binary = slices.Concat(r.Tests, latest.Tests), r.Always, r.Binary
				}
				r = latest
			}
			if h.reachFolder != "" {
				if err := r.save(kept); err != nil {
					return err
				}
			}
		}
		b.take(r, names)
		h.mu.Lock()
		defer h.mu.Unlock()
		reaching := 0
		for _, t := range b.tests {
			if len(t.reaches) > 0 {
				reaching++
			}
		}
		fmt.Fprintf(h.log, "%-28s %3d tests, %3d of them reach mutants, %s\n", b.name, len(names), reaching, time.Since(began).Round(time.Second))
		h.binaries = append(h.binaries, b)
		return nil
	})
}

// trace runs all tests of a binary. One that fails as it is says nothing about a mutant, and
// is left out.
func (h *hunt) trace(ctx context.Context, l *lane, b *binary, names []string) (reaching, error) {
	o, err := l.run(ctx, b, names, "", "", 20*time.Minute)
	if err != nil {
		return reaching{}, err
	}
	r := reaching{Binary: b.hash, Always: h.ids(o.reached[""])}
	for _, name := range names {
		if slices.Contains(o.failed, name) {
			fmt.Fprintf(h.log, "%s.%s fails although nothing is changed, and is left out:\n%s\n", b.name, name, o.output)
			continue
		}
		if took, ran := o.took[name]; ran {
			r.Tests = append(r.Tests, reachedTest{Name: name, Took: took, Reaches: h.ids(o.reached[name])})
		}
	}
	return r, nil
}

// ids are the names of what a binary has traced by number.
func (h *hunt) ids(traced map[string]bool) []string {
	byNumber := map[int]*site{}
	for _, s := range h.program.sites {
		byNumber[s.number] = s
	}
	var all []string
	for key := range traced {
		number, path, condition := strings.Cut(key, "@")
		n, _ := strconv.Atoi(number)
		switch s := byNumber[n]; {
		case n == templateReached:
			all = append(all, "template.yaml")
		case s == nil:
		case condition:
			all = append(all, s.id()+"@"+path)
		default:
			all = append(all, s.id())
		}
	}
	slices.Sort(all)
	return all
}

// take gives the binary the tests that it has, with what they were seen to reach.
func (b *binary) take(r reaching, names []string) {
	b.always = map[string]bool{}
	for _, id := range r.Always {
		b.always[id] = true
	}
	for _, t := range r.Tests {
		if !slices.Contains(names, t.Name) {
			continue
		}
		one := &test{in: b, name: t.Name, took: t.Took, reaches: map[string]bool{}}
		for _, id := range t.Reaches {
			one.reaches[id] = true
		}
		b.tests = append(b.tests, one)
	}
}

// mutants lists every condition on every call path that the tests reach, and every other
// mutant, in source order.
func (h *hunt) mutants() []*mutant {
	paths := map[string][][]string{}
	seen := map[string]bool{}
	for _, b := range h.binaries {
		for _, t := range b.tests {
			for key := range t.reaches {
				if id, path, condition := strings.Cut(key, "@"); condition && !seen[key] {
					seen[key] = true
					paths[id] = append(paths[id], strings.Split(path, ">"))
				}
			}
		}
	}
	var all []*mutant
	for _, s := range h.program.sites {
		if s.kind != kindCondition || len(paths[s.id()]) == 0 {
			all = append(all, &mutant{site: s, path: []string{s.function}})
			continue
		}
		slices.SortFunc(paths[s.id()], slices.Compare)
		for _, path := range paths[s.id()] {
			all = append(all, &mutant{site: s, path: path})
		}
	}
	return slices.DeleteFunc(all, func(m *mutant) bool { return h.only != nil && !h.only.MatchString(m.String()) })
}

// together is how many tests share a process at most: one that notices ends it, and those that
// are left wait for nothing.
const together = 12

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

// reaching lists the tests that reach a mutant, those first that are likely to notice it soon:
// quick ones, of its own package before others.
func (h *hunt) reaching(m *mutant) []*test {
	key := m.name()
	switch {
	case m.reached == templateReached:
		key = "template.yaml"
	case m.reached != m.number:
		for _, s := range h.program.sites {
			if s.number == m.reached {
				key = s.id()
			}
		}
	}
	own := modulePrefix + filepath.Dir(m.file)
	if m.reached == templateReached {
		own = modulePrefix + "shared" // every test with an engine reads the template; these read it for its own sake
	}
	all := h.reachedBy(func(b *binary, t *test) bool { return t.reaches[key] || b.always[key] })
	if h.stale && len(all) == 0 {
		// It may be newer than what was recorded: then whatever reaches its file counts.
		in := " · " + m.file + " · "
		all = h.reachedBy(func(_ *binary, t *test) bool {
			for id := range t.reaches {
				if strings.Contains(id, in) {
					return true
				}
			}
			return false
		})
	}
	rank := func(t *test) int {
		n := 2 * tier(t)
		if own != "" && t.in.path != own {
			n += 3 // quick tests of others come with the slower ones of its own
		}
		return n
	}
	// A test that reaches little is more likely to look at what it reaches.
	slices.SortStableFunc(all, func(a, b *test) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.in.name, b.in.name), cmp.Compare(len(a.reaches), len(b.reaches)))
	})
	return all
}

func (h *hunt) reachedBy(reaches func(*binary, *test) bool) []*test {
	var all []*test
	for _, b := range h.binaries {
		for _, t := range b.tests {
			if reaches(b, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// try runs the tests that reach the mutant, until one fails.
func (h *hunt) try(ctx context.Context, l *lane, m *mutant) error {
	tests := h.reaching(m)
	m.verdict = survived
	if len(tests) == 0 {
		m.verdict = unreached
	}
	template := ""
	if m.template != "" {
		var err error
		if template, err = m.asTemplate(h.folder); err != nil {
			return err
		}
	}
	// What noticed another mutant of the file is likely to notice this one.
	h.mu.Lock()
	killers := slices.Clone(h.killers[m.file])
	h.mu.Unlock()
	killers = slices.DeleteFunc(killers, func(t *test) bool { return tier(t) > 1 || !slices.Contains(tests, t) })
	// Above all what noticed this one before.
	if at := slices.IndexFunc(tests, func(t *test) bool { return t.String() == h.ledger.noticed[m.name()] }); at >= 0 {
		killers = append([]*test{tests[at]}, slices.DeleteFunc(killers, func(t *test) bool { return t == tests[at] })...)
	}
	for len(killers) > 0 {
		first := slices.DeleteFunc(slices.Clone(killers), func(t *test) bool { return t.in != killers[0].in })
		if done, err := h.with(ctx, l, m, first, template); err != nil || done {
			return err
		}
		tried := func(t *test) bool { return slices.Contains(first, t) }
		killers, tests = slices.DeleteFunc(killers, tried), slices.DeleteFunc(tests, tried)
	}
	began := time.Now()
	for len(tests) > 0 {
		if time.Since(began) > h.most {
			m.untried = len(tests)
			break
		}
		n := 1
		for n < min(len(tests), together) && tier(tests[0]) < 3 && tier(tests[n]) == tier(tests[0]) && tests[n].in == tests[0].in {
			n++
		}
		if done, err := h.with(ctx, l, m, tests[:n], template); err != nil || done {
			return err
		}
		tests = tests[n:]
	}
	if m.why.covers(m.path) {
		m.verdict, m.by = redundant, m.why.text
	}
	return nil
}

// with runs tests of one binary with the mutant, and again the one that fails, until none
// does; true where the mutant is killed.
func (h *hunt) with(ctx context.Context, l *lane, m *mutant, tests []*test, template string) (bool, error) {
	for len(tests) > 0 {
		names := make([]string, len(tests))
		most := 20 * time.Second
		for i, t := range tests {
			names[i] = t.name
			most += 3 * t.took
		}
		o, err := l.run(ctx, tests[0].in, names, m.off(), template, most)
		if err != nil {
			return false, err
		}
		if len(o.failed) == 0 {
			return false, nil
		}
		at := slices.IndexFunc(tests, func(t *test) bool { return t.name == o.failed[0] })
		if at < 0 {
			return false, fmt.Errorf("%s: %s failed, which was not asked for", tests[0].in.name, o.failed[0])
		}
		if o.misspelt && m.kind == kindCondition {
			return false, fmt.Errorf("%s: the expression without the condition is not understood:\n%s", o.failed[0], o.output)
		}
		m.by = tests[at].String()
		if o.timedOut {
			// A mutant can make a test wait for ever, and a busy machine can make it slow: it gets
			// more time than it would need on a machine that is ten times slower.
			most = 2*time.Minute + 10*tests[at].took
		}
		if o, err = l.run(ctx, tests[at].in, []string{tests[at].name}, m.off(), template, most); err != nil {
			return false, err
		}
		if len(o.failed) > 0 {
			m.verdict = killed
			h.addKiller(m, tests[at])
			return true, nil
		}
		m.verdict = byChance
		tests = slices.Concat(tests[:at], tests[at+1:])
	}
	return false, nil
}

// addKiller keeps the latest four tests that noticed mutants of a file.
func (h *hunt) addKiller(m *mutant, by *test) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.killers == nil {
		h.killers = map[string][]*test{}
	}
	others := slices.DeleteFunc(h.killers[m.file], func(t *test) bool { return t == by })
	h.killers[m.file] = append([]*test{by}, others[:min(len(others), 3)]...)
}
