package glyph

import (
	"slices"
	"unicode"
)

// runeAt is the character at a place, U+FFFD beyond the text's ends: it can be seen and
// joins nothing.
func runeAt(text []rune, i int) rune {
	if i < 0 || i >= len(text) {
		return unicode.ReplacementChar
	}
	return text[i]
}

// baseBefore is the character that the marks before a place belong to.
func baseBefore(text []rune, i int) rune {
	for i--; unicode.Is(unicode.M, runeAt(text, i)) && kindOf(runeAt(text, i)) == ""; i-- {
	}
	return runeAt(text, i)
}

func baseAfter(text []rune, i int) rune {
	for i++; unicode.Is(unicode.Mn, runeAt(text, i)) && kindOf(runeAt(text, i)) == ""; i++ {
	}
	return runeAt(text, i)
}

func afterVirama(text []rune, i int) bool { return virama(runeAt(text, i-1)) }

// viramas remove a letter's inherent vowel (canonical combining class 9); joiners after
// them choose how the letter is written then (RFC 5892, A.1 and A.2).
var viramas = []rune{
	0x094D, 0x09CD, 0x0A4D, 0x0ACD, 0x0B4D, 0x0BCD, 0x0C4D, 0x0CCD, 0x0D3B, 0x0D3C, 0x0D4D, 0x0DCA, 0x0E3A, 0x0EBA, 0x0F84,
	0x1039, 0x103A, 0x1714, 0x1715, 0x1734, 0x17D2, 0x1A60, 0x1B44, 0x1BAA, 0x1BAB, 0x1BF2, 0x1BF3, 0x2D7F, 0xA806, 0xA82C,
	0xA8C4, 0xA953, 0xA9C0, 0xAAF6, 0xABED, 0x10A3F, 0x11046, 0x11070, 0x1107F, 0x110B9, 0x11133, 0x11134, 0x111C0, 0x11235,
	0x112EA, 0x1134D, 0x11442, 0x114C2, 0x115BF, 0x1163F, 0x116B6, 0x1172B, 0x11839, 0x1193D, 0x1193E, 0x119E0, 0x11A34,
}

func virama(r rune) bool {
	_, found := slices.BinarySearch(viramas, r)
	return found
}

// cursive is for letters of scripts whose letters join. RFC 5892 A.1 asks for their
// joining types too; people write the non-joiner after letters that do not join forward
// as well, where it changes nothing.
func cursive(r rune) bool {
	return r >= 0x0600 && unicode.IsLetter(r) && unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian,
		unicode.Phags_Pa, unicode.Mandaic, unicode.Manichaean, unicode.Psalter_Pahlavi, unicode.Hanifi_Rohingya, unicode.Sogdian, unicode.Adlam)
}

// spaceless are the scripts that put no spaces between words.
var spaceless = []*unicode.RangeTable{unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Javanese, unicode.Balinese}

// takesVariation tells whether a variation selector means something after a character:
// emoji and plain symbols, ideographs, Mongolian letters.
func takesVariation(base, selector rune) bool {
	switch {
	case selector >= 0x180B && selector <= 0x180F:
		return unicode.Is(unicode.Mongolian, base)
	case selector == 0xFE0E || selector == asEmoji:
		return emoji(base) || slices.Contains([]rune("#*0123456789"), base) || unicode.Is(unicode.Han, base)
	}
	return unicode.Is(unicode.Han, base)
}

// emoji tells whether a character can be shown as a picture: symbols, and a few that
// Unicode does not class as such.
func emoji(r rune) bool {
	switch {
	case unicode.Is(unicode.So, r), r >= 0x2190 && r <= 0x2BFF && unicode.Is(unicode.Sm, r), skinTone(r):
		return true
	}
	return slices.Contains([]rune{0x203C, 0x2049, 0x2139, 0x3030, 0x303D}, r)
}

func skinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// emojiBefore tells that a picture ends before a place, which a joiner joins to another.
func emojiBefore(text []rune, i int) bool {
	before := runeAt(text, i-1)
	return emoji(before) || before == asEmoji && emoji(runeAt(text, i-2))
}

// flags are the regions whose flags Unicode recommends to be written with tags: England,
// Scotland, Wales. Any other word in tags is one that people cannot see.
var flags = []string{"gbeng", "gbsct", "gbwls"}

const (
	blackFlag = '\U0001F3F4'
	endOfTags = '\U000E007F'
)

// inFlag tells that a tag is part of such a flag.
func inFlag(text []rune, i int) bool {
	for isTag(runeAt(text, i)) {
		i--
	}
	if runeAt(text, i) != blackFlag {
		return false
	}
	for _, region := range flags {
		tags := []rune{}
		for _, letter := range region {
			tags = append(tags, 0xE0000+letter)
		}
		tags = append(tags, endOfTags)
		rest := text[i+1:]
		if len(rest) >= len(tags) && slices.Equal(rest[:len(tags)], tags) && !isTag(runeAt(rest, len(tags))) {
			return true
		}
	}
	return false
}
