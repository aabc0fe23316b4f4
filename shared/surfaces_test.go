package arrows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// surfaceWords are what only one of the surfaces has: routes and methods, headers, tools,
// and the sentence on the outcome, which each surface words from the error's facts.
var surfaceWords = regexp.MustCompile(`/api/|\b(GET|POST|PATCH|PUT|DELETE) /|\b(If-Match|If-None-Match|ETag|Idempotency-Key|Retry-After)\b|errors\[\]|\b[a-z]+_release(_[a-z]+)?\b|[Nn]othing was changed|[Ii]t is not known whether`)

// What the domain and the operations say of a failure is facts: a sentence that names a
// route is nonsense to an agent, and one that names a tool is to a REST client.
func TestErrors_BelowTheSurfaces_NameNoRouteHeaderOrTool(t *testing.T) {
	texts := 0
	for _, dir := range []string{"release", "operations", "dynamo"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				texts++
				if found := surfaceWords.FindString(text); found != "" {
					t.Errorf("%s: %q is a surface's own; give the facts, and say it where the surface is", files.Position(lit.Pos()), found)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if texts < 500 {
		t.Fatalf("only %d texts were read", texts)
	}
}
