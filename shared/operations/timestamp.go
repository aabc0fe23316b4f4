package operations

import (
	"errors"
	"strings"
	"time"
)

var errNoTime = errors.New("not a time of RFC 3339")

// parseTime reads a time in the grammar of RFC 3339, 5.6, and returns it in UTC. Go's own
// parser also accepts an hour of one digit, a comma before the fraction and offsets of 24
// hours; and it refuses lower-case letters and leap seconds.
//
// A leap second is the last second of June or December in UTC (5.7). POSIX time, which
// everything here uses, has none: it becomes the second after, as on clocks that stop or
// jump back.
func parseTime(s string) (time.Time, error) {
	const shortest = len("2026-06-30T22:00:00Z")
	if len(s) < shortest || !looksLike(s[:19], "dddd-dd-ddTdd:dd:dd") {
		return time.Time{}, errNoTime
	}
	fraction, offset := cutOffset(s[19:])
	if fraction != "" && (fraction[0] != '.' || len(fraction) == 1 || !digits(fraction[1:])) {
		return time.Time{}, errNoTime
	}
	if offset != "Z" && (!looksLike(offset[1:], "dd:dd") || offset[1:3] > "23" || offset[4:] > "59") {
		return time.Time{}, errNoTime
	}
	second := s[17:19]
	leap := second == "60"
	if leap {
		second = "59"
	}
	t, err := time.Parse(time.RFC3339, s[:10]+"T"+s[11:17]+second+fraction+offset)
	if err != nil {
		return time.Time{}, errNoTime
	}
	t = t.UTC()
	if !leap {
		return t, nil
	}
	if last := t.Format("01-02T15:04:05"); last != "06-30T23:59:59" && last != "12-31T23:59:59" {
		return time.Time{}, errNoTime
	}
	return t.Add(time.Second), nil
}

// cutOffset splits what follows the seconds into the fraction and the offset, with z as Z.
func cutOffset(s string) (fraction, offset string) {
	if head, found := strings.CutSuffix(strings.ToUpper(s), "Z"); found {
		return head, "Z"
	}
	const length = len("+02:00")
	if at := len(s) - length; at >= 0 && (s[at] == '+' || s[at] == '-') {
		return s[:at], s[at:]
	}
	return s, "+" // refused: not the form of an offset
}

// looksLike tells whether s matches the pattern: a digit for each d, T in either case, and
// every other character as it is.
func looksLike(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		switch {
		case pattern[i] == 'd' && '0' <= s[i] && s[i] <= '9':
		case pattern[i] == 'T' && s[i] == 't':
		case pattern[i] != 'd' && pattern[i] == s[i]:
		default:
			return false
		}
	}
	return true
}

func digits(s string) bool { return looksLike(s, strings.Repeat("d", len(s))) }
