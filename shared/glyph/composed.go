package glyph

import "golang.org/x/text/unicode/norm"

// Composed is a text in Unicode's form NFC: a character that can be written in several
// ways, an e with an accent for instance, is written in one.
func Composed(s string) string { return norm.NFC.String(s) }
