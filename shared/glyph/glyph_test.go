package glyph_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/releases/shared/glyph"
)

// Texts as people write them, in which what cannot be seen has its place.
var honest = []string{
	"", "plain", "Zoë Müller", "Дарья Ильинична", "山田 太郎", "김철수", "สมหญิง ใจดี", "Ελένη", "עֲבֵרָה",
	"می\u200cخواهم", "کار\u200cهای", "خانه\u200cها", // the non-joiner of Persian, also after a letter that does not join
	"क्\u200dष", "क्\u200cष", "ශ්\u200dරී", "ന\u0d4d\u200d", "র\u200d\u09cdয", // Devanagari, Sinhala, Malayalam, Bengali
	"👩\u200d💻", "👨🏽\u200d🚀", "❤\ufe0f\u200d🔥", "🏳\ufe0f\u200d🌈", "1\ufe0f\u20e3", "©\ufe0f", "↔\ufe0f", "㊗\ufe0f", // emoji
	"🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074\U000E007F", // Scotland
	"葛\U000E0100城", "神\ufe00社", // an ideograph and its variant
	"ᠠ\u180b", "שלום\u200f!", "ابجد\u200e C++", "«done» \u200f", // Mongolian; single directional marks
	"Donau\u00addampf", "ភាសា\u200bខ្មែរ", "a literal \ufffd passes",
}

func TestHonestTexts_Pass(t *testing.T) {
	for _, s := range honest {
		if h, found := glyph.Line(s); found {
			t.Errorf("%+q: contains %v", s, h)
		}
		if got := glyph.Clean(s); got != s {
			t.Errorf("Clean(%+q) = %+q", s, got)
		}
	}
	for _, s := range []string{"a\nb", "a\r\nb", "a\tb"} {
		if h, found := glyph.Prose(s); found {
			t.Errorf("%+q: contains %v", s, h)
		}
		if _, found := glyph.Line(s); !found {
			t.Errorf("%+q passes as a line", s)
		}
	}
}

func TestHiddenCharacters_NamedWithTheirPlaceAndCleaned(t *testing.T) {
	for _, c := range []struct{ text, named, clean string }{
		{"Ann\u202egnp", "U+202E, a bidirectional control, as character 4", "Anngnp"},
		{"é\u2066x\u2069", "U+2066, a bidirectional control, as character 2", "éx"},
		{"של\u200f\u200f", "U+200F, a directional mark, as character 3", "של"}, // a run
		{"a\U000E0041b", "U+E0041, a tag character, as character 2", "ab"},
		{"🏴\U000E0068\U000E0069\U000E007F", "U+E0068, a tag character, as character 2", "🏴"}, // says "hi"
		{"🏴\U000E0067\U000E0062\U000E0073\U000E0063\U000E0074", "U+E0067, a tag character, as character 2", "🏴"},
		{"a\u200bb", "U+200B, a character without width, as character 2", "ab"},
		{"a\u200cb", "U+200C, a character without width, as character 2", "ab"},
		{"می\u200c\u200cخ", "U+200C, a character without width, as character 3", "میخ"},
		{"a\u200db", "U+200D, a character without width, as character 2", "ab"},
		{"ابج\u200dد", "U+200D, a character without width, as character 4", "ابجد"},
		{"👩\u200dx", "U+200D, a character without width, as character 2", "👩x"},
		{"a\ufe0f", "U+FE0F, a variation selector, as character 2", "a"},
		{"😀\U000E0101", "U+E0101, a variation selector, as character 2", "😀"},
		{"葛\U000E0100\U000E0101", "U+E0101, a variation selector, as character 3", "葛\U000E0100"},
		{"x\u00ad\u00ady", "U+00AD, a soft hyphen, as character 2", "xy"},
		{"a\u2060b", "U+2060, a character without width, as character 2", "ab"},
		{"\ufeffa", "U+FEFF, a character without width, as character 1", "a"},
		{"a\u3164", "U+3164, a character without width, as character 2", "a"},
		{"a\x00b", "U+0000, a control character, as character 2", "ab"},
		{"a\u0085b", "U+0085, a control character, as character 2", "ab"},
		{"a\rb", "U+000D, a control character, as character 2", "a\nb"},
		{"a\u2028b", "U+2028, a separator of lines, as character 2", "a\nb"},
		{"a\uffffb", "U+FFFF, not a character, as character 2", "ab"},
		{"a\U0001D173b", "U+1D173, a character without width, as character 2", "ab"},
	} {
		h, found := glyph.Prose(c.text)
		if !found || h.String() != c.named {
			t.Errorf("%+q: %q, want %q", c.text, h, c.named)
		}
		if got := glyph.Clean(c.text); got != c.clean {
			t.Errorf("Clean(%+q) = %+q, want %+q", c.text, got, c.clean)
		}
	}
}

func TestBlank_ToTheEye(t *testing.T) {
	for _, s := range []string{"", " ", "\u00a0", "\u3000", "\u200b", "\u2800\u2800", "\u3164", "\U0001D159", "\u200b \ufeff", "\u180e", "\ufe0f", "\n"} {
		if !glyph.Blank(s) {
			t.Errorf("%+q is not blank", s)
		}
	}
	for _, s := range []string{"a", ".", "\u2801", "山", "\u200ba", "\ufffd", "\u0301"} {
		if glyph.Blank(s) {
			t.Errorf("%+q is blank", s)
		}
	}
	if got := glyph.Clean("\u2800\u3164"); got != "" {
		t.Errorf("what shows nothing is cleaned to %+q", got)
	}
}

func TestCut_BetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"Zoe\u0308", 4, "Zo"}, // never a letter without its accent
		{"añ", 2, "a"},
		{"x👨🏽\u200d🚀", 15, "x"},
		{"x👨🏽\u200d🚀y", 16, "x👨🏽\u200d🚀"},
		{"क्\u200dष", 9, ""},
		{"aक्ष", 7, "a"},
		{"🇩🇪🇫🇷", 12, "🇩🇪"},
		{"1\ufe0f\u20e3", 4, ""},
		{"กำ", 3, ""},
		{"a\r\nb", 2, "a"},
		{"\u1112\u1161\u11ab", 6, ""}, // a Hangul syllable in letters
	} {
		if got := glyph.Cut(c.text, c.most); got != c.want {
			t.Errorf("Cut(%+q, %d) = %+q, want %+q", c.text, c.most, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range honest {
		f.Add(s)
	}
	f.Add("a\u200c\u202e\u200cb\u200f\u200fא\u200f")
	f.Add("\U000E0041🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F\U000E007F")
	f.Fuzz(func(t *testing.T, s string) {
		clean := glyph.Clean(s)
		if repeated := glyph.Clean(clean); repeated != clean {
			t.Errorf("%+q is cleaned to %+q, and that to %+q", s, clean, repeated)
		}
		if h, found := glyph.Prose(clean); found {
			t.Errorf("%+q is cleaned to %+q, which contains %v", s, clean, h)
		}
		cut := glyph.Cut(strings.ToValidUTF8(s, ""), len(s)/2)
		if len(cut) > len(s)/2 || !utf8.ValidString(cut) {
			t.Errorf("Cut(%+q, %d) = %+q", s, len(s)/2, cut)
		}
	})
}
