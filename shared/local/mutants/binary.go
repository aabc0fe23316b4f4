package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/releases/shared/local/engine"
)

// binary is the compiled tests of one package, built from the rewritten source.
type binary struct {
	file, dir string
	path      string // of the package
	name      string // of the package, as the table shows it
	hash      string
	tests     []*test
	always    map[string]bool // mutants that are reached before any test begins
}

// test is one top-level test and how long it takes.
type test struct {
	in   *binary
	name string
	took time.Duration
	// reaches are the mutants that it reaches: a condition by its id and the path to it.
	reaches map[string]bool
}

func (t *test) String() string { return t.in.name + "." + t.name }

// listed is a package that has tests.
type listed struct{ path, dir string }

// expand lists the packages with tests that match the patterns.
func expand(ctx context.Context, dir string, patterns []string) ([]listed, error) {
	list := exec.CommandContext(ctx, "go", append([]string{
		"list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}", "--",
	}, patterns...)...)
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(patterns, " "), err)
	}
	var all []listed
	for line := range strings.Lines(string(out)) {
		if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			all = append(all, listed{path, dir})
		}
	}
	return all, nil
}

// build compiles the tests of a package.
func build(ctx context.Context, pkg listed, overlay, folder string) (*binary, error) {
	_, name, _ := strings.Cut(pkg.path, "/shared/")
	name = strings.ReplaceAll(cmp.Or(name, filepath.Base(pkg.path)), "/", ".")
	b := &binary{dir: pkg.dir, path: pkg.path, name: name, file: filepath.Join(folder, name+".test")}
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", b.file, pkg.path)
	build.Dir = pkg.dir
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s does not build with the switches: %w\n%s", pkg.path, err, out)
	}
	text, err := os.ReadFile(b.file)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	b.hash = hex.EncodeToString(sum[:8])
	return b, nil
}

// lane runs test processes one after the other, on an engine of its own.
type lane struct {
	withEngine bool
	engine     *engine.Engine
	runs       int
}

// engineReplacedAfter is the number of processes after which a lane starts a new engine: an
// engine keeps every stream it ever had, and becomes slow.
const engineReplacedAfter = 30

func (l *lane) endpoint(ctx context.Context) (string, error) {
	if l.runs++; l.engine != nil && l.runs%engineReplacedAfter == 0 {
		l.stop()
	}
	if l.engine == nil {
		var err error
		if l.engine, err = engine.Start(ctx, engine.Options{}); err != nil {
			return "", err
		}
	}
	return l.engine.Endpoint(), nil
}

func (l *lane) stop() {
	if l.engine != nil {
		l.engine.Stop()
		l.engine = nil
	}
}

// outcome is what a test process printed.
type outcome struct {
	failed  []string // top-level tests, in order
	took    map[string]time.Duration
	reached map[string]map[string]bool // by test
	// misspelt says that removing the condition left an invalid expression, which DynamoDB
	// refused: that proves nothing about the guard.
	misspelt bool
	// timedOut says that it had not ended after the time that it was given.
	timedOut bool
	output   string
}

var (
	running  = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +([^/\s]+)`)
	ended    = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \((\d+\.\d+)s\)`)
	subtest  = regexp.MustCompile(`^    --- (?:PASS|FAIL|SKIP): ([^/\s]+)/[^/]+ \((\d+\.\d+)s\)`)
	misspelt = regexp.MustCompile(`ValidationException: (Invalid|Value provided)`)
)

// run runs tests of a binary, either with one mutant or, with off empty, tracing which mutants
// they reach. template is read instead of template.yaml, where it is given.
func (l *lane) run(ctx context.Context, b *binary, tests []string, off, template string, most time.Duration) (outcome, error) {
	o := outcome{took: map[string]time.Duration{}, reached: map[string]map[string]bool{}}
	cmd := exec.CommandContext(ctx, b.file, "-test.v", "-test.count=1", "-test.timeout", most.String(), "-test.run", "^("+strings.Join(tests, "|")+")$")
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "MUTANT_OFF="+off, "MUTANT_TEMPLATE="+template)
	if off != "" {
		cmd.Args = append(cmd.Args, "-test.failfast")
	} else {
		// One test at a time, so that it is clear which one reaches a condition.
		cmd.Args = append(cmd.Args, "-test.parallel=1")
		cmd.Env = append(cmd.Env, "MUTANT_TRACE=1")
	}
	if l.withEngine {
		endpoint, err := l.endpoint(ctx)
		if err != nil {
			return o, err
		}
		cmd.Env = append(cmd.Env, engine.EndpointVariable+"="+endpoint)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	o.read(&out)
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		return o, err
	}
	if err != nil && len(o.failed) == 0 && off != "" {
		// It did not get as far as a test: it panicked where variables get their values, or in TestMain.
		o.failed = append(o.failed, tests[0])
	}
	if err != nil && len(o.failed) == 0 {
		return o, fmt.Errorf("%s ended with %w and names no test that failed:\n%s", b.name, err, o.output)
	}
	return o, nil
}

func (o *outcome) read(out *bytes.Buffer) {
	var last []string
	subtests := map[string]time.Duration{}
	now := ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if at, ok := strings.CutPrefix(line, "@@ "); ok {
			if o.reached[now] == nil {
				o.reached[now] = map[string]bool{}
			}
			o.reached[now][at] = true
			continue
		}
		o.misspelt = o.misspelt || misspelt.MatchString(line)
		if line != "" {
			last = append(last, line)
		}
		if len(last) > 60 {
			last = last[1:]
		}
		if found := running.FindStringSubmatch(line); found != nil {
			now = found[1]
		}
		if found := ended.FindStringSubmatch(line); found != nil {
			o.took[found[2]] = secondsOf(found[3])
			if found[1] == "FAIL" {
				o.failed = append(o.failed, found[2])
			}
		}
		if found := subtest.FindStringSubmatch(line); found != nil {
			subtests[found[1]] += secondsOf(found[2])
		}
		o.timedOut = o.timedOut || strings.HasPrefix(line, "panic: test timed out")
		// It panicked or timed out: then no test is reported as failed.
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			if now != "" {
				o.failed = append(o.failed, now)
			}
		}
	}
	// A test's time is without that of its subtests that run in parallel.
	for name, took := range subtests {
		if _, passed := o.took[name]; passed {
			o.took[name] = max(o.took[name], took)
		}
	}
	o.output = strings.Join(last, "\n")
}

func secondsOf(text string) time.Duration {
	seconds, _ := strconv.ParseFloat(text, 64)
	return time.Duration(seconds * float64(time.Second))
}

// list returns the names of a binary's tests.
func (b *binary) list(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, b.file, "-test.list", ".")
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "Test") {
			names = append(names, name)
		}
	}
	return names, nil
}

// inLanes distributes work over the lanes, and returns the first error.
func inLanes[T any](ctx context.Context, lanes []*lane, work []T, do func(context.Context, *lane, T) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan T, len(work))
	for _, w := range work {
		queue <- w
	}
	close(queue)
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() {
			for w := range queue {
				if ctx.Err() != nil {
					return
				}
				if err := do(ctx, l, w); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	return nil
}
