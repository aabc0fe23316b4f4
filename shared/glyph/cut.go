package glyph

import "unicode"

// Cut returns as much of a text's beginning as fits into a number of bytes of UTF-8. It
// cuts between what people take for one character, not inside: a letter keeps its
// accents, an emoji its parts.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	text := []rune(s)
	end, size := 0, 0
	for i, r := range text {
		if boundary(text, i) {
			end = size
		}
		if size += len(string(r)); size > most {
			break
		}
	}
	return s[:end]
}

// boundary tells whether a character begins at a place. It is the part of Unicode's rule
// for grapheme clusters (UAX 29) that can be had without its tables.
func boundary(text []rune, i int) bool {
	before, r := runeAt(text, i-1), runeAt(text, i)
	switch {
	case i == 0:
		return true
	case before == '\r' && r == '\n', before == joiner:
		return false
	case unicode.Is(unicode.M, r), r == joiner, r == nonJoiner, isTag(r), skinTone(r):
		return false
	case r == 0x0E33 || r == 0x0EB3: // vowels of Thai and Lao that hang on what is before
		return false
	case virama(before) && unicode.IsLetter(r): // one conjunct
		return false
	case r >= 0x1160 && r <= 0x11FF && before >= 0x1100: // the vowel or end of a Hangul syllable
		return false
	case regional(r) && regional(before):
		return !oddRegionals(text, i)
	}
	return true
}

// regional are the letters that make a flag in pairs.
func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func oddRegionals(text []rune, i int) bool {
	n := 0
	for regional(runeAt(text, i-1-n)) {
		n++
	}
	return n%2 == 1
}
