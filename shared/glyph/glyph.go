// Package glyph tells what people can see of a text: which characters are invisible and
// have no function where they are, whether anything visible is left, where a text may be
// cut, and which texts look the same. It must know neither fields nor surfaces; it uses the
// standard library, and Unicode's normal forms.
package glyph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden is a character that is invisible, or that changes the order of others, and that
// has no function where it is.
type Hidden struct {
	Rune rune
	Kind string // in words, with its article
	At   int    // which character of the text it is, from 1
}

// String says what it is and where, to be read after "contains".
func (h Hidden) String() string { return fmt.Sprintf("%U, %s, as character %d", h.Rune, h.Kind, h.At) }

// Line finds the first hidden character of a text of one line.
func Line(s string) (Hidden, bool) { return first(s, false) }

// Prose finds the first hidden character of a text of several lines: line feeds, tabs,
// and carriage returns before a line feed have their place there.
func Prose(s string) (Hidden, bool) { return first(s, true) }

func first(s string, lines bool) (Hidden, bool) {
	if !suspicious(s, lines) {
		return Hidden{}, false
	}
	text := []rune(s)
	for i := range text {
		if kind := misplaced(text, i, lines); kind != "" {
			return Hidden{Rune: text[i], Kind: kind, At: i + 1}, true
		}
	}
	return Hidden{}, false
}

// suspicious is the quick check that settles most texts: nothing but visible ASCII.
func suspicious(s string, lines bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf, c == '\r', c == 0x7f:
			return true
		case c < ' ' && (!lines || c != '\n' && c != '\t'):
			return true
		}
	}
	return false
}

// Blank tells that a text shows nothing, whatever it holds.
func Blank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && !slices.Contains(blanks, r) && kindOf(r) == "" {
			return false
		}
	}
	return true
}

// blanks have a width and no ink, but Unicode does not class them as white space.
var blanks = []rune{
	'\u2800',     // braille pattern blank
	'\U00016FE4', // Khitan filler
	'\U0001D159', // musical null notehead
}

// Clean returns a text without what is hidden in it, for what was stored before it was
// refused: a carriage return of its own and the separators of Unicode become line
// feeds, the rest is left out, and what shows nothing after that is empty.
func Clean(s string) string {
	if !suspicious(s, true) {
		return s
	}
	text := []rune(s)
	// Removing one may leave another without function, so it is repeated; what still changes
	// after some rounds is removed.
	const rounds = 4
	for round := range rounds + 1 {
		kept := make([]rune, 0, len(text))
		for i, r := range text {
			kind := misplaced(text, i, true)
			if round == rounds {
				kind = kindOf(r)
			}
			switch {
			case kind == "":
				kept = append(kept, r)
			case r == '\r' && i+1 < len(text) && text[i+1] == '\n':
				kept = append(kept, r)
			case r == '\r', r == '\u2028', r == '\u2029':
				kept = append(kept, '\n')
			}
		}
		done := slices.Equal(kept, text)
		text = kept
		if done {
			break
		}
	}
	if s = string(text); strings.TrimSpace(s) != "" && Blank(s) {
		return ""
	}
	return s
}

// misplaced names the kind of a hidden character that has no function where it is; empty
// where it has one, and for visible characters.
func misplaced(text []rune, i int, lines bool) string {
	r := text[i]
	if lines && (r == '\n' || r == '\t' || r == '\r' && i+1 < len(text) && text[i+1] == '\n') {
		return ""
	}
	kind := kindOf(r)
	if kind == "" || hasPlace(text, i) {
		return ""
	}
	return kind
}

// hasPlace tells that a hidden character has its function where it is.
func hasPlace(text []rune, i int) bool {
	switch r := text[i]; {
	case r == nonJoiner:
		return afterVirama(text, i) || cursive(baseBefore(text, i)) && cursive(baseAfter(text, i))
	case r == joiner:
		return afterVirama(text, i) ||
			unicode.IsLetter(runeAt(text, i-1)) && virama(runeAt(text, i+1)) || // Bengali ra before ya-phalaa
			emojiBefore(text, i) && emoji(runeAt(text, i+1))
	case r == softHyphen:
		return unicode.IsLetter(baseBefore(text, i)) && unicode.IsLetter(runeAt(text, i+1))
	case r == zeroWidthSpace: // between words, in scripts that are written without spaces
		return unicode.In(baseBefore(text, i), spaceless...) && unicode.In(runeAt(text, i+1), spaceless...)
	case isMark(r): // one, beside something that can be seen
		return kindOf(runeAt(text, i-1)) == "" && kindOf(runeAt(text, i+1)) == ""
	case unicode.Is(unicode.Variation_Selector, r):
		return takesVariation(runeAt(text, i-1), r)
	case isTag(r):
		return inFlag(text, i)
	}
	return false
}

const (
	softHyphen     = '\u00AD'
	zeroWidthSpace = '\u200B'
	nonJoiner      = '\u200C'
	joiner         = '\u200D'
	asEmoji        = '\uFE0F'
)

// kindOf names the kind of a hidden character, wherever it is; empty for visible ones and
// for spaces.
func kindOf(r rune) string {
	switch {
	case r >= ' ' && r < 0x7f:
		return ""
	case unicode.IsControl(r):
		return "a control character"
	case r == '\u2028' || r == '\u2029':
		return "a separator of lines"
	case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069:
		return "a bidirectional control"
	case isMark(r):
		return "a directional mark"
	case r == softHyphen:
		return "a soft hyphen"
	case isTag(r):
		return "a tag character"
	case unicode.Is(unicode.Variation_Selector, r):
		return "a variation selector"
	case r == 0xFFFE || r == 0xFFFF || r >= 0xFDD0 && r <= 0xFDEF:
		return "not a character"
	case unicode.Is(zeroWidth, r):
		return "a character without width"
	}
	return ""
}

// isMark is for the marks that set the direction of the characters next to them.
func isMark(r rune) bool { return r == 0x200E || r == 0x200F || r == 0x061C }

func isTag(r rune) bool { return r >= 0xE0000 && r <= 0xE007F }

// zeroWidth are further characters that Unicode has programs ignore in what they show
// (Default_Ignorable_Code_Point), and controls of annotations, shorthand and music.
var zeroWidth = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034F, Hi: 0x034F, Stride: 1},
		{Lo: 0x115F, Hi: 0x1160, Stride: 1},
		{Lo: 0x17B4, Hi: 0x17B5, Stride: 1},
		{Lo: 0x180E, Hi: 0x180E, Stride: 1},
		{Lo: 0x200B, Hi: 0x200D, Stride: 1},
		{Lo: 0x2060, Hi: 0x2065, Stride: 1},
		{Lo: 0x206A, Hi: 0x206F, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1},
		{Lo: 0xFEFF, Hi: 0xFEFF, Stride: 1},
		{Lo: 0xFFA0, Hi: 0xFFA0, Stride: 1},
		{Lo: 0xFFF0, Hi: 0xFFFB, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1BCA0, Hi: 0x1BCA3, Stride: 1},
		{Lo: 0x1D173, Hi: 0x1D17A, Stride: 1},
		{Lo: 0xE0080, Hi: 0xE0FFF, Stride: 1},
	},
}
