// Command bench runs the benchmarks and prints one table of what they report: figure, budget
// and verdict. It must not know what is measured: package budget lists the budgets, and the
// benchmarks report the figures.
//
//	go run ./shared/local/engine/with go run ./shared/local/bench [-only regexp] [-page file.md]
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/local/budget"
)

func main() {
	only := flag.String("only", "", "a regular expression: only benchmarks whose name matches, such as HeadsUp")
	page := flag.String("page", "", "a Markdown file to which the table is written as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, *only, *page, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// folder holds the benchmarks' own output, one file per package in the format that benchstat
// reads, and the table's rows.
const folder = ".local/bench"

// run prints the table. It reports whether all benchmarks succeeded. Exceeding a budget is not
// a failure, but a budget that no benchmark of a full run reports is.
func run(ctx context.Context, only, page string, out io.Writer) (bool, error) {
	name, err := regexp.Compile(only)
	if err != nil {
		return false, fmt.Errorf("-only: %w", err)
	}
	packages, err := withBenchmarks("shared", name)
	if err != nil {
		return false, err
	}
	if len(packages) == 0 {
		return false, fmt.Errorf("no benchmark is called like %q", only)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { // people read there
		return false, err
	}
	rows := filepath.Join(folder, "rows.jsonl")
	if err := os.RemoveAll(rows); err != nil {
		return false, err
	}
	t := &table{out: out}
	ok := true
	for _, p := range packages {
		output, err := benchmark(ctx, p, only, rows)
		if err := t.print(rows); err != nil {
			return false, err
		}
		if err != nil {
			ok = false
			fmt.Fprintf(out, "\n%s: %v\n%s\n", p, err, output)
		}
	}
	missing := 0
	if only == "" {
		missing = t.missing()
	}
	fmt.Fprintf(out, "\n%d rows, %d over their budget, %d over a target, %d not measured. What each benchmark printed: %s\n", len(t.rows), t.count("OVER"), t.count("over the target"), missing, folder)
	if page != "" {
		err = os.WriteFile(page, t.markdown(), 0o600)
	}
	return ok && missing == 0, err
}

var declaration = regexp.MustCompile(`(?m)^func (Benchmark\w*)\(`)

// withBenchmarks lists the packages below root with a benchmark whose name matches.
func withBenchmarks(root string, name *regexp.Regexp) ([]string, error) {
	var all []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(source, -1) {
			if name.Match(m[1]) {
				all = append(all, "./"+filepath.ToSlash(filepath.Dir(path)))
			}
		}
		return err
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// benchmark runs the benchmarks of one package, saves what they print, and returns it.
func benchmark(ctx context.Context, of, only, rows string) ([]byte, error) {
	if only == "" {
		only = "."
	}
	absolute, err := filepath.Abs(rows)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", only, "-benchtime", "1x", "-timeout", "30m", of) // the developer's own arguments
	cmd.Env = append(os.Environ(), budget.FileVariable+"="+absolute)
	output, err := cmd.CombinedOutput()
	file := strings.ReplaceAll(strings.TrimPrefix(of, "./"), "/", "_") + ".txt"
	return output, errors.Join(err, os.WriteFile(filepath.Join(folder, file), output, 0o600))
}

// table is what has been printed so far.
type table struct {
	out  io.Writer
	rows []budget.Row
}

// print prints the rows that were added to the file since the last call.
func (t *table) print(file string) error {
	all, err := os.ReadFile(file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(all))
	for n := 0; lines.Scan(); n++ {
		var r budget.Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		if n < len(t.rows) {
			continue
		}
		if len(t.rows) == 0 {
			t.line(budget.Row{What: "what", Figure: "figure", Budget: "budget", Verdict: "verdict"})
		}
		t.rows = append(t.rows, r)
		t.line(r)
	}
	return lines.Err()
}

func (t *table) line(r budget.Row) {
	fmt.Fprintf(t.out, "%s %s %s  %s\n", pad(r.What, 72), pad(r.Figure, 34), pad(r.Budget, 34), r.Verdict)
}

// pad pads a text to a width in characters; format verbs would count the bytes of "≤" and "÷".
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// missing prints the budgets that no benchmark reported, and counts them.
func (t *table) missing() int {
	n := 0
	for _, b := range budget.All {
		reported := slices.ContainsFunc(t.rows, func(r budget.Row) bool {
			return r.What == b.What && strings.HasSuffix(r.Figure, " "+b.Unit)
		})
		if !reported {
			n++
			t.line(budget.Row{What: b.What, Figure: "not measured", Budget: b.Unit, Verdict: "MISSING"})
		}
	}
	return n
}

func (t *table) count(verdict string) int {
	n := 0
	for _, r := range t.rows {
		if strings.HasPrefix(r.Verdict, verdict) {
			n++
		}
	}
	return n
}

// markdown returns the table as a page of the docs.
func (t *table) markdown() []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.What, r.Figure, r.Budget, r.Verdict)
	}
	return b.Bytes()
}

const pageHead = `# The budgets, in one run

Written by ` + "`make performance`" + ` on a machine with two cores. Requests, capacity units, bytes, instructions and tokens are exact and the
same everywhere; ratios of times are of one run. R and W are read and write capacity units; W of the table + W of its indexes.

| what | figure | budget | verdict |
|---|---|---|---|
`
