package release

import (
	"slices"
	"strings"
	"unicode"
)

// Nearest is the one word that somebody who wrote s most likely meant: the same letters
// written another way (rolledBack, in_progress), one that contains the other (releaseId,
// reason), or one at most two letters away; none where two are equally near.
func Nearest(s string, words []string) (string, bool) {
	const none = 1 << 10
	plain := lettersOf(s)
	if plain == "" || len(plain) > 64 {
		return "", false
	}
	best, least, tie := "", none, false
	for _, w := range words {
		distance := none
		switch folded := lettersOf(w); {
		case folded == plain:
			distance = 0
		case len(folded) >= 2 && strings.HasSuffix(plain, folded), len(plain) >= 3 && strings.Contains(folded, plain):
			distance = 3
		case inOrder(folded) == inOrder(plain):
			distance = 2 // letters that changed places
		default:
			if d := slips(plain, folded); d <= 2 && 3*d <= len(plain) {
				distance = d
			}
		}
		switch {
		case distance < least:
			best, least, tie = w, distance, false
		case distance == least && distance < none:
			tie = true
		}
	}
	return best, least < none && !tie
}

func lettersOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func inOrder(s string) string {
	letters := []rune(s)
	slices.Sort(letters)
	return string(letters)
}

// slips is how many letters have to be added, removed or replaced to turn a into b.
func slips(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range from {
		before := row[0]
		row[0] = i + 1
		for j, y := range to {
			cost := before
			if x != y {
				cost = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(to)]
}

// meant is the end of a refusal: which word was probably meant, where there is one.
func meant(s string, words []string) string {
	if w, found := Nearest(s, words); found {
		return "; you probably meant " + w
	}
	return ""
}
