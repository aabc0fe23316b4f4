// Package arrows_test holds the whole module to its architecture: who may import whom,
// how large a file may be, and that the template, the routes and the folders say the
// same. It must not know what any package does.
package arrows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "example.com/releases/"

// mayImport is the picture of docs/architecture.md in full: each package, and what it may know of this
// module. A name that ends in / stands for everything below it. Tests may import
// anything. A package that is not here has to be given its place first.
var mayImport = map[string][]string{
	"shared/version":      {}, // which version this is
	"shared/glyph":        {}, // what of a text people can see
	"shared/address":      {"shared/glyph"},
	"shared/release":      {"shared/address", "shared/glyph"},
	"shared/mail":         {"shared/release"}, // the other domain: who is told what
	"shared/record":       {"shared/release"},
	"shared/jitter":       {}, // the random part of pauses
	"shared/dynamo":       {"shared/glyph", "shared/jitter", "shared/record", "shared/mail", "shared/release"},
	"shared/operations":   {"shared/dynamo", "shared/glyph", "shared/record", "shared/release"},
	"shared/rest":         {"shared/operations", "shared/release"},
	"shared/rest/apidocs": {}, // serves what is generated, so that it links no route
	"shared/rest/openapi": {"shared/fields", "shared/rest", "shared/operations", "shared/release", "shared/version"},
	"shared/fields":       {}, // what types say of their fields, for generators
	"shared/mcptools":     {"shared/operations", "shared/release", "shared/version"},
	"shared/stream":       {"shared/dynamo"}, // the one batch loop
	"shared/settle":       {"shared/dynamo", "shared/release", "shared/stream"},
	"shared/seal":         {"shared/dynamo", "shared/record", "shared/stream"},
	"shared/calendar":     {},
	"shared/figures":      {}, // log lines that CloudWatch counts
	"shared/notify":       {"shared/dynamo", "shared/glyph", "shared/mail", "shared/release"},
	"shared/trustcenter":  {"shared/calendar", "shared/release"},
	"shared/identity":     {"shared/glyph", "shared/release", "shared/version"},
	"shared/host":         {"shared/figures", "shared/identity", "shared/release", "shared/version"},

	// The bridge is a program for workstations: it speaks the protocol and knows no rule.
	"shared/mcptools/bridge":   {"shared/version"},
	"shared/mcptools/check":    {}, // a client of the endpoint, as others write them
	"shared/mcptools/describe": {"shared/fields", "shared/mcptools", "shared/operations", "shared/release"},

	// The parts of notify rest on its words, and link what they need: see onlyIn for who
	// sends mail and who publishes events.
	"shared/notify/": {"shared/notify", "shared/notify/", "shared/address", "shared/figures", "shared/calendar", "shared/dynamo", "shared/glyph", "shared/jitter", "shared/mail", "shared/record", "shared/release", "shared/stream"},

	// The laptop host knows everything. Its parts know each other, never the product.
	"shared/local":  {"shared/"},
	"shared/local/": {"shared/local/"},

	// What tests stand on: linked by tests only, see TestTestkit_IsLinkedByTestsOnly.
	"shared/testkit":  {"shared/testkit/", "shared/dynamo", "shared/local/"},
	"shared/testkit/": {"shared/local/"},
	// The checkers of pages are kept where the engine is.
	"shared/testkit/browser": {"shared/local/engine"},

	// Wiring, once: each package makes the functions of the surface it names and links no other.
	"shared/wire":               {"shared/host", "shared/dynamo"},
	"shared/wire/api":           {"shared/host", "shared/wire", "shared/operations", "shared/rest"},
	"shared/wire/docs":          {"shared/host", "shared/rest/apidocs"},
	"shared/wire/agents":        {"shared/host", "shared/wire", "shared/operations", "shared/mcptools"},
	"shared/wire/settlement":    {"shared/host", "shared/wire", "shared/settle"},
	"shared/wire/announcements": {"shared/host", "shared/wire", "shared/dynamo", "shared/settle", "shared/notify/announce"},
	"shared/wire/notices":       {"shared/host", "shared/wire", "shared/notify/plan", "shared/notify/tend", "shared/notify/feedback"},
	"shared/wire/sealing":       {"shared/host", "shared/wire", "shared/seal"},
	"shared/wire/sending":       {"shared/host", "shared/wire", "shared/notify/send"},
	"shared/wire/page":          {"shared/host", "shared/wire", "shared/trustcenter"},

	// A Lambda's main names what it needs and runs one function; see also TestMains.
	"functions/":          {"shared/host", "shared/rest", "shared/wire/"},
	"functions/local":     {"shared/local", "shared/local/"},
	"functions/mcp-stdio": {"shared/mcptools/bridge"},
}

// onlyIn says where what costs start-up time, or ties to a vendor, may be imported. Of
// each module with no place at all, a function's binary has to stay free.
var onlyIn = map[string][]string{
	"github.com/aws/aws-sdk-go-v2/config":                  {}, // 2 MB and 3 M instructions on each start
	"github.com/aws/aws-sdk-go-v2/feature/":                {},
	"github.com/aws/aws-sdk-go-v2/service/dynamodb":        {"shared/dynamo", "shared/local", "shared/local/", "shared/testkit", "shared/testkit/"},
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types":  {"shared/dynamo", "shared/stream", "shared/local", "shared/local/", "shared/testkit/"}, // a stream's images
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams": {"shared/local", "shared/local/", "shared/testkit"},
	"github.com/aws/aws-sdk-go-v2/service/eventbridge":     {"shared/notify/announce", "shared/local", "shared/local/"},
	"github.com/aws/aws-sdk-go-v2/service/sesv2":           {"shared/notify/send", "shared/local", "shared/local/"},
	"github.com/aws/aws-lambda-go/lambda":                  {"shared/host", "shared/local", "shared/local/"},
	"github.com/awslabs/aws-lambda-go-api-proxy/":          {"shared/host"},
	"github.com/golang-jwt/":                               {"shared/identity", "shared/local", "shared/local/"},
	"github.com/modelcontextprotocol/":                     {"shared/mcptools", "shared/mcptools/check", "shared/mcptools/describe", "shared/local", "shared/local/"},
	"github.com/goccy/go-yaml":                             {"shared/local/template"},
	"golang.org/x/mod/":                                    {"shared/record"},  // 20 KB, and nothing at start
	"golang.org/x/net/":                                    {"shared/address"}, // 0.2 MB, and nothing at start
	"golang.org/x/text/":                                   {"shared/glyph"},   // which x/net brings anyway
}

// notLambdas are the two folders of functions/ that the template does not have.
var notLambdas = []string{"functions/local", "functions/mcp-stdio"}

// source is one Go file, parsed.
type source struct {
	dir, name string // slashes, from the root
	test      bool
	lines     int
	text      []byte
	file      *ast.File
	fset      *token.FileSet
}

func (s source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has read it
		}
		list = append(list, p)
	}
	return list
}

// sources reads every Go file below functions and shared.
func sources(t *testing.T) []source {
	t.Helper()
	const root = ".."
	var list []source
	for _, top := range []string{"functions", "shared"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(file, ".go") {
				return nil
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			list = append(list, source{
				dir: path.Dir(name), name: name, test: strings.HasSuffix(name, "_test.go"),
				lines: strings.Count(string(text), "\n"), text: text, file: parsed, fset: fset,
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(list) < 50 {
		t.Fatalf("only %d Go files found; something is wrong with how they are looked for", len(list))
	}
	return list
}

// listed looks a package up in a list of names and of prefixes that end in a slash.
func listed(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		return pkg == name || strings.HasSuffix(name, "/") && strings.HasPrefix(pkg, name)
	})
}

// place finds a package's row: its own, or that of the longest prefix.
func place(dir string) (allowed []string, known bool) {
	if allowed, known = mayImport[dir]; known {
		return allowed, true
	}
	longest := ""
	for name := range mayImport {
		if strings.HasSuffix(name, "/") && strings.HasPrefix(dir, name) && len(name) > len(longest) {
			longest = name
		}
	}
	return mayImport[longest], longest != ""
}

// home finds the longest name in onlyIn that the import is, or lies below.
func home(imported string) (where []string, bound bool) {
	longest := ""
	for name := range onlyIn {
		if (imported == name || strings.HasPrefix(imported, strings.TrimSuffix(name, "/")+"/")) && len(name) > len(longest) {
			longest = name
		}
	}
	return onlyIn[longest], longest != ""
}

func TestArrows(t *testing.T) {
	inside, outside := 0, 0
	seen := make(map[string]bool)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		seen[s.dir] = true
		allowed, known := place(s.dir)
		if !known {
			t.Errorf("%s: the package %s has no place in the table of this test", s.name, s.dir)
			continue
		}
		for _, i := range s.imports() {
			own, isOurs := strings.CutPrefix(i, module)
			switch {
			case isOurs:
				inside++
				if !listed(own, allowed) {
					t.Errorf("%s imports %s; %s may import %v", s.name, own, s.dir, allowed)
				}
			case strings.Contains(strings.Split(i, "/")[0], "."):
				outside++
				if s.dir == "shared/release" || s.dir == "shared/mail" {
					t.Errorf("%s imports %s; the domain uses the standard library only", s.name, i)
				}
				if where, bound := home(i); bound && !listed(s.dir, where) {
					t.Errorf("%s imports %s, which has its place in %v only", s.name, i, where)
				}
			}
		}
	}
	if inside < 20 || outside < 10 {
		t.Errorf("%d imports of our own and %d of others are too few to believe", inside, outside)
	}
	for _, must := range []string{"shared/release", "shared/mail", "shared/dynamo", "shared/operations", "shared/rest", "shared/settle", "shared/host", "shared/identity"} {
		if !seen[must] {
			t.Errorf("%s is not there", must)
		}
	}
}

// What tests stand on stays out of everything that ships, the laptop host as well; its
// row above would let it in. Nothing else links Go's own testing package either.
func TestTestkit_IsLinkedByTestsOnly(t *testing.T) {
	used := 0
	for _, s := range sources(t) {
		// Benchmarks report to package budget; the bench command reads its list.
		inside := listed(s.dir, []string{"shared/testkit", "shared/testkit/", "shared/local/budget"})
		for _, i := range s.imports() {
			own := strings.TrimPrefix(i, module)
			if !listed(own, []string{"shared/testkit", "shared/testkit/", "testing"}) {
				continue
			}
			used++
			if !s.test && !inside {
				t.Errorf("%s imports %s, which is for tests", s.name, own)
			}
		}
	}
	if used < 20 {
		t.Errorf("only %d imports found", used)
	}
}

// The environment is read once, at the edge. What an environment variable changes deep
// inside cannot be seen in a main.
func TestArrows_Environment_IsReadAtTheEdge(t *testing.T) {
	reads := 0
	for _, s := range sources(t) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Name != "os" || !slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, sel.Sel.Name) {
				return true
			}
			reads++
			if !s.test && !listed(s.dir, []string{"shared/host", "shared/local", "shared/local/", "shared/testkit", "shared/testkit/", "functions/local", "functions/mcp-stdio", "shared/mcptools/check"}) {
				t.Errorf("%s reads the environment with os.%s; that is shared/host's", s.fset.Position(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
	if reads == 0 {
		t.Error("nobody reads the environment; this test looks in the wrong place")
	}
}

// A main is one file of at most 12 lines, and one surface.
func TestMains(t *testing.T) {
	const most = 12
	mains := 0
	for _, s := range sources(t) {
		if s.test || !strings.HasPrefix(s.dir, "functions/") || listed(s.dir, notLambdas) || listed(path.Dir(s.dir), notLambdas) {
			continue
		}
		mains++
		if path.Base(s.name) != "main.go" || s.file.Name.Name != "main" {
			t.Errorf("%s: a function is one main.go; logic lives in shared", s.name)
		}
		if n := codeLines(s); n > most {
			t.Errorf("%s has %d lines of code; at most %d are a main", s.name, n, most)
		}
		var served []string
		for _, i := range s.imports() {
			if own, ok := strings.CutPrefix(i, module); ok && listed(own, []string{"shared/wire/"}) {
				served = append(served, own)
			}
		}
		if len(served) > 1 {
			t.Errorf("%s serves %v; a function's binary links what it serves and nothing else", s.name, served)
		}
	}
	if mains < 15 {
		t.Errorf("only %d mains found", mains)
	}
}

// codeLines counts lines that hold more than a comment.
func codeLines(s source) int {
	comment := make(map[int]bool)
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			from, to := s.fset.Position(c.Pos()), s.fset.Position(c.End())
			for line := from.Line; line <= to.Line; line++ {
				comment[line] = true
			}
		}
	}
	n := 0
	for i, line := range strings.Split(string(s.text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || comment[i+1] && (strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*")) {
			continue
		}
		n++
	}
	return n
}

// Every package says in its first sentence what it is for; no name says nothing.
func TestPackages_Each_HasItsSentence(t *testing.T) {
	vague := []string{"util", "utils", "common", "types", "helper", "helpers", "manager", "misc", "shared", "base", "core"}
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		name := s.file.Name.Name
		if slices.Contains(vague, strings.TrimSuffix(name, "_test")) || slices.Contains(vague, path.Base(s.dir)) && s.dir != "shared" {
			t.Errorf("%s: a package called %s says nothing about itself", s.name, name)
		}
		if s.test {
			continue
		}
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(s.dir) + " "
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil && strings.HasPrefix(s.file.Doc.Text(), want)
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if name := path.Base(dir); !documented[dir] {
			t.Errorf("%s has no comment that begins with “Package %s ” (or, for a main, “Command %s ”)", dir, name, name)
		}
	}
	if len(documented) < 15 {
		t.Errorf("only %d packages found", len(documented))
	}
}

func TestFiles_Each_StaysSmall(t *testing.T) {
	const most = 500
	for _, s := range sources(t) {
		if s.lines > most {
			t.Errorf("%s has %d lines; split it by what it is about (at most %d)", s.name, s.lines, most)
		}
	}
}
