package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// builders are the methods of an expression that add a condition to it.
var builders = []string{"equal", "compare", "less", "contains", "exists", "absent"}

// expressionType is what a condition is added to. Conditions inside its own methods are not
// sites.
const expressionType = "expression"

// site is one place in the source that has a mutant: one that adds a condition to a write, or
// one of the other kinds.
type site struct {
	number    int
	reached   int    // the number that is traced when it is reached
	kind      string // see the kinds
	dir       string // of a condition's package
	file      string // base name; of other kinds, from the module's root
	line      int
	function  string // the enclosing function, without its receiver
	condition string // what is changed, as it is written
	change    string // how
	nth       int    // among those that are the same but for their line
	template  string // of what is changed in template.yaml: its whole text
	why       *explanation

	// Offsets in the source: for a call `x.equal(…)` the start of x, the dot, and the end; for
	// a statement `x.conditions = append(…)` the start and the end, without a dot.
	from, dot, to int
}

// explanation says in the source why a condition is redundant: in the line of its
// condition, or in a comment that ends right above it,
//
//	// redundant: the revision of then says so already
//	// redundant in ResumeDeleting, freeAll: nobody else writes it there
//
// With names, it applies only to writes whose call path contains one of these functions.
type explanation struct {
	file string
	line int      // where the comment ends
	in   []string // nil: everywhere
	text string
	used bool
}

func (e *explanation) covers(path []string) bool {
	return e != nil && (len(e.in) == 0 || slices.ContainsFunc(path, func(f string) bool { return slices.Contains(e.in, f) }))
}

var explained = regexp.MustCompile(`(?s)^redundant(?: in ([A-Za-z, ]+))?: (.+)$`)

// source is the package under test: its files and the sites in them.
type source struct {
	dir   string
	texts map[string][]byte // by base name
	sites []*site
	// functions are the names of all declared functions.
	functions map[string]bool
}

// readSource finds every site of a package, in the order of files and lines.
func readSource(dir string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	s := &source{dir: dir, texts: map[string][]byte{}, functions: map[string]bool{}}
	var why []*explanation
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		s.texts[filepath.Base(name)] = text
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				s.functions[f.Name.Name] = true
				s.sites = append(s.sites, sitesOf(fset, text, f)...)
			}
		}
		why = append(why, explanationsOf(fset, file)...)
	}
	slices.SortFunc(s.sites, func(a, b *site) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.dot, b.dot))
	})
	for n, one := range s.sites {
		one.number = n + 1
	}
	return s, s.attach(why)
}

func sitesOf(fset *token.FileSet, text []byte, f *ast.FuncDecl) []*site {
	if f.Body == nil || receiver(f) == expressionType {
		return nil
	}
	offset := func(p token.Pos) int { return fset.Position(p).Offset }
	var all []*site
	add := func(at, from, dot, to token.Pos, condition string) {
		s := &site{
			file: filepath.Base(fset.Position(at).Filename), line: fset.Position(at).Line, function: f.Name.Name,
			condition: strings.Join(strings.Fields(condition), " "), from: offset(from), to: offset(to), dot: -1,
		}
		if dot.IsValid() {
			s.dot = offset(dot)
		}
		all = append(all, s)
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(builders, sel.Sel.Name) {
				add(sel.Sel.Pos(), n.Pos(), sel.X.End(), n.End(), string(text[offset(sel.Sel.Pos()):offset(n.End())]))
			}
		case *ast.AssignStmt:
			if sel, ok := n.Lhs[0].(*ast.SelectorExpr); ok && sel.Sel.Name == "conditions" {
				condition := string(text[offset(n.Rhs[0].Pos()):offset(n.Rhs[0].End())])
				if call, ok := n.Rhs[0].(*ast.CallExpr); ok && len(call.Args) > 1 {
					condition = string(text[offset(call.Args[1].Pos()):offset(call.Args[len(call.Args)-1].End())])
				}
				add(n.Pos(), n.Pos(), token.NoPos, n.End(), condition)
			}
		}
		return true
	})
	return all
}

func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func explanationsOf(fset *token.FileSet, file *ast.File) []*explanation {
	var all []*explanation
	for _, group := range file.Comments {
		found := explained.FindStringSubmatch(strings.TrimSpace(group.Text()))
		if found == nil {
			continue
		}
		end := fset.Position(group.End())
		e := &explanation{file: filepath.Base(end.Filename), line: end.Line, text: strings.Join(strings.Fields(found[2]), " ")}
		for name := range strings.SplitSeq(found[1], ",") {
			if name = strings.TrimSpace(name); name != "" {
				e.in = append(e.in, name)
			}
		}
		all = append(all, e)
	}
	return all
}

// attach assigns each explanation to its condition: the only one in its line or, where there
// is none, in the next line.
func (s *source) attach(why []*explanation) error {
	for _, e := range why {
		for _, name := range e.in {
			if !s.functions[name] {
				return fmt.Errorf("%s:%d explains a condition in %s, and there is no such function", e.file, e.line, name)
			}
		}
		in := func(line int) []*site {
			var found []*site
			for _, one := range s.sites {
				if one.file == e.file && one.line == line {
					found = append(found, one)
				}
			}
			return found
		}
		found := in(e.line)
		if len(found) == 0 {
			found = in(e.line + 1)
		}
		if len(found) != 1 {
			return fmt.Errorf("%s:%d explains %d conditions; it has to stand beside one, which has a line of its own", e.file, e.line, len(found))
		}
		found[0].why = e
	}
	return nil
}
