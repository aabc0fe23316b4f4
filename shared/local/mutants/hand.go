package main

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"strings"
)

// byHand is a mutant that no generator would think of: the mistake that somebody could make.
// In a function, its text old, which stands there once, becomes new; where the code has moved
// on, that is an error. In template.yaml, function is the line that it follows.
type byHand struct {
	name, file, function string
	old, new             string
}

// addByHand puts them into the program. Each function gets its whole body once more, changed,
// so that anything can be.
func (p *program) addByHand(next int) error {
	for _, h := range byHands {
		s := &site{number: next, reached: next, kind: kindHand, file: h.file, function: h.function, condition: h.name, change: "(by hand)"}
		var err error
		if h.file == "template.yaml" {
			err = h.inTemplate(p.root, s)
		} else {
			err = h.inFunction(p, s)
		}
		if err != nil {
			return fmt.Errorf("the mutant by hand %q: %w", h.name, err)
		}
		p.sites = append(p.sites, s)
		next++
	}
	return nil
}

func (h byHand) inTemplate(root string, s *site) error {
	text, err := os.ReadFile(filepath.Join(root, h.file))
	if err != nil {
		return err
	}
	before, after, found := strings.Cut(string(text), "\n"+h.function+"\n")
	if !found {
		return fmt.Errorf("%s has no line %q", h.file, h.function)
	}
	at := strings.Index(after, h.old)
	if at < 0 {
		return fmt.Errorf("%s has no %q after it", h.file, h.old)
	}
	s.reached, s.line = templateReached, strings.Count(before, "\n")+2
	s.template = before + "\n" + h.function + "\n" + after[:at] + h.new + after[at+len(h.old):]
	return nil
}

func (h byHand) inFunction(p *program, s *site) error {
	f := p.fileAt(filepath.Join(p.root, h.file))
	if f == nil {
		return fmt.Errorf("%s is none of the files that have mutants", h.file)
	}
	var in *ast.FuncDecl
	for _, d := range f.tree.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil && (d.Name.Name == h.function || receiver(d)+"."+d.Name.Name == h.function) {
			if in != nil {
				return fmt.Errorf("%s has two functions %s", h.file, h.function)
			}
			in = d
		}
	}
	if in == nil {
		return fmt.Errorf("%s has no function %s", h.file, h.function)
	}
	from, to := f.offset(in.Body.Lbrace)+1, f.offset(in.Body.Rbrace)
	body := string(f.text[from:to])
	if n := strings.Count(body, h.old); n != 1 {
		return fmt.Errorf("%s in %s has its text %d times, not once: %q", h.function, h.file, n, h.old)
	}
	s.line = f.fset.Position(in.Pos()).Line + strings.Count(string(f.text[f.offset(in.Pos()):from]), "\n") + strings.Count(body[:strings.Index(body, h.old)], "\n")
	changed := strings.Replace(body, h.old, h.new, 1)
	if in.Type.Results == nil {
		changed += "\nreturn\n"
	}
	// Of two in one function, the later one stands before the earlier.
	f.edits = append(f.edits, edit{from, between, -s.number, fmt.Sprintf("\nif mutantswitch.On(%d) {%s}\n", s.number, changed)})
	return nil
}
