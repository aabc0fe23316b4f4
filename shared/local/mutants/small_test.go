package main

import (
	"bytes"
	"io"
	"regexp"
	"testing"
	"time"
)

// Every kind of mutant but conditions of writes, on a package whose test misses some.
func TestRun_EachKind_TellsWhatIsHeld(t *testing.T) {
	var out bytes.Buffer
	o := options{folders: []string{"shared/local/mutants/testdata/small"}, packages: []string{"./testdata/small"}, lanes: 1, most: time.Minute, kept: t.TempDir()}
	if _, err := run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`list .*Needs +"read" +is missing +killed +\S*TestOther`,
		`list .*Needs +"write" +is missing +SURVIVED`,
		`row .*rows +Loud: true +is not said +killed +\S*TestSmall`,
		`row .*rows +Which: more +is not said +SURVIVED`,
		`list .*rows +\{Name: "one", Loud: true, Which: more\} +is missing +killed`,
		`row .*table +something +is another +killed`,
		`row .*table +nothing +is another +SURVIVED`,
		`bound .*Fits +maxText +is one more +killed`,
		`bound .*Fits +maxText +is one less +killed`,
		`bound .*Fits +n < most +is <= +SURVIVED`,
		`list .*Ends +word == "end" +is missing +killed`,
		`list .*Ends +word == "stop" +is missing +UNREACHED`,
		`list .*Known +case "one" +is missing +killed`,
		`list .*Known +case "two" +is missing +UNREACHED`,
		`retry .*Repeat +code == "ThrottlingException" +is missing +UNREACHED`,
		`retry +1 +0 +0 +0 +0 +1 +0`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("the output does not have %s", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// Verdicts are kept between runs: a killed mutant is not tried again, the others are.
func TestRun_Again_TriesWhatWasNotKilled(t *testing.T) {
	o := options{folders: []string{"shared/local/mutants/testdata/small"}, packages: []string{"./testdata/small"}, lanes: 1, most: time.Minute, kept: t.TempDir(), only: "Fits"}
	for range 2 {
		if _, err := run(t.Context(), o, io.Discard, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	l, err := openLedger(o.kept+"/verdicts.jsonl", false)
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for _, f := range l.known {
		if _, stands := l.find(f.Mutant, f.Source); stands {
			kills++
		}
		if _, stands := l.find(f.Mutant, "changed"); stands {
			t.Errorf("%s counts although its file has changed", f.Mutant)
		}
	}
	if kills != 2 || len(l.known) != 3 {
		t.Errorf("%d of %d mutants are known to be killed, want 2 of 3", kills, len(l.known))
	}
	forgotten, err := openLedger(o.kept+"/verdicts.jsonl", true)
	if err != nil {
		t.Fatal(err)
	}
	if len(forgotten.known) != 0 || len(forgotten.noticed) != 2 {
		t.Errorf("after forgetting, %d verdicts and %d tests to run first are known, want 0 and 2", len(forgotten.known), len(forgotten.noticed))
	}
}
