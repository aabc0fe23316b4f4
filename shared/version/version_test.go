package version_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"example.com/releases/shared/version"
)

// A heading of a version: the number, and the date unless it is still being worked on.
var heading = regexp.MustCompile(`^(\d+\.\d+\.\d+)(?: · (\d{4}-\d\d-\d\d)|(-dev))$`)

func TestVersion_NewestHeadingOfChangelog_IsTheNumber(t *testing.T) {
	changelog, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(changelog), "\n## ")
	if !found {
		t.Fatal("CHANGELOG.md has no heading of a version")
	}
	newest, _, _ := strings.Cut(after, "\n")
	parts := heading.FindStringSubmatch(newest)
	if parts == nil {
		t.Fatalf("the newest heading of CHANGELOG.md is %q; it has to be like \"1.2.0 · 2026-12-24\", or \"1.2.0-dev\" until that version is out", newest)
	}
	if got := parts[1] + parts[3]; got != version.Number {
		t.Errorf("CHANGELOG.md is at %s, version.Number at %s", got, version.Number)
	}
}
