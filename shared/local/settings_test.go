package local

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/releases/shared/local/engine"
)

// otherPrograms are the folders of shared/local whose programs are neither the host nor the demo.
var otherPrograms = []string{"bench", "budget", "mutants", "bootstrap"}

// environmentRead returns the variables that the host and the demo read from the shell, by the calls in their source.
func environmentRead(t *testing.T) map[string]bool {
	t.Helper()
	read := map[string]bool{}
	for _, name := range settable {
		read[name] = true
	}
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || slices.Contains(otherPrograms, d.Name())):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			function, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || len(call.Args) == 0 || function.Sel.Name != "Getenv" && function.Sel.Name != "LookupEnv" {
				return true
			}
			switch arg := call.Args[0].(type) {
			case *ast.BasicLit:
				name, err := strconv.Unquote(arg.Value)
				if err != nil {
					t.Error(err)
				}
				read[name] = true
			case *ast.SelectorExpr, *ast.Ident:
				switch name := lastName(arg); name {
				case "EndpointVariable":
					read[engine.EndpointVariable] = true
				case "name": // ranges over settable
				default:
					t.Errorf("%s reads the variable in %s: this test does not know which that is", path, name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func lastName(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return e.(*ast.Ident).Name
}

func TestSettings_TableInDocs_HasEachVariableThatIsRead(t *testing.T) {
	page, err := os.ReadFile("../../docs/laptop.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "## Settings\n")
	table, _, _ := strings.Cut(after, "\n## ")
	if !found {
		t.Fatal(`docs/laptop.md has no section "Settings"`)
	}
	listed := map[string]bool{}
	variable := regexp.MustCompile("`([A-Z][A-Z_]+)`")
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for _, m := range variable.FindAllStringSubmatch(cells[1], -1) {
				listed[m[1]] = true
			}
		}
	}
	read := environmentRead(t)
	if len(read) < len(settable)+3 {
		t.Fatalf("only the variables %v were found in the source", slices.Sorted(maps.Keys(read)))
	}
	if want, got := slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(listed)); !slices.Equal(want, got) {
		t.Errorf("the host reads %v\ndocs/laptop.md lists %v", want, got)
	}
}

func TestKept_DataEndWithTheHost_ItSaysSo(t *testing.T) {
	for name, tt := range map[string]struct{ data, endpoint, want string }{
		"in memory":      {"", "", "GONE when this stops"},
		"in a folder":    {"/data", "", "/data, kept"},
		"another engine": {"", "http://127.0.0.1:8000", "http://127.0.0.1:8000"},
	} {
		if got := kept(tt.data, tt.endpoint); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want it to say %q", name, got, tt.want)
		}
	}
}
