package arrows_test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// The threat model has every line of the OWASP API Security Top 10 (2023) and of the
// product's own surfaces, each with tests that exist and with what is left.
func TestThreatModel_EveryLine_HasItsTests(t *testing.T) {
	text := readSection(t, "../docs/security.md", "The threat model")
	rows := tableRows(t, text)
	want := []string{
		"API1", "API2", "API3", "API4", "API5", "API6", "API7", "API8", "API9", "API10",
		"Agents", "Browsers", "Mail", "Page and feeds", "Bridge", "Record", "Supply chain", "Secrets",
	}
	for _, line := range want {
		cells := rows[line]
		if len(cells) < 4 || !namedTest.MatchString(cells[3]) || cells[1] == "" || cells[2] == "" {
			t.Errorf("line %s: %q; want threat, what stands against it, tests, what is left", line, cells)
		}
		delete(rows, line)
	}
	for line := range rows {
		t.Errorf("line %s is none that is known here", line)
	}
}

// beyondRoles is what an operation allows, or refuses, beyond its role, by the column of who
// asks. Tests beside the operations hold callers to it; here it is in the words of the page.
var beyondRoles = map[operations.Name]map[release.Role]string{
	operations.ListTasks:    {release.NoRole: "their own"},
	operations.GetTask:      {release.NoRole: "their own"},
	operations.ListLog:      {release.Viewer: "not of a deleted release"},
	operations.CompleteStep: {release.Auditor: "the steps that they own"},
	operations.LiftHold:     {release.Auditor: "their own"},
	operations.DecideChange: {release.Admin: "yes; with `SeparateDuties` not on their own"},
}

// The page on security lists who may do what: every operation, and nothing else than
// operations.Roles says.
func TestRoles_Documented_AreTheTable(t *testing.T) {
	text := readSection(t, "../docs/security.md", "Who may do what")
	var rows strings.Builder
	rows.WriteString("| operation | what | request | no role | Viewer | Auditor | Admin |\n|---|---|---|---|---|---|---|\n")
	seen := map[operations.Name]bool{}
	for _, r := range rest.Routes() {
		seen[r.Operation] = true
		fmt.Fprintf(&rows, "| `%s` | %s | `%s %s` |", r.Operation, r.Summary, r.Method, r.Path)
		for who := release.NoRole; who <= release.Admin; who++ {
			may := "–"
			if who >= operations.Roles[r.Operation] {
				may = "yes"
			}
			if other := beyondRoles[r.Operation][who]; other != "" {
				may = other
			}
			fmt.Fprintf(&rows, " %s |", may)
		}
		rows.WriteString("\n")
	}
	for name := range operations.Roles {
		if !seen[name] {
			t.Errorf("%s has a role and no request", name)
		}
	}
	if !strings.Contains(text, "\n\n"+rows.String()+"\n") {
		t.Errorf("docs/security.md, \"Who may do what\", does not hold these rows, and no others:\n%s", rows.String())
	}
}

// Each module that go.mod names itself stands in the table of what the product stands on,
// and no other.
func TestDependencies_EachModule_IsJustified(t *testing.T) {
	rows := tableRows(t, readSection(t, "../docs/security.md", "What it stands on"))
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllSubmatch(mod, -1)
	if len(direct) < 15 {
		t.Fatalf("%d modules", len(direct))
	}
	for _, m := range direct {
		name := "`" + string(m[1]) + "`"
		if cells := rows[name]; len(cells) != 4 || slices.Contains(cells, "") {
			t.Errorf("%s: %q; want what for, licence, why not our own", name, cells)
		}
		delete(rows, name)
	}
	for name := range rows {
		if name != "module" {
			t.Errorf("%s is not in go.mod", name)
		}
	}
}

// What anybody may ask for without a token, typed by hand. Everything else is behind the
// authorizer, and all of it has a rate, where a page is made from the tables a lower one.
func TestTemplate_OpenRoutes_AreListedAndThrottled(t *testing.T) {
	open := map[string]bool{
		"/.well-known/oauth-protected-resource": true, "/.well-known/oauth-protected-resource/mcp": true, "/openapi.json": true, "/docs": true, "/problems/{code}": true,
		"/trust-center": true, "/trust-center/{id}": true, "/trust-center.json": true, "/trust-center.atom": true, "/trust-center.ics": true,
	}
	tmpl := load(t)
	rated := map[string]bool{}
	for _, r := range tmpl.Resources {
		settings, _ := r.Properties["MethodSettings"].([]any)
		for _, s := range settings {
			s, _ := s.(map[string]any)
			rate, _ := s["ThrottlingRateLimit"].(int)
			if path, _ := s["ResourcePath"].(string); rate > 0 && rate <= 200 {
				method, _ := s["HttpMethod"].(string)
				rated[method+" "+path] = true
			}
		}
	}
	if !rated["* /*"] {
		t.Errorf("the stage has no rate: %v", rated)
	}
	seen := map[string]bool{}
	for _, f := range tmpl.Functions {
		for _, route := range f.Routes {
			if route.Authorizer != "" {
				if open[route.Path] {
					t.Errorf("%s %s asks for a token", route.Method, route.Path)
				}
				continue
			}
			if route.Method == "OPTIONS" { // what a browser asks before it sends a token
				continue
			}
			seen[route.Path] = true
			if !open[route.Path] || route.Method != "GET" && route.Method != "HEAD" {
				t.Errorf("%s %s is open to everybody", route.Method, route.Path)
			}
			if strings.HasPrefix(route.Path, "/trust-center") && !rated[route.Method+" "+route.Path] {
				t.Errorf("%s %s has no rate of its own", route.Method, route.Path)
			}
		}
	}
	for path := range open {
		if !seen[path] {
			t.Errorf("%s is not there, or not open", path)
		}
	}
}

// Where programs that ship make requests of their own: to the issuer's keys, and from the
// bridge to the service. Nothing else may, so that no address that somebody sends is asked
// for (OWASP API7).
func TestOutgoingRequests_OnlyWhereTheyAreKnown(t *testing.T) {
	known := map[string]bool{"shared/identity/keys.go": false, "shared/mcptools/bridge/post.go": false}
	asks := []string{"NewRequest", "NewRequestWithContext", "Get", "Post", "PostForm", "Head", "DefaultClient", "Dial", "DialTimeout"}
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.dir, "shared/local") || strings.HasPrefix(s.dir, "shared/testkit") || s.dir == "shared/mcptools/check" || s.dir == "functions/local" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			called, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(asks, called.Sel.Name) {
				return true
			}
			if of, ok := called.X.(*ast.Ident); ok && (of.Name == "http" || of.Name == "net") {
				file := s.name
				if _, ok := known[file]; !ok {
					t.Errorf("%s makes requests: %s.%s", file, of.Name, called.Sel.Name)
				}
				known[file] = true
			}
			return true
		})
	}
	for file, found := range known {
		if !found {
			t.Errorf("%s makes none: it is not looked for rightly", file)
		}
	}
}

// noTarget are decoders that need no fuzz target of their own, and why.
var noTarget = map[string]string{
	"shared/record.decodeFingerprint":   "FuzzEntry reads with it",
	"shared/record.parseGenerationLeaf": "FuzzEvidence reads with it",
	"shared/release.parseEnum":          "FuzzWords reads with it",
	"shared/identity.decode":            "FuzzVerify reads with it",
	"shared/local/template.parseYAML":   "FuzzParse reads with it",
	"shared/local/template.parseRate":   "FuzzParse reads with it",
}

// What reads something that comes from outside is fuzzed: each function Parse…, Decode… or
// Read… of a text or bytes, in what ships, is called by a fuzz target of its package.
func TestDecoders_Each_HasAFuzzTarget(t *testing.T) {
	fuzzed := map[string]string{} // the bodies of a package's targets
	decoders := map[string]string{}
	name := regexp.MustCompile(`^(Parse|parse|Decode|decode|Read)[A-Z0-9]?\w*$`)
	for _, s := range sources(t) {
		if strings.HasPrefix(s.dir, "shared/testkit") || strings.HasPrefix(s.dir, "shared/local") && s.dir != "shared/local/template" || s.dir == "shared/mcptools/check" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if s.test {
				if strings.HasPrefix(f.Name.Name, "Fuzz") {
					fuzzed[s.dir] += string(s.text[f.Pos()-s.file.FileStart : f.End()-s.file.FileStart])
				}
				continue
			}
			if f.Recv != nil || !name.MatchString(f.Name.Name) || len(f.Type.Params.List) == 0 {
				continue
			}
			of := string(s.text[f.Type.Params.List[0].Type.Pos()-s.file.FileStart : f.Type.Params.List[0].Type.End()-s.file.FileStart])
			if of == "string" || of == "[]byte" || of == "item" || strings.HasPrefix(of, "map[string]") {
				decoders[s.dir+"."+f.Name.Name] = s.dir
			}
		}
	}
	if len(decoders) < 20 {
		t.Fatalf("%d decoders: they are not found", len(decoders))
	}
	for decoder, dir := range decoders {
		_, called, _ := strings.Cut(decoder, ".")
		if !regexp.MustCompile(`\b`+called+`\b`).MatchString(fuzzed[dir]) && noTarget[decoder] == "" {
			t.Errorf("%s has no fuzz target", decoder)
		}
	}
}
