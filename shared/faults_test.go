package arrows_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// testNames returns every test, fuzz target and benchmark of the module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w*)\(`)
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, found := range declared.FindAllSubmatch(s.text, -1) {
			names[string(found[1])] = true
		}
	}
	if len(names) < 500 {
		t.Fatalf("%d tests: they are not found", len(names))
	}
	return names
}

var namedTest = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")

// readPage returns a page's text, in which every test named exists.
func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	exist := testNames(t)
	for _, name := range namedTest.FindAllSubmatch(text, -1) {
		if !exist[string(name[1])] {
			t.Errorf("%s names %s, and there is no such test", page, name[1])
		}
	}
	return string(text)
}

// readSection is readPage for what stands below one heading of the second level.
func readSection(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, _ := strings.Cut(readPage(t, page), "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// tableRows returns the rows of a text's tables by their first cell.
func tableRows(t *testing.T, text string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for n := range cells {
			cells[n] = strings.TrimSpace(cells[n])
		}
		if rows[cells[0]] != nil && cells[0] != "#" {
			t.Errorf("there are two rows %s", cells[0])
		}
		rows[cells[0]] = cells
	}
	delete(rows, "#")
	return rows
}

// The page of faults has each of the 35 faults and 12 invariants once, with what holds
// and with tests that exist.
func TestFaults_EveryRow_NamesTestsThatExist(t *testing.T) {
	text, _, _ := strings.Cut(readPage(t, "../docs/faults.md"), "\n## Chaos\n")
	rows := tableRows(t, text)
	var want []string
	for n := range 35 {
		want = append(want, strconv.Itoa(n+1))
	}
	for n := range 12 {
		want = append(want, "I"+strconv.Itoa(n+1))
	}
	for _, row := range want {
		cells := rows[row]
		if len(cells) < 3 || slices.Contains(cells, "") || !namedTest.MatchString(cells[len(cells)-1]) {
			t.Errorf("row %s: %q; want what holds, and in the last cell the tests", row, cells)
		}
		delete(rows, row)
	}
	for row := range rows {
		t.Errorf("row %s is none of the faults", row)
	}
}
