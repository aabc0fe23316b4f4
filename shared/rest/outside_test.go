package rest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// authorizerCodes reads the codes of the authorizer's refusals from its source, with their details.
func authorizerCodes(t *testing.T) map[string]string {
	t.Helper()
	codes := map[string]string{}
	path := filepath.Join("..", "host", "authorizer.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || callee(literal.Type) != "refusal" || len(literal.Elts) != 2 {
			return true
		}
		var texts [2]string
		for i, e := range literal.Elts {
			if lit, ok := e.(*ast.BasicLit); ok {
				texts[i], _ = strconv.Unquote(lit.Value)
			}
		}
		codes[texts[0]] = texts[1]
		return true
	})
	return codes
}

// The authorizer refuses in the registry's words, which API Gateway passes on.
func TestCodes_OfTheAuthorizer_AreTheSame(t *testing.T) {
	refusals := authorizerCodes(t)
	if want := []string{"token-invalid", "token-missing"}; !slices.Equal(slices.Sorted(maps.Keys(refusals)), want) {
		t.Fatalf("the authorizer's codes are %v, want %v", refusals, want)
	}
	for i := range Codes {
		detail, ok := refusals[Codes[i].Example.Code]
		if p := ProblemOf(&Codes[i].Example, true); ok && (p.Detail != detail || p.Title != tokenNeeded || p.Status != http.StatusUnauthorized) {
			t.Errorf("the authorizer says %q, the registry %+v", detail, p)
		}
	}
}
