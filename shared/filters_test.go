package arrows_test

import (
	"encoding/json"
	"go/ast"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/release"
)

// listening is a consumer's filters as one set: each word, and with it the status
// in which alone it counts.
type listening []string

func (l *listening) add(op, status string) {
	if status != "" {
		op += " while " + status
	}
	*l = append(*l, op)
}

func (l listening) without(n int) listening { return slices.Delete(slices.Clone(l), n, n+1) }

// listens is what a consumer knows.
func listens(c dynamo.Consumer) (l listening) {
	for _, f := range c.Filters {
		for _, op := range f.Ops {
			l.add(op.String(), string(f.Status))
		}
	}
	return l
}

// letThrough is what the template's filters let through. They match words, and statuses
// beside them, and nothing else.
func letThrough(t *testing.T, patterns []template.Pattern) (l listening) {
	t.Helper()
	type words struct{ S []string }
	for _, p := range patterns {
		var pattern struct {
			DynamoDB struct {
				NewImage struct {
					Op     words  `json:"op"`
					Status *words `json:"status"`
				}
			} `json:"dynamodb"`
		}
		decoder := json.NewDecoder(strings.NewReader(p.String()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&pattern); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		image := pattern.DynamoDB.NewImage
		statuses := []string{""}
		if image.Status != nil {
			statuses = image.Status.S
		}
		for _, op := range image.Op.S {
			for _, status := range statuses {
				l.add(op, status)
			}
		}
	}
	return l
}

// differences are the words of one and not of the other, both ways, and those that stand
// twice.
func differences(a, b listening) (all []string) {
	for n, word := range a {
		if !slices.Contains(b, word) || slices.Contains(a[:n], word) {
			all = append(all, word)
		}
	}
	for n, word := range b {
		if !slices.Contains(a, word) || slices.Contains(b[:n], word) {
			all = append(all, word)
		}
	}
	return all
}

// streamOf is a function's one stream.
func streamOf(t *testing.T, functions []template.Function, name string) template.Stream {
	t.Helper()
	for _, f := range functions {
		if f.Name == name && len(f.Streams) == 1 {
			return f.Streams[0]
		}
	}
	t.Fatalf("the template wakes %s by no stream, or by several", name)
	return template.Stream{}
}

// What the template lets through to a function is what the function listens to: of a
// word that only one of them knows, nobody would ever hear. That the comparison misses
// none is seen by taking away each of them, on either side.
func TestStreamFilters_OfEachConsumer_AreTheWordsItListensTo(t *testing.T) {
	functions := load(t).Functions
	var woken, consumers []string
	for _, f := range functions {
		if len(f.Streams) > 0 {
			woken = append(woken, f.Name)
		}
	}
	for _, c := range dynamo.Consumers() {
		consumers = append(consumers, c.Function)
		stream := streamOf(t, functions, c.Function)
		if stream.Table != c.Table+"Table" {
			t.Errorf("%s reads %s in the template, and listens to the words of %s", c.Function, stream.Table, c.Table)
		}
		filter, list := letThrough(t, stream.Filters), listens(c)
		if wrong := differences(filter, list); len(wrong) > 0 || len(filter) == 0 {
			t.Errorf("%s: the template lets %q through, and it listens to %q; they differ in %q", c.Function, filter, list, wrong)
			continue
		}
		for n, word := range filter {
			if len(differences(filter.without(n), list)) == 0 {
				t.Errorf("%s: %q taken out of the filter is not noticed", c.Function, word)
			}
		}
		for n, word := range list {
			if len(differences(filter, list.without(n))) == 0 {
				t.Errorf("%s: %q taken out of the list is not noticed", c.Function, word)
			}
		}
	}
	differ(t, "template.yaml's streams", woken, "dynamo.Consumers", consumers)
}

// The attribute that holds the word is written and read in one place: a literal elsewhere
// would be a word, or a reader of words, that the lists do not know.
func TestOps_TheAttribute_IsNamedInOnePlace(t *testing.T) {
	const place = "shared/dynamo/op.go"
	named := 0
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Value == `"op"` {
				if named++; s.name != place {
					t.Errorf("%s names the attribute op; %s and StreamRecord are its writer and its reader", s.name, place)
				}
			}
			return true
		})
	}
	if named == 0 {
		t.Errorf("%s does not name it either", place)
	}
}

// Every status that a release can enter is announced, and settled where the lifecycle
// says so.
func TestStreamFilters_OfTransitions_FollowTheLifecycle(t *testing.T) {
	functions := load(t).Functions
	var enters, settles []string
	for _, row := range release.Lifecycle {
		enters = append(enters, string(row.To))
		if row.Settles {
			settles = append(settles, string(row.To))
		}
	}
	differ(t, "settle-changes' filter", letThrough(t, streamOf(t, functions, "settle-changes").Filters), "the lifecycle", settles)
	// What is announced beside transitions: the words that people are told of.
	announced := slices.Concat(enters, []string{"settled", "link while scheduled", "patch while scheduled", "decide while scheduled"})
	differ(t, "announce's filter", letThrough(t, streamOf(t, functions, "announce").Filters), "the lifecycle and what people are told of", announced)
}
