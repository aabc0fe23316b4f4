package main

import (
	"context"
	"go/scanner"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

const root = "../../.."

// theProduct reads the product with its mutants, once: that takes a second or two.
var theProduct = sync.OnceValues(func() (*program, error) {
	dir, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	return readProgram(context.Background(), dir, filepath.Join(dir, "shared/dynamo"), mutated, true)
})

func readTheProduct(t *testing.T) *program {
	t.Helper()
	p, err := theProduct()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// count returns the number of mutants for which is reports true.
func (p *program) count(is func(*site) bool) int {
	n := 0
	for _, s := range p.sites {
		if is(s) {
			n++
		}
	}
	return n
}

// Each package that a deployed function links has mutants, or is among the exceptions.
func TestMutated_EveryPackageThatIsDeployed(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./functions/...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Clone(mutated)
	for name := range strings.FieldsSeq(string(out)) {
		folder, ours := strings.CutPrefix(name, modulePrefix)
		if !ours || strings.HasPrefix(folder, "functions/") || strings.HasPrefix(folder, "shared/local") || folder == "shared/mcptools/bridge" {
			continue // a main decides nothing, and what runs on workstations is not deployed
		}
		if n := slices.Index(known, folder); n >= 0 {
			known = slices.Delete(known, n, n+1)
			continue
		}
		if unmutated[folder] == "" && unmutated[folder[:strings.LastIndexByte(folder, '/')+1]] == "" {
			t.Errorf("%s is deployed and has no mutants: add it to mutated or unmutated", folder)
		}
	}
	for _, folder := range known {
		t.Errorf("%s has mutants and no function links it: take it out of mutated", folder)
	}
}

// Each row of the table of roles has its mutants, and each role that the code names anywhere.
func TestRoles_EachRow_IsMutated(t *testing.T) {
	p := readTheProduct(t)
	if n := p.count(func(s *site) bool { return s.kind == kindRole && s.function == "Roles" }); n != len(operations.Roles) {
		t.Errorf("%d rows of the table of roles are lowered, want %d", n, len(operations.Roles))
	}
	if n := p.count(func(s *site) bool { return s.kind == kindList && s.function == "Roles" }); n != len(operations.Roles) {
		t.Errorf("%d rows of the table of roles are taken away, want %d", n, len(operations.Roles))
	}
	named := 0
	for _, f := range p.files() {
		last := ""
		eachToken(t, f.text, func(tok token.Token, text string) {
			if tok == token.IDENT && slices.Contains([]string{"Viewer", "Auditor", "Admin"}, text) && (last == "release" || f.in.path == modulePrefix+"shared/release") {
				named++
			}
			if tok != token.PERIOD {
				last = text
			}
		})
	}
	const declared = 3 // the declarations of the three roles
	if n := p.count(func(s *site) bool { return s.kind == kindRole }); n != named-declared {
		t.Errorf("%d roles are lowered, want the %d that the code names", n, named-declared)
	}
}

func TestFilters_EachWordAndStatus_IsTakenAway(t *testing.T) {
	words := 0
	for _, c := range dynamo.Consumers() {
		for _, f := range c.Filters {
			words += len(f.Ops)
			if f.Status != "" {
				words++
			}
		}
	}
	if n := readTheProduct(t).count(func(s *site) bool { return s.kind == kindFilter }); n != words {
		t.Errorf("%d words of the filters in template.yaml are taken away, want the %d of dynamo.Consumers", n, words)
	}
}

func TestLifecycles_EachRowAndWord_IsTakenAway(t *testing.T) {
	p := readTheProduct(t)
	want, yes := 0, 0
	for _, row := range release.Lifecycle {
		want += 1 + len(row.From) + len(row.Guards)
		if row.Settles {
			yes++
		}
	}
	if n := p.count(func(s *site) bool { return s.kind == kindList && s.function == "Lifecycle" }); n != want {
		t.Errorf("%d rows, statuses and guards of the lifecycle are taken away, want %d", n, want)
	}
	if n := p.count(func(s *site) bool { return s.kind == kindRow && s.condition == "Settles: true" }); n != yes {
		t.Errorf("%d rows are made not to settle, want %d", n, yes)
	}
	for name, m := range map[string]mail.Transition{
		"Claim": mail.Claim, "Delay": mail.Delay, "Accept": mail.Accept, "Refuse": mail.Refuse, "Lose": mail.Lose,
		"Suppress": mail.Suppress, "Supersede": mail.Supersede, "Resend": mail.Resend, "Confirm": mail.Confirm,
	} {
		if n := p.count(func(s *site) bool { return s.kind == kindList && s.file == "shared/mail/mail.go" && s.function == name }); n != len(m.From) {
			t.Errorf("%d states are taken from %s, want %d", n, name, len(m.From))
		}
	}
}

// Each < <= > >= of the source is a bound with a mutant, or is counted as no bound, under the
// reason why.
func TestBounds_EachComparison_IsMutatedOrToldWhyNot(t *testing.T) {
	p := readTheProduct(t)
	written := 0
	for _, f := range p.files() {
		eachToken(t, f.text, func(tok token.Token, _ string) {
			if _, ordered := flipped[tok]; ordered {
				written++
			}
		})
	}
	found := p.count(func(s *site) bool { return s.kind == kindBound && !strings.HasPrefix(s.change, "is one ") })
	for _, n := range p.passed {
		found += n
	}
	if found != written {
		t.Errorf("%d comparisons have a mutant or a reason for none, want the %d of the source", found, written)
	}
	for name := range constants(t, "shared/release/bounds.go", "shared/release/plan.go", "shared/release/check.go") {
		if p.count(func(s *site) bool {
			return s.kind == kindBound && strings.HasSuffix(s.condition, name) && strings.HasPrefix(s.change, "is one ")
		}) < 2 {
			t.Errorf("the bound %s is not moved both up and down by one", name)
		}
	}
}

// Each error code of AWS in the code is in a class of errors, and a mutant takes it out.
func TestRetries_EachCode_IsTakenAway(t *testing.T) {
	p := readTheProduct(t)
	code := regexp.MustCompile(`"([A-Z][A-Za-z]+(?:Exception|Exceeded|Error|Failure|Failed|Conflict))"`)
	found := 0
	for _, f := range p.files() {
		eachToken(t, f.text, func(tok token.Token, text string) {
			if tok != token.STRING || !code.MatchString(text) {
				return
			}
			found++
			if p.count(func(s *site) bool {
				return s.file == f.name && strings.Contains(s.condition, text) && s.change == "is missing"
			}) == 0 {
				t.Errorf("%s names the code %s, and no mutant takes it out", f.name, text)
			}
		})
	}
	if found < 20 {
		t.Errorf("only %d codes found, want at least 20", found)
	}
}

// Each text in a list of texts that is written in one line has a mutant that takes it out.
func TestLists_EachText_IsTakenAway(t *testing.T) {
	p := readTheProduct(t)
	list := regexp.MustCompile(`\[\]string\{((?:"[^"]*"(?:, )?)+)\}`)
	text := regexp.MustCompile(`"[^"]*"`)
	found := 0
	for _, f := range p.files() {
		for n, line := range strings.Split(string(f.text), "\n") {
			for _, one := range list.FindAllStringSubmatch(line, -1) {
				for _, entry := range text.FindAllString(one[1], -1) {
					found++
					if p.count(func(s *site) bool { return s.file == f.name && s.line == n+1 && s.condition == entry }) == 0 {
						t.Errorf("%s:%d: no mutant takes %s out", f.name, n+1, entry)
					}
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d texts found, want at least 40", found)
	}
}

// At most one mutant in twenty may be explained instead of killed. The conditions of writes
// have their explanations beside them.
func TestExplanations_AtMostOneInTwenty(t *testing.T) {
	p := readTheProduct(t)
	explained := p.count(func(s *site) bool { return s.why != nil })
	if 20*explained > len(p.sites) {
		t.Errorf("%d of %d mutants are explained, want at most one in twenty", explained, len(p.sites))
	}
}

func TestByHand_AFewDozen_EachAnother(t *testing.T) {
	if len(byHands) < 36 {
		t.Errorf("%d mutants by hand, want at least 36", len(byHands))
	}
	names := map[string]bool{}
	for _, h := range byHands {
		if names[h.name] || h.old == h.new {
			t.Errorf("%s is there twice, or changes nothing", h.name)
		}
		names[h.name] = true
	}
}

// A mutant by hand whose place in the code is gone is an error; it must not count as killed.
func TestByHand_CodeHasMoved_Refused(t *testing.T) {
	p := readTheProduct(t)
	for name, h := range map[string]byHand{
		"no such file":      {"x", "shared/mail/gone.go", "New", "m", "n"},
		"no such function":  {"x", "shared/mail/mail.go", "Gone", "m", "n"},
		"the text is gone":  {"x", "shared/mail/mail.go", "New", "gone", "n"},
		"the text is twice": {"x", "shared/mail/mail.go", "New", "m", "n"},
	} {
		if err := h.inFunction(p, &site{}); err == nil {
			t.Errorf("%s: accepted, want an error", name)
		}
	}
	if err := (byHand{"x", "template.yaml", "  Gone:", "a", "b"}).inTemplate(p.root, &site{}); err == nil {
		t.Error("template.yaml has no such line: accepted, want an error")
	}
}

// Every file of the product can be rewritten with its switches, and the result parses.
func TestRewrite_OfTheProduct_IsGo(t *testing.T) {
	files, err := readTheProduct(t).rewritten()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Errorf("only %d files have switches, want at least 60", len(files))
	}
}

func (p *program) files() []*file {
	var all []*file
	for _, k := range p.packs {
		all = append(all, k.files...)
	}
	return all
}

func eachToken(t *testing.T, text []byte, visit func(token.Token, string)) {
	t.Helper()
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile("", -1, len(text)), text, nil, 0)
	for {
		_, tok, literal := s.Scan()
		if tok == token.EOF {
			return
		}
		visit(tok, literal)
	}
}

// constants returns the names of the files' constants Max… that are whole numbers.
func constants(t *testing.T, names ...string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, f := range readTheProduct(t).files() {
		if !slices.Contains(names, f.name) {
			continue
		}
		for _, found := range regexp.MustCompile(`(?m)^(?:\t|const )(Max[A-Za-z]+) += [0-9]`).FindAllStringSubmatch(string(f.text), -1) {
			all[found[1]] = true
		}
	}
	if len(all) < 18 {
		t.Errorf("only %d constants in %s, want at least 18", len(all), names)
	}
	return all
}
