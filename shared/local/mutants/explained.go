package main

import (
	_ "embed"
	"fmt"
	"strings"
)

// explainedText says of mutants that no test can kill why that is so: a mutant's id in a line,
// and the reason in the next, which is indented. Of conditions of writes it stands beside the
// condition. A test limits how many there are.
//
//go:embed explained.txt
var explainedText string

// explain assigns each explanation to its mutant. One that has lost it is an error.
func (p *program) explain() error {
	if p.writes == nil || !p.product {
		return nil
	}
	byID := map[string]*site{}
	for _, s := range p.sites {
		byID[s.id()] = s
	}
	var of *site
	for n, line := range strings.Split(explainedText, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			if of == nil {
				return fmt.Errorf("explained.txt:%d is a reason without a mutant", n+1)
			}
			of.why = &explanation{file: "explained.txt", line: n + 1, text: strings.TrimSpace(line)}
			of = nil
		default:
			if of = byID[line]; of == nil {
				return fmt.Errorf("explained.txt:%d explains a mutant that is none: %s", n+1, line)
			}
		}
	}
	return nil
}
