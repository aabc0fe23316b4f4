package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// switchSource is added to the package with guarded writes and decides at run time which
// condition is skipped.
//
//go:embed testdata/switch.go
var switchSource []byte

const (
	modulePrefix = "example.com/releases/"
	// switchImport is put in the line of the package's name, so that lines keep their numbers.
	switchImport = `; import mutantswitch "` + modulePrefix + `shared/local/mutants/switches"`
)

// edits are what is put into the package's files so that every condition has its own switch.
func (s *source) edits() map[string][]edit {
	all := map[string][]edit{}
	for _, one := range s.sites {
		add := func(at, phase, order int, text string) {
			all[one.file] = append(all[one.file], edit{at, phase, order, text})
		}
		if one.dot < 0 {
			begin := s.texts[one.file][one.from:]
			owner := string(begin[:bytes.IndexByte(begin, '.')])
			add(one.to, ends, 0, fmt.Sprintf("; mutantAdded(%d, %s)", one.number, owner))
			continue
		}
		// Chained calls begin at the same offset; the last one is the outermost.
		add(one.from, begins, -one.to, fmt.Sprintf("mutantCondition(%d, ", one.number))
		add(one.dot, between, 0, ", func(mutant *"+expressionType+") { mutant")
		add(one.to, ends, -one.from, "})")
	}
	return all
}

// rewrite puts edits into a text.
func rewrite(name string, text []byte, edits []edit) ([]byte, error) {
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.phase, b.phase), cmp.Compare(a.order, b.order))
	})
	var out bytes.Buffer
	done := 0
	for _, e := range edits {
		out.Write(text[done:e.at])
		out.WriteString(e.text)
		done = e.at
	}
	out.Write(text[done:])
	if _, err := format.Source(out.Bytes()); err != nil {
		return nil, fmt.Errorf("%s cannot be rewritten: %w", name, err)
	}
	return out.Bytes(), nil
}

// rewritten returns, by absolute name, the files in which every site has its own switch.
func (p *program) rewritten() (map[string][]byte, error) {
	files := map[string][]byte{}
	conditions := map[string][]edit{}
	if p.writes != nil {
		dir, err := filepath.Abs(p.writes.dir)
		if err != nil {
			return nil, err
		}
		for name, edits := range p.writes.edits() {
			conditions[filepath.Join(dir, name)] = edits
		}
		files[filepath.Join(dir, "mutants_switch.go")] = bytes.ReplaceAll(switchSource, []byte("PACKAGE"), []byte(filepath.Base(dir)))
		for name, text := range p.writes.texts {
			at := filepath.Join(dir, name)
			if len(conditions[at]) > 0 && p.fileAt(at) == nil {
				if files[at], err = rewrite(name, text, conditions[at]); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, k := range p.packs {
		for _, f := range k.files {
			at := filepath.Join(p.root, f.name)
			edits := slices.Clone(f.edits)
			if len(edits) > 0 {
				edits = append(edits, edit{f.offset(f.tree.Name.End()), ends, 0, switchImport})
			}
			if edits = append(edits, conditions[at]...); len(edits) == 0 {
				continue
			}
			var err error
			if files[at], err = rewrite(f.name, f.text, edits); err != nil {
				return nil, err
			}
		}
	}
	if p.product {
		name := filepath.Join(p.root, "shared/local/template/template.go")
		var err error
		if files[name], err = otherTemplate(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// otherTemplate is the source of what reads template.yaml, which reads a mutant's instead.
func otherTemplate(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	const read, clause = "os.ReadFile(path)", "\npackage template\n"
	if bytes.Count(text, []byte(read)) != 1 || bytes.Count(text, []byte(clause)) != 1 {
		return nil, fmt.Errorf("%s does not read the template where it did", name)
	}
	text = bytes.Replace(text, []byte(read), []byte("os.ReadFile(mutantswitch.Path(path))"), 1)
	return bytes.Replace(text, []byte(clause), []byte(strings.TrimSuffix(clause, "\n")+switchImport+"\n"), 1), nil
}

func (p *program) fileAt(at string) *file {
	for _, k := range p.packs {
		for _, f := range k.files {
			if filepath.Join(p.root, f.name) == at {
				return f
			}
		}
	}
	return nil
}

// announced are the test files of a package, in which each test says that it begins or, after
// others ran in parallel, goes on.
func announced(dir string) (map[string][]byte, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		var edits []edit
		say := func(p token.Pos, text string) {
			edits = append(edits, edit{fset.Position(p).Offset, begins, 0, text})
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Body != nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
				say(f.Body.Lbrace+1, " mutantswitch.Begin(); ")
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.ExprStmt); ok {
				if call, ok := s.X.(*ast.CallExpr); ok && len(call.Args) == 0 {
					if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Parallel" {
						say(s.End(), "; mutantswitch.Begin()")
					}
				}
			}
			return true
		})
		if len(edits) == 0 {
			continue
		}
		edits = append(edits, edit{fset.Position(tree.Name.End()).Offset, ends, 0, switchImport})
		if files[name], err = rewrite(name, text, edits); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// overlay writes the rewritten files into a folder and returns the file with which `go build
// -overlay` uses them instead of the product's own.
func (p *program) overlay(folder string, tested []listed) (string, error) {
	files, err := p.rewritten()
	if err != nil {
		return "", err
	}
	for _, pkg := range tested {
		tests, err := announced(pkg.dir)
		if err != nil {
			return "", err
		}
		for name, text := range tests {
			files[name] = text
		}
	}
	replace := map[string]string{}
	for name, text := range files {
		from, err := filepath.Rel(p.root, name)
		if err != nil {
			return "", err
		}
		to := filepath.Join(folder, "source", from+".txt")
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return "", err
		}
		replace[name] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}
