// Package budget lists all performance budgets of the product, in the order in which `make
// bench` prints them. Benchmarks report their figures here. It must not know how anything is
// measured.
package budget

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Budget is a row of the table: what is counted, and the most it may be.
type Budget struct {
	What   string
	Unit   string  // "requests"
	Most   float64 // 0 with Equal unset: reported only
	Equal  bool    // the figure must be exactly Most
	Target bool    // a goal and not a promise: exceeding it is not a failure
	Note   string  // why it may be exceeded, where a measurement explains that
}

// All are the budgets.
var All = []Budget{
	{What: "start of get-release ÷ bare bootstrap", Unit: "instructions", Most: 3.4, Target: true},
	{What: "start of get-release ÷ bare bootstrap, size", Unit: "bytes", Most: 1.5, Target: true},
	{What: "start of get-release ÷ bare bootstrap, memory", Unit: "bytes", Most: 1.5, Target: true},
	{What: "start of mcp ÷ bare bootstrap", Unit: "instructions", Most: 5.6, Target: true},

	{What: "transition", Unit: "requests", Most: 2},
	{What: "transition of a release of 2 KB, table", Unit: "WCU", Most: 10},
	{What: "transition of a release of 2 KB, indexes", Unit: "WCU"},
	{What: "release with 100 change requests, log aside", Unit: "requests", Most: 1},
	{What: "release with 100 change requests, log aside", Unit: "RCU", Most: 8},
	{What: "page of 25 releases", Unit: "requests", Most: 1},
	{What: "page of 25 releases", Unit: "RCU", Most: 1},
	{What: "log entry, one after another", Unit: "requests", Most: 2.1},
	{What: "log entry, 50 writers at once", Unit: "requests", Most: 3},

	{What: "settlement of a task", Unit: "writes", Most: 1, Equal: true},
	{What: "settlement of a task", Unit: "requests", Most: 1.06},
	{What: "settlement delivered again", Unit: "writes", Equal: true},
	{What: "settlement of 100 × 100 tasks ÷ bare writes", Unit: "time", Most: 1.25},
	{What: "settlement of 100 × 100 tasks ÷ bare writes and the same reads", Unit: "time", Most: 1.25},
	{What: "settlement of 100 × 100 tasks ÷ bare writes and the same reads, engine's thread", Unit: "time"},

	{What: "heads-up, nothing new, 10,000 resting releases", Unit: "requests", Most: 10},
	{What: "heads-up, nothing new, 10,000 resting releases", Unit: "RCU", Most: 10},
	{What: "heads-up, nothing new, 10,000 resting releases", Unit: "writes", Equal: true},
	{What: "heads-up, 10,000 due at once, each", Unit: "requests"},
	{What: "planning 1,000,000 tasks of 1 people, tells everybody", Unit: "MB", Most: 256},
	{What: "planning 1,000,000 tasks of 1 people, tells everybody", Unit: "RCU a task", Most: 1.2},
	{What: "planning 1,000,000 tasks of 1 people, nothing new", Unit: "MB", Most: 256},
	{What: "planning 1,000,000 tasks of 1 people, nothing new", Unit: "RCU a task", Most: 1.2},
	{What: "planning 1,000,000 tasks of 3000 people, tells everybody", Unit: "MB", Most: 256},
	{What: "planning 1,000,000 tasks of 3000 people, tells everybody", Unit: "RCU a task", Most: 1.2},
	{What: "planning 1,000,000 tasks of 3000 people, nothing new", Unit: "MB", Most: 256},
	{What: "planning 1,000,000 tasks of 3000 people, nothing new", Unit: "RCU a task", Most: 1.2},
	{What: "planning 1,000,000 tasks of 300000 people, tells everybody", Unit: "MB", Most: 256},
	{What: "planning 1,000,000 tasks of 300000 people, tells everybody", Unit: "RCU a task", Most: 1.2},

	{What: "sending at 14 a second, 8 senders, off the rate", Unit: "%", Most: 10},
	{What: "sending, a mail beyond the outbox's own", Unit: "requests", Most: 0.2},
	{What: "sending, a mail beyond the outbox's own", Unit: "WCU"},
	{What: "sealing of ten entries of one log, each beyond its put", Unit: "item writes", Most: 2},
	{What: "sealing of ten entries of ten logs, each beyond its put", Unit: "item writes"},
	{What: "sealing of 80 entries of one log, each beyond its put", Unit: "item writes", Most: 2},
	{What: "sealing of one entry, beyond its put", Unit: "item writes", Most: 4},
	{What: "sealing, with nothing to seal", Unit: "requests"},
	{What: "from an entry to its leaf, at worst", Unit: "seconds", Most: 120},
	{What: "evidence of a release with 1,000 entries", Unit: "requests", Most: 25},
	{What: "evidence of a release with 1,000 entries, offline check", Unit: "seconds", Most: 1},

	{What: "get_release concise, typical", Unit: "tokens", Most: 1000},
	{What: "get_release concise, at the bounds", Unit: "tokens", Most: 4000},
	{What: "get_release full, typical", Unit: "tokens", Most: 1600},
	{What: "get_release full, at most", Unit: "tokens", Most: 20000},
	{What: "tools/list core without outputSchema", Unit: "tokens", Most: 2500},
}

// FileVariable names the file to which rows are added, a JSON object each.
const FileVariable = "BUDGET_ROWS"

// Row is a line of the table.
type Row struct {
	What, Figure, Budget, Verdict string
}

// Report adds a figure to the table: to the file that FileVariable names, or otherwise to the
// benchmark's output. The benchmark fails if the list has no such budget.
func Report(b testing.TB, what, unit string, figure float64) {
	b.Helper()
	for _, budget := range All {
		if budget.What == what && budget.Unit == unit {
			budget.row(figure).report(b)
			return
		}
	}
	b.Errorf("package budget has no row %q in %s", what, unit)
}

// ReportOperation adds the cost of an operation next to its documented cost.
func ReportOperation(b testing.TB, what, figure, documented string) {
	b.Helper()
	verdict := "ok"
	if figure != documented {
		verdict = "OVER"
	}
	Row{what, figure, documented, verdict}.report(b)
}

func (b Budget) row(figure float64) Row {
	r := Row{What: b.What, Figure: short(figure) + " " + b.Unit, Verdict: "ok"}
	over := figure > b.Most
	switch {
	case b.Equal:
		r.Budget, over = "= "+short(b.Most), figure != b.Most
	case b.Most == 0:
		r.Budget, r.Verdict = "-", "-"
		return r
	default:
		r.Budget = "≤ " + short(b.Most)
	}
	if over {
		r.Verdict = "OVER"
		if b.Target {
			r.Verdict = "over the target"
		}
		if b.Note != "" {
			r.Verdict += ": " + b.Note
		}
	}
	return r
}

// short formats a figure without needless digits.
func short(figure float64) string {
	if figure >= 100 {
		return strconv.FormatFloat(figure, 'f', 0, 64)
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(figure, 'f', 2, 64), "0"), ".")
}

func (r Row) report(b testing.TB) {
	b.Helper()
	file := os.Getenv(FileVariable)
	if file == "" {
		b.Logf("%-64s %14s %10s  %s", r.What, r.Figure, r.Budget, r.Verdict)
		return
	}
	line, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n", line); err != nil {
		b.Fatal(err)
	}
}
