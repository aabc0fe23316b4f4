package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pack is a package whose source has switches put in, with its types.
type pack struct {
	path, dir string
	files     []*file
	info      *types.Info
	types     *types.Package
}

// file is a source file, and what is put into it.
type file struct {
	in    *pack
	name  string // from the module's root
	text  []byte
	tree  *ast.File
	fset  *token.FileSet
	edits []edit
}

func (f *file) offset(p token.Pos) int { return f.fset.Position(p).Offset }

func (f *file) source(n ast.Node) string {
	return string(f.text[f.offset(n.Pos()):f.offset(n.End())])
}

// words is a part of the source in one line, as tables show it.
func (f *file) words(n ast.Node) string { return strings.Join(strings.Fields(f.source(n)), " ") }

// edit is text put in at an offset. At the same offset, what ends an expression comes before
// what begins one, the innermost ends first, and the outermost begins first.
type edit struct {
	at, phase, order int
	text             string
}

// around puts text before and after an expression.
func (f *file) around(n ast.Node, before, after string) {
	from, to := f.offset(n.Pos()), f.offset(n.End())
	f.edits = append(f.edits, edit{from, begins, -to, before}, edit{to, ends, -from, after})
}

const (
	ends = iota
	between
	begins
)

// readModule parses and type-checks packages. Those that they import are read as the
// compiler left them.
func readModule(ctx context.Context, root string, folders []string) ([]*pack, error) {
	patterns := make([]string, len(folders))
	for i, f := range folders {
		patterns[i] = "./" + f
	}
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Export,Dir,GoFiles,DepOnly"}, patterns...)...)
	list.Dir = root
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	exports := map[string]string{}
	var all []*pack
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
			DepOnly                 bool
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if p.DepOnly {
			continue
		}
		one := &pack{path: p.ImportPath, dir: p.Dir}
		for _, name := range p.GoFiles {
			one.files = append(one.files, &file{in: one, name: filepath.Join(p.Dir, name)})
		}
		all = append(all, one)
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	for _, p := range all {
		if err := p.read(fset, root, imports); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (p *pack) read(fset *token.FileSet, root string, imports types.Importer) error {
	var trees []*ast.File
	for _, f := range p.files {
		var err error
		if f.text, err = os.ReadFile(f.name); err != nil {
			return err
		}
		if f.tree, err = parser.ParseFile(fset, f.name, f.text, parser.ParseComments); err != nil {
			return err
		}
		f.fset = fset
		if f.name, err = filepath.Rel(root, f.name); err != nil {
			return err
		}
		trees = append(trees, f.tree)
	}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	var err error
	p.types, err = (&types.Config{Importer: imports}).Check(p.path, fset, trees, p.info)
	return err
}

// typeText is how a file spells a type; empty where it cannot.
func (f *file) typeText(t types.Type) string {
	spelt := true
	text := types.TypeString(t, func(p *types.Package) string {
		if p == f.in.types {
			return ""
		}
		for _, i := range f.tree.Imports {
			if strings.Trim(i.Path.Value, `"`) == p.Path() {
				if i.Name != nil {
					return i.Name.Name
				}
				return p.Name()
			}
		}
		spelt = false
		return p.Name()
	})
	if !spelt || strings.Contains(text, "{") {
		return ""
	}
	return text
}
