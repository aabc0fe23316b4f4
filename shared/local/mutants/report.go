package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report prints the table of all mutants, the score by kind, and what is left to do.
func (h *hunt) report(mutants []*mutant, out io.Writer, took time.Duration) bool {
	slices.SortStableFunc(mutants, func(a, b *mutant) int { return cmp.Compare(a.number, b.number) })
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range mutants {
		if m.verdict == "" {
			m.verdict = notRun
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.class(), m.where(), strings.Join(m.path, ">"), shorten(m.condition), m.change, m.verdict, m.by)
	}
	_ = table.Flush()
	h.score(mutants, out)
	count := map[verdict]int{}
	for _, m := range mutants {
		count[m.verdict]++
		if m.verdict == redundant {
			m.why.used = true
		}
	}
	held := count[killed] + count[redundant]
	fmt.Fprintf(out, "\n%d of %d held in %s: %d killed, %d redundant and explained, %d by chance, %d survived, %d not reached, %d not run\n",
		held, len(mutants), took.Round(time.Second), count[killed], count[redundant], count[byChance], count[survived], count[unreached], count[notRun])
	for _, m := range mutants {
		if m.verdict != killed && m.verdict != redundant && m.verdict != notRun {
			fmt.Fprintf(out, "%s: %s", m.verdict, m)
			if m.untried > 0 {
				fmt.Fprintf(out, " (%d tests that reach it were not run, for lack of time)", m.untried)
			}
			fmt.Fprintln(out)
		}
	}
	ok := held == len(mutants)
	for _, s := range h.program.sites {
		if h.only == nil && count[notRun] == 0 && s.why != nil && !s.why.used {
			ok = false
			fmt.Fprintf(out, "%s:%d: %s is not redundant, a test notices when it is changed: delete what is said of it\n", s.file, s.line, shorten(s.condition))
		}
	}
	return ok
}

// score is a table of verdicts by kind.
func (h *hunt) score(mutants []*mutant, out io.Writer) {
	var kinds []string
	count := map[string]map[verdict]int{}
	for _, m := range mutants {
		k := m.class()
		if count[k] == nil {
			kinds, count[k] = append(kinds, k), map[verdict]int{}
		}
		count[k][m.verdict]++
		count[k][""]++
	}
	slices.Sort(kinds)
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := []verdict{"", killed, redundant, byChance, survived, unreached, notRun}
	fmt.Fprint(table, "kind\tmutants\tkilled\texplained\tby chance\tsurvived\tnot reached\tnot run\t\n")
	for _, k := range kinds {
		fmt.Fprintf(table, "%s\t", k)
		for _, c := range columns {
			fmt.Fprintf(table, "%d\t", count[k][c])
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush()
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
