package glyph

import (
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// RightToLeft tells whether anything in a text is read from right to left, as Arabic and Hebrew
// are.
func RightToLeft(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		p, _ := bidi.LookupRune(r)
		return p.Class() == bidi.R || p.Class() == bidi.AL
	})
}
