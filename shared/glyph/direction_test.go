package glyph_test

import (
	"testing"

	"example.com/releases/shared/glyph"
)

func TestRightToLeft_ByLetters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "Ann": false, "日本語": false, "12 (34)": false, "\u0661\u0662": false, // Arabic digits run from left to right
		"שרה": true, "أحمد": true, "Outlook صلاحية": true, "ܐܒܓ": true, "\U0001e900": true,
	} {
		if got := glyph.RightToLeft(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
