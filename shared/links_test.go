package arrows_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	code    = regexp.MustCompile("`[^`\n]+`")
	section = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	// inCode is a file or folder of this repository that a text names in code.
	inCode = regexp.MustCompile("`((?:shared|functions|docs|events|\\.ci)/[A-Za-z0-9_./-]*[A-Za-z0-9_])`")
)

// anchor is what GitHub makes of a heading: small letters, without punctuation, spaces as hyphens.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, heading)
}

// anchors are those of a document's headings; one that occurs again gets a number.
func anchors(document string) []string {
	var list []string
	seen := map[string]int{}
	for _, m := range section.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		a := anchor(m[1])
		if n := seen[a]; n > 0 {
			list = append(list, fmt.Sprintf("%s-%d", a, n))
		} else {
			list = append(list, a)
		}
		seen[a]++
	}
	return list
}

// documents are the Markdown files that people read, by their path from the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".local" || d.Name() == ".aws-sam"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		found[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d documents were found", len(found))
	}
	return found
}

func TestDocuments_RelativeLinks_LeadSomewhere(t *testing.T) {
	all := documents(t)
	checked := 0
	for path, text := range all {
		text = code.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") { // https:, mailto:
				continue
			}
			checked++
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: nothing is at %s", path, m[1])
				continue
			}
			if fragment != "" && !slices.Contains(anchors(all[file]), fragment) {
				t.Errorf("%s: %s has no section %q; it has %q", path, file, fragment, anchors(all[file]))
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d links were found", checked)
	}
}

// What a document calls a place of this repository is one. The decisions tell of places that were.
func TestDocuments_PlacesInCode_Exist(t *testing.T) {
	checked := 0
	for path, text := range documents(t) {
		if filepath.Base(path) == "decisions.md" {
			continue
		}
		for _, m := range inCode.FindAllStringSubmatch(text, -1) {
			checked++
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s: there is no %s", path, m[1])
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d places were found", checked)
	}
}
