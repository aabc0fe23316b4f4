package dynamo_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// written returns all words of op by table: those that a consumer listens to, and the silent ones. It
// fails if a word is both.
func written(t *testing.T) map[string][]string {
	t.Helper()
	words := map[string][]string{}
	for _, c := range dynamo.Consumers() {
		for _, f := range c.Filters {
			for _, op := range f.Ops {
				if !slices.Contains(words[c.Table], op.String()) {
					words[c.Table] = append(words[c.Table], op.String())
				}
			}
		}
	}
	for _, s := range dynamo.SilentOps() {
		if slices.Contains(words[s.Table], s.Op.String()) {
			t.Errorf("%s: %q is among SilentOps, and a consumer listens to it", s.Table, s.Op)
		}
		if len(s.Why) < 10 {
			t.Errorf("%s: SilentOps does not say why nobody listens to %q", s.Table, s.Op)
		}
		words[s.Table] = append(words[s.Table], s.Op.String())
	}
	for table := range words {
		slices.Sort(words[table])
	}
	return words
}

// Each declared word of op is either listened to, or silent for a stated reason. A word that somebody
// forgot would reach no function, and nothing else would fail.
func TestOps_EachDeclared_IsHeardOrSilentWithAReason(t *testing.T) {
	var known []string
	for _, words := range written(t) {
		known = append(known, words...)
	}
	declared := declaredOps(t)
	for _, s := range release.Statuses {
		if s != release.Planned { // nothing becomes planned; it is created so
			declared = append(declared, string(s))
		}
	}
	for _, s := range []mail.State{mail.Sending, mail.Sent, mail.Failed, mail.Suppressed, mail.Superseded, mail.Unknown} {
		declared = append(declared, string(s))
	}
	if len(declared) < 25 {
		t.Fatalf("only %d words found", len(declared))
	}
	for _, word := range declared {
		if !slices.Contains(known, word) {
			t.Errorf("%q: no consumer listens to it, and it is not among SilentOps", word)
		}
	}
	for _, word := range known {
		if !slices.Contains(declared, word) {
			t.Errorf("%q is listened to or silent, and is not declared", word)
		}
	}
}

// declaredOps reads the words of op from the source. They must be literals in op.go, and nowhere
// else.
func declaredOps(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			composite, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if typ, ok := composite.Type.(*ast.Ident); !ok || typ.Name != "Op" {
				return true
			}
			if name != "op.go" {
				t.Errorf("%s declares a word of op: declare it in op.go", name)
			}
			for _, e := range composite.Elts {
				if lit, ok := e.(*ast.BasicLit); ok {
					word, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					words = append(words, word)
				}
			}
			return true
		})
	}
	return words
}

// youngerOps are the words that came after the recording, by table, beside those of statuses. Once
// they are deployed, they must not be renamed either.
var youngerOps = map[string][]string{"Mail": {"planning", "rest", "wake"}, "Releases": {"erase", "hold", "kept", "postponed"}, "Changes": {"erase"}}

// retiredOps are words that this version does not write any more, though stored items have them.
var retiredOps = map[string][]string{"Mail": {"missed"}}

// Words of op are data: an installation's items and deployed filters have those of the recorded
// version, so that they must not be renamed.
func TestOps_OfTheRecordedVersion_AreThoseOfToday(t *testing.T) {
	raw, err := os.ReadFile("../upgrade/testdata/2026-11-26/streams.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string][]events.DynamoDBEventRecord
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	for table, today := range written(t) {
		words := slices.Clone(youngerOps[table])
		if table == "Releases" {
			for _, row := range release.Lifecycle {
				words = append(words, string(row.To))
			}
		}
		for _, r := range recorded[table+"Table"] {
			if op, ok := r.Change.NewImage["op"]; ok && !slices.Contains(words, op.String()) {
				words = append(words, op.String())
			}
		}
		words = slices.DeleteFunc(words, func(op string) bool { return slices.Contains(retiredOps[table], op) })
		slices.Sort(words)
		if !slices.Equal(words, today) {
			t.Errorf("%s: this version writes %q; want, by the recording and youngerOps, %q", table, today, words)
		}
	}
}
