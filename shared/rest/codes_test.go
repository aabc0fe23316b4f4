package rest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every code that is used has a row in the registry, and every row is used.
func TestCodes_InSource_AreRegisteredAndUsed(t *testing.T) {
	registered := map[string]bool{}
	for _, c := range Codes {
		if c.Title == "" || c.Example.Detail == "" || registered[c.Example.Code] {
			t.Errorf("the row of %q in Codes is incomplete, or the second of its code", c.Example.Code)
		}
		registered[c.Example.Code] = true
	}
	used := usedCodes(t)
	for code, where := range authorizerCodes(t) {
		used[code] = "the authorizer: " + where
	}
	for code := range gatewayCodes(t) {
		used[code] = "template.yaml, in what API Gateway answers by itself"
	}
	if len(registered) == 0 || len(used) == 0 {
		t.Fatalf("%d registered, %d used: the comparison compares nothing", len(registered), len(used))
	}
	for code, where := range used {
		if !registered[code] {
			t.Errorf("%s uses %q, which is not in the registry", where, code)
		}
	}
	for code := range registered {
		if used[code] == "" {
			t.Errorf("%q is registered and never used", code)
		}
	}
}

// docs/api.md lists every code once, with its status.
func TestCodes_Documented_AreTheRegistry(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Problems\n")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9]{3}) \| ([^|]+) \| [^|]+ \|$`).FindAllStringSubmatch(section, -1) {
		for _, code := range strings.Split(row[2], ", ") {
			if documented[code] != "" {
				t.Errorf("%s is listed twice", code)
			}
			documented[code] = row[1]
		}
	}
	for _, c := range Codes {
		code := "`" + c.Example.Code + "`"
		if want := strconv.Itoa(Status(c.Example.Kind)); documented[code] != want {
			t.Errorf("%s is listed with the status %q, want %s", code, documented[code], want)
		}
		delete(documented, code)
	}
	for code := range documented {
		t.Errorf("%s is listed, and not in the registry", code)
	}
}

// gatewayCodes returns the codes in answers that API Gateway gives by itself.
func gatewayCodes(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, m := range regexp.MustCompile(`"code":"([a-z-]+)"`).FindAllSubmatch(text, -1) {
		codes[string(m[1])] = true
	}
	if len(codes) < 5 {
		t.Fatalf("only %d codes were found in template.yaml, want 5 or more", len(codes))
	}
	return codes
}

// usedCodes finds the codes of problems in the source, with a position for each, except in the registry
// itself: the literal after the kind in release.Fail, the first one in Release.Conflict, and the field
// Code of a release.Error.
func usedCodes(t *testing.T) map[string]string {
	used := map[string]string{}
	files := token.NewFileSet()
	note := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, _ := strconv.Unquote(lit.Value)
			used[code] = files.Position(e.Pos()).String()
			return
		}
		if id, ok := e.(*ast.Ident); !ok || id.Name != "code" { // Conflict passes its own on to Fail
			t.Errorf("%s: a code must be a literal, so that it can be found", files.Position(e.Pos()))
		}
	}
	visit := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch callee(n.Fun) {
			case "Fail":
				note(n.Args[1])
			case "Conflict":
				note(n.Args[0])
			}
		case *ast.CompositeLit:
			if name := callee(n.Type); name != "Error" {
				return true
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok && callee(kv.Key) == "Code" {
					note(kv.Value)
				}
			}
		}
		return true
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "codes.go" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, path, source, 0)
		if err == nil && slices.Contains([]string{"release", "operations", "dynamo", "rest"}, file.Name.Name) {
			ast.Inspect(file, visit)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// callee returns the last name of an expression such as release.Fail.
func callee(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// The requests that refusals advise (routeOf) are served.
func TestProblem_RoutesItPointsAt_AreServed(t *testing.T) {
	served := map[string]string{}
	for _, r := range Routes() {
		served[string(r.Operation)] = r.Method + " " + Base + r.Path
	}
	for op, route := range routeOf {
		if served[string(op)] != route {
			t.Errorf("%s: refusals say %q, served is %q", op, route, served[string(op)])
		}
	}
}
