package shipped_test

import (
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	arithmetic = regexp.MustCompile(`^[0-9.,×÷+()\s]+$`)
	leading    = regexp.MustCompile(`^[0-9][0-9,]*(\.[0-9]+)?`)
)

// Each row of docs/performance/scale.md is a calculation and its result, and the result is right
// to the last digit that it shows.
func TestScale_EachRow_IsRight(t *testing.T) {
	root, _ := load(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "performance", "scale.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		if len(cells) != 3 || !arithmetic.MatchString(cells[1]) {
			if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| what") {
				t.Errorf("no arithmetic in %s", line)
			}
			continue
		}
		rows++
		want, digits := calculate(t, cells[1]), leading.FindString(strings.TrimSpace(cells[2]))
		got, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
		_, fraction, _ := strings.Cut(digits, ".")
		if err != nil || math.Abs(got-want) > .5*math.Pow10(-len(fraction))+1e-9 {
			t.Errorf("%s is %v, and the row says otherwise: %s", cells[1], want, line)
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows were checked, want 40 or more", rows)
	}
}

// calculate lets Go's own constants do the arithmetic, exactly.
func calculate(t *testing.T, expression string) float64 {
	t.Helper()
	text := strings.NewReplacer(",", "", "×", "*", "÷", "*1.0/").Replace(expression)
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, text)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	f, _ := constant.Float64Val(constant.ToFloat(v.Value))
	return f
}
