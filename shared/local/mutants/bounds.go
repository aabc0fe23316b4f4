package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

var flipped = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

// comparison makes a mutant of a comparison of whole numbers or texts in order.
func (f *finder) comparison(e *ast.BinaryExpr, parents []ast.Node) {
	other, ordered := flipped[e.Op]
	if !ordered {
		return
	}
	if why := f.noBound(e, parents); why != "" {
		f.passed[why]++
		return
	}
	n := f.add(kindBound, e, f.words(e), "is "+other.String())
	raw := f.source(e.X) + " " + other.String() + " " + f.source(e.Y)
	f.around(e, fmt.Sprintf("(mutantswitch.On(%d) && (%s) || mutantswitch.Off(%d) && (", n, raw, n), "))")
}

// noBound says why the edge of a comparison is no bound; empty where it is one.
func (f *finder) noBound(e *ast.BinaryExpr, parents []ast.Node) string {
	t := f.in.info.TypeOf(e.X)
	b, ok := under(t).(*types.Basic)
	switch {
	case !ok || b.Info()&(types.IsInteger|types.IsString) == 0 || strings.HasSuffix(t.String(), "time.Duration"):
		return "a measure: of two neighbours none can be told from the other"
	case b.Kind() == types.Int32 || b.Kind() == types.Uint8:
		return "a letter"
	}
	for _, side := range []ast.Expr{e.X, e.Y} {
		if f.named(side) {
			return "it has a name, and is changed where that stands"
		}
		if v := f.in.info.Types[side].Value; v != nil && empty(v) {
			return "whether there is anything"
		}
	}
	if len(parents) > 0 {
		if loop, ok := parents[0].(*ast.ForStmt); ok && loop.Cond == ast.Expr(e) {
			return "the end of a loop"
		}
	}
	return ""
}

// named tells whether an expression is the name of a number of ours.
func (f *finder) named(e ast.Expr) bool {
	if s, ok := e.(*ast.SelectorExpr); ok {
		e = s.Sel
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	c, ok := f.in.info.Uses[id].(*types.Const)
	if !ok || c.Pkg() == nil || !strings.HasPrefix(c.Pkg().Path(), modulePrefix) || c.Val().Kind() != constant.Int {
		return false
	}
	_, typed := c.Type().(*types.Named)
	return !typed
}

// saysIt tells whether an argument of a call is only put into words.
func (f *finder) saysIt(call *ast.CallExpr, e ast.Expr) bool {
	s, ok := under(f.in.info.TypeOf(call.Fun)).(*types.Signature)
	if !ok || !s.Variadic() || slices.Index(call.Args, e) < s.Params().Len()-1 {
		return false
	}
	last, ok := s.Params().At(s.Params().Len() - 1).Type().(*types.Slice)
	return ok && types.IsInterface(last.Elem())
}

// constant makes mutants of a role, and of a bound that has a name.
func (f *finder) constant(e ast.Expr, id *ast.Ident, parents []ast.Node) {
	c, ok := f.in.info.Uses[id].(*types.Const)
	if !ok || c.Pkg() == nil || !strings.HasPrefix(c.Pkg().Path(), modulePrefix) || len(parents) == 0 {
		return
	}
	if strings.HasSuffix(c.Type().String(), "release.Role") {
		if !empty(c.Val()) {
			f.around(e, fmt.Sprintf("mutantswitch.Less(%d, ", f.add(kindRole, e, f.words(e), "is one lower")), ")")
		}
		return
	}
	value := f.in.info.Types[e]
	b, basic := value.Type.(*types.Basic)
	if !f.named(e) || !basic || b.Info()&types.IsInteger == 0 || b.Info()&types.IsUntyped != 0 {
		return
	}
	switch p := parents[0].(type) {
	case *ast.CallExpr:
		if slices.Contains(p.Args, e) && f.in.info.Types[p.Fun].IsType() {
			return // a conversion
		}
		if f.saysIt(p, e) {
			return
		}
	case *ast.BinaryExpr:
		if _, ordered := flipped[p.Op]; !ordered {
			return
		}
	case *ast.KeyValueExpr:
	default:
		return
	}
	n := f.add(kindBound, e, f.words(e), "is one more")
	f.add(kindBound, e, f.words(e), "is one less")
	f.sites[len(f.sites)-1].reached = n
	f.around(e, fmt.Sprintf("mutantswitch.Bound[%s](%d, ", b.Name(), n), ")")
}
