package arrows_test

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

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// surfaceWords are what only one of the surfaces has: routes and methods, headers, tools,
// and the sentence on the outcome, which each surface words from the error's facts.
var surfaceWords = regexp.MustCompile(`/api/|\b(GET|POST|PATCH|PUT|DELETE) /|\b(If-Match|If-None-Match|ETag|Idempotency-Key|Retry-After)\b|errors\[\]|\b[a-z]+_release(_[a-z]+)?\b|[Nn]othing was changed|[Ii]t is not known whether`)

// The lifecycle is told in a sentence where people read of it, typed by hand.
func TestLifecycle_InASentence_NamesEachStatus(t *testing.T) {
	route, _ := rest.Find(rest.Routes(), operations.TransitionRelease)
	about, _, _ := strings.Cut(route.About, ". ")
	guide, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, paragraph, _ := strings.Cut(string(guide), "\nThe lifecycle is ")
	paragraph, _, _ = strings.Cut(paragraph, "\n\n")
	for where, text := range map[string]string{"About of the route of transitions": about, "docs/api.md": paragraph} {
		named := regexp.MustCompile(`[a-z]+(-[a-z]+)*`).FindAllString(text, -1)
		for _, s := range release.Statuses {
			if !slices.Contains(named, string(s)) {
				t.Errorf("%s does not say what %s is in the lifecycle: %s", where, s, text)
			}
		}
	}
}

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
