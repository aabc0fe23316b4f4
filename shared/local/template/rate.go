package template

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var rate = regexp.MustCompile(`^rate\((\d+) (minute|hour|day)s?\)$`)

// parseRate reads "rate(10 minutes)". Calendar expressions are refused: nothing
// here needs one, and a laptop cannot wait for a date.
func parseRate(expression string) (time.Duration, error) {
	m := rate.FindStringSubmatch(strings.TrimSpace(expression))
	if m == nil {
		return 0, fmt.Errorf("is %q; only rate(<n> minutes|hours|days) is understood", expression)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("is %q; the number must be at least 1", expression)
	}
	unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
	return time.Duration(n) * unit, nil
}
