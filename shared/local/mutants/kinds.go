package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// The kinds of mutants beside conditions of writes.
const (
	kindCondition = "condition"
	kindRole      = "role"   // the next lower role suffices
	kindBound     = "bound"  // one more, one less, or a comparison that is strict and was not, or the contrary
	kindList      = "list"   // an entry of a list, a map, a case or a chain of comparisons is missing
	kindRow       = "row"    // a row of a table says nothing in one column, or something else
	kindAction    = "action" // a transaction lacks one of its actions
	kindFilter    = "filter" // a word is missing in a stream's filter
	kindRetry     = "retry"  // a code of an error is in another class, or in none; see retries
	kindHand      = "hand"
)

// finder finds the sites of one file and puts their switches in.
type finder struct {
	*file
	first    int // number of the next site
	sites    []*site
	function string
	rows     bool // within the value of a variable of the package
	// passed counts comparisons in order that have no mutant of their own, by the reason.
	passed map[string]int
}

func (f *finder) add(kind string, at ast.Node, what, change string) int {
	s := &site{
		number: f.first, reached: f.first, kind: kind, file: f.name, line: f.fset.Position(at.Pos()).Line, function: f.function,
		condition: what, change: change,
	}
	f.first++
	f.sites = append(f.sites, s)
	return s.number
}

// find walks the file.
func (f *finder) find() {
	for _, d := range f.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if f.function = d.Name.Name; d.Body != nil {
				f.walk(d.Body, nil)
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				spec := spec.(*ast.ValueSpec)
				f.function = spec.Names[0].Name
				f.rows = true
				for _, v := range spec.Values {
					f.walk(v, nil)
				}
				f.rows = false
			}
		}
	}
}

// walk visits a node below its parents, the nearest first.
func (f *finder) walk(n ast.Node, parents []ast.Node) {
	switch n := n.(type) {
	case nil:
		return
	case *ast.GenDecl:
		if n.Tok == token.CONST || n.Tok == token.TYPE {
			return
		}
	case *ast.ArrayType, *ast.FuncType:
		return
	case *ast.CompositeLit:
		f.literal(n)
	case *ast.CaseClause:
		f.cases(n, parents)
	case *ast.BinaryExpr:
		f.comparison(n, parents)
		f.chain(n, parents)
	case *ast.Ident:
		f.constant(n, n, parents)
	case *ast.SelectorExpr:
		f.constant(n, n.Sel, parents)
	}
	var children []ast.Node
	ast.Inspect(n, func(c ast.Node) bool {
		if c == n {
			return true
		}
		if c != nil {
			children = append(children, c)
		}
		return false
	})
	above := append([]ast.Node{n}, parents...)
	for _, c := range children {
		if s, ok := n.(*ast.SelectorExpr); ok && c == ast.Node(s.Sel) {
			continue
		}
		if kv, ok := n.(*ast.KeyValueExpr); ok && c == ast.Node(kv.Key) {
			if _, field := kv.Key.(*ast.Ident); field && f.isStruct(parents) {
				continue
			}
		}
		f.walk(c, above)
	}
}

func (f *finder) isStruct(parents []ast.Node) bool {
	if len(parents) == 0 {
		return false
	}
	lit, ok := parents[0].(*ast.CompositeLit)
	if !ok {
		return false
	}
	_, is := under(f.in.info.TypeOf(lit)).(*types.Struct)
	return is
}

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	t = t.Underlying()
	if p, ok := t.(*types.Pointer); ok {
		return p.Elem().Underlying()
	}
	return t
}

// literal finds lists, and rows of tables.
func (f *finder) literal(lit *ast.CompositeLit) {
	t := f.in.info.TypeOf(lit)
	if t == nil || len(lit.Elts) == 0 {
		return
	}
	switch u := under(t).(type) {
	case *types.Slice:
		kind := kindList
		if strings.HasSuffix(u.Elem().String(), "types.TransactWriteItem") {
			kind = kindAction
		}
		if b, ok := u.Elem().Underlying().(*types.Basic); ok && b.Kind() == types.Uint8 {
			return
		}
		for _, e := range lit.Elts {
			if _, keyed := e.(*ast.KeyValueExpr); keyed || kind == kindList && !f.fixed(e) {
				return
			}
		}
		f.each(kind, lit, t, lit.Elts, "")
	case *types.Map:
		var keys []string
		var elements []ast.Expr
		for _, e := range lit.Elts {
			kv := e.(*ast.KeyValueExpr)
			if !f.fixed(kv.Key) {
				return
			}
			keys, elements = append(keys, f.source(kv.Key)), append(elements, kv.Key)
			if value := f.in.info.Types[kv.Value]; value.Value != nil && value.Value.Kind() == constant.Int && !strings.HasSuffix(u.Elem().String(), "release.Role") {
				if _, named := u.Elem().(*types.Named); named {
					f.around(kv.Value, fmt.Sprintf("mutantswitch.Other(%d, ", f.add(kindRow, kv.Value, f.words(kv), "is another")), ")")
				}
			}
		}
		f.each(kindList, lit, t, elements, ", "+strings.Join(keys, ", "))
	case *types.Array:
		f.array(lit, u)
	case *types.Struct:
		if f.rows {
			f.row(lit)
		}
	}
}

// each makes a mutant of each entry of a list or, with keys, of a map.
func (f *finder) each(kind string, lit *ast.CompositeLit, t types.Type, elements []ast.Expr, keys string) {
	spelt := ""
	if lit.Type == nil {
		// Within another literal its type is left out.
		if _, pointer := t.Underlying().(*types.Pointer); pointer {
			return
		}
		if spelt = f.typeText(t); spelt == "" {
			return
		}
	}
	first := f.first
	for _, e := range elements {
		f.add(kind, e, f.words(e), "is missing")
		f.sites[len(f.sites)-1].reached = first
	}
	call := "Without"
	if keys != "" {
		call = "WithoutKey"
	}
	f.around(lit, fmt.Sprintf("mutantswitch.%s(%d, %s", call, first, spelt), keys+")")
}

func (f *finder) array(lit *ast.CompositeLit, t *types.Array) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		value := f.in.info.Types[e]
		if value.Value == nil {
			continue
		}
		spelt := f.typeText(t.Elem())
		if spelt == "" {
			continue
		}
		if b, ok := t.Elem().Underlying().(*types.Basic); ok && b.Info()&types.IsInteger != 0 {
			f.around(e, fmt.Sprintf("mutantswitch.Other[%s](%d, ", spelt, f.add(kindRow, e, f.words(e), "is another")), ")")
		} else if !empty(value.Value) {
			f.around(e, fmt.Sprintf("mutantswitch.Zero[%s](%d, ", spelt, f.add(kindRow, e, f.words(e), "is empty")), ")")
		}
	}
}

// row makes a mutant of each column that says yes, or one of some words.
func (f *finder) row(lit *ast.CompositeLit) {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		value := f.in.info.Types[kv.Value]
		if value.Value == nil || empty(value.Value) || value.Type == nil {
			continue
		}
		_, named := value.Type.(*types.Named)
		if !named && value.Value.Kind() != constant.Bool || strings.HasSuffix(value.Type.String(), "release.Role") {
			continue
		}
		f.around(kv.Value, fmt.Sprintf("mutantswitch.Zero(%d, ", f.add(kindRow, e, f.words(kv), "is not said")), ")")
	}
}

func empty(v constant.Value) bool {
	switch v.Kind() {
	case constant.Bool:
		return !constant.BoolVal(v)
	case constant.String:
		return constant.StringVal(v) == ""
	case constant.Int, constant.Float:
		return constant.Sign(v) == 0
	}
	return false
}

// fixed tells whether an entry is the program's own, not data: a constant, something declared
// by a package, or a literal.
func (f *finder) fixed(e ast.Expr) bool {
	if f.in.info.Types[e].Value != nil {
		return true
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		if _, is := under(f.in.info.TypeOf(e)).(*types.Struct); is {
			// A row: its first column names it.
			if len(e.Elts) == 0 {
				return false
			}
			first := e.Elts[0]
			if kv, ok := first.(*ast.KeyValueExpr); ok {
				first = kv.Value
			}
			return f.fixed(first)
		}
		for _, c := range e.Elts {
			if kv, ok := c.(*ast.KeyValueExpr); ok {
				c = kv.Value
			}
			if !f.fixed(c) {
				return false
			}
		}
		return true
	case *ast.FuncLit:
		return true
	case *ast.UnaryExpr:
		return f.fixed(e.X)
	case *ast.Ident:
		return f.ofPackage(e)
	case *ast.SelectorExpr:
		return f.ofPackage(e.Sel)
	}
	return false
}

func (f *finder) ofPackage(id *ast.Ident) bool {
	o := f.in.info.Uses[id]
	return o != nil && o.Pkg() != nil && o.Parent() == o.Pkg().Scope()
}

// cases makes a mutant of each word of a case.
func (f *finder) cases(c *ast.CaseClause, parents []ast.Node) {
	if len(parents) < 2 {
		return
	}
	s, ok := parents[1].(*ast.SwitchStmt)
	if !ok || s.Tag == nil {
		return
	}
	for _, e := range c.List {
		value := f.in.info.Types[e]
		b, basic := under(value.Type).(*types.Basic)
		spelt, can := f.instance(e, value.Type)
		if value.Value == nil || !basic || !can {
			continue
		}
		switch {
		case b.Info()&types.IsString != 0:
			f.around(e, fmt.Sprintf("mutantswitch.NeverWord%s(%d, ", spelt, f.add(kindList, e, "case "+f.words(e), "is missing")), ")")
		case b.Info()&types.IsInteger != 0 && b.Kind() != types.UntypedRune:
			f.around(e, fmt.Sprintf("mutantswitch.NeverNumber%s(%d, ", spelt, f.add(kindList, e, "case "+f.words(e), "is missing")), ")")
		}
	}
}

// instance is the type argument of a switch on a constant: none where the constant has a type
// of its own. False where the type cannot be spelt.
func (f *finder) instance(e ast.Expr, t types.Type) (string, bool) {
	id, _ := e.(*ast.Ident)
	if s, ok := e.(*ast.SelectorExpr); ok {
		id = s.Sel
	}
	if id != nil && f.in.info.Uses[id] != nil {
		if _, named := f.in.info.Uses[id].Type().(*types.Named); named {
			return "", true
		}
	}
	spelt := f.typeText(t)
	return "[" + spelt + "]", spelt != ""
}

// chain makes a mutant of each comparison with a constant in `x == A || x == B` and in
// `x != A && x != B`.
func (f *finder) chain(e *ast.BinaryExpr, parents []ast.Node) {
	join := token.LOR
	if e.Op == token.NEQ {
		join = token.LAND
	} else if e.Op != token.EQL {
		return
	}
	value := f.in.info.Types[e.Y].Value
	if value == nil || value.Kind() == constant.Bool || empty(value) {
		return
	}
	code := value.Kind() == constant.String && errorCode.MatchString(constant.StringVal(value))
	if !code { // one code of an error is a list already
		if len(parents) == 0 {
			return
		}
		above, ok := parents[0].(*ast.BinaryExpr)
		if !ok || above.Op != join || !f.comparesSame(above, e) {
			return
		}
	}
	n := f.add(kindList, e, f.words(e), "is missing")
	if e.Op == token.EQL {
		f.around(e, "(", fmt.Sprintf(" && mutantswitch.Off(%d))", n))
	} else {
		f.around(e, "(", fmt.Sprintf(" || mutantswitch.On(%d))", n))
	}
}

// errorCode is what AWS calls an error.
var errorCode = regexp.MustCompile(`^[A-Z][A-Za-z]+(Exception|Exceeded|Error|Failure|Failed|Conflict)$`)

// comparesSame tells whether another part of the chain compares the same thing.
func (f *finder) comparesSame(chain ast.Expr, e *ast.BinaryExpr) bool {
	found := false
	ast.Inspect(chain, func(n ast.Node) bool {
		if b, ok := n.(*ast.BinaryExpr); ok && b != e && b.Op == e.Op && f.source(b.X) == f.source(e.X) {
			found = true
		}
		return !found
	})
	return found
}
