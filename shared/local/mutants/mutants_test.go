package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const product = "../../dynamo"

// The program finds conditions in the syntax tree. This test counts them in the text.
func TestSites_OfTheProduct_AllFound(t *testing.T) {
	s, err := readSource(product)
	if err != nil {
		t.Fatal(err)
	}
	calls, appends := 0, 0
	for _, one := range s.sites {
		if one.dot < 0 {
			appends++
		} else {
			calls++
		}
	}
	call := regexp.MustCompile(`\.\s*(` + strings.Join(builders, "|") + `)\(`)
	direct := regexp.MustCompile(`\.conditions = `)
	expression := regexp.MustCompile(`(?m)^func \(e \*expression\) .*\{\n(?:.*\n)*?\}\n`)
	comment := regexp.MustCompile(`//.*`)
	wantCalls, wantAppends := 0, 0
	for _, text := range s.texts {
		text = comment.ReplaceAll(expression.ReplaceAll(text, nil), nil)
		wantCalls += len(call.FindAll(text, -1))
		wantAppends += len(direct.FindAll(text, -1))
	}
	if calls != wantCalls || appends != wantAppends {
		t.Errorf("%d calls and %d appends found, the source has %d and %d", calls, appends, wantCalls, wantAppends)
	}
	if calls < 40 || appends < 4 {
		t.Errorf("%d calls and %d appends found, want at least 40 and 4", calls, appends)
	}
}

// The program would not find a condition that is not built by an expression.
func TestSites_OfTheProduct_NoConditionPastTheExpression(t *testing.T) {
	s, err := readSource(product)
	if err != nil {
		t.Fatal(err)
	}
	condition := regexp.MustCompile(`\bConditionExpression\b.*`)
	found := 0
	for name, text := range s.texts {
		for _, use := range condition.FindAll(text, -1) {
			if found++; !bytes.Contains(use, []byte("e.condition()")) {
				t.Errorf("%s: %s; build it with an expression", name, use)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d uses of ConditionExpression found, want at least 5", found)
	}
}

func TestRewrite_OfTheProduct_SwitchesEveryCondition(t *testing.T) {
	s, err := readSource(product)
	if err != nil {
		t.Fatal(err)
	}
	switches := 0
	for name, edits := range s.edits() {
		text, err := rewrite(name, s.texts[name], edits)
		if err != nil {
			t.Fatal(err)
		}
		switches += bytes.Count(text, []byte("mutantCondition(")) + bytes.Count(text, []byte("mutantAdded("))
	}
	if switches != len(s.sites) {
		t.Errorf("%d switches for %d sites", switches, len(s.sites))
	}
}

// The whole program on a package whose test misses some mutants.
func TestRun_TellsWhatIsHeld(t *testing.T) {
	var out bytes.Buffer
	o := options{writes: filepath.Join("testdata", "tiny"), packages: []string{"./testdata/tiny"}, lanes: 2, most: time.Minute}
	ok, err := run(t.Context(), o, &out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`Reset>guard +equal\("revision", revision\) +is missing +SURVIVED`,
		`Set>guard +equal\("revision", revision\) +is missing +killed +\S*tiny\.TestSet`,
		`Reset>guard +absent\("locked"\) +is missing +redundant +who resets it has locked it before`,
		`Set>guard +absent\("locked"\) +is missing +killed`,
		`Append +"#revision = "\+strconv\.Itoa\(revision\) +is missing +SURVIVED`,
		`Append +equal\("revision", revision\) +is missing +SURVIVED`,
		`Clear +equal\("revision", revision\) +is missing +UNREACHED`,
		`Lock +equal\("revision", revision\) +is missing +killed +\S*tiny\.TestLock`,
		`4 of 8 held .* 3 killed, 1 redundant and explained, 0 by chance, 3 survived, 1 not reached`,
		`equal\("revision", revision\) is not redundant`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("the output does not have %s", want)
		}
	}
	if ok {
		t.Error("the run succeeded although mutants survived")
	}
	if t.Failed() {
		t.Log(out.String())
	}
	o.only, o.lanes = "Set>", 1
	if ok, err := run(t.Context(), o, &out, io.Discard); !ok || err != nil {
		t.Errorf("with Set only, where all mutants are held: got %v and %v, want success", ok, err)
	}
}

// A comment that explains a condition as redundant and has lost it is an error.
func TestExplanations_WithoutACondition_Refused(t *testing.T) {
	const head = "package p\n\nfunc f(e *expression) {\n"
	for name, body := range map[string]string{
		"it stands beside none": "\t// redundant: so it is\n\n\te.equal(1)\n}\n",
		"it stands beside two":  "\t// redundant: so it is\n\te.equal(1).absent(2)\n}\n",
		"no such function":      "\t// redundant in g: so it is\n\te.equal(1)\n}\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(head+body), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSource(dir); err == nil {
			t.Errorf("%s: the explanation is accepted, want an error", name)
		}
	}
}
