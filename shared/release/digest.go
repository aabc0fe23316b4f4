package release

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/releases/shared/glyph"
)

// digestVersion prefixes every digest of a change request. What goes into a digest, and in
// which form, never changes within a version: digests are kept for good, and others
// compute them from their own copies.
const digestVersion = "v1:"

// Digest identifies a version of a change request's text: an approval is of one of them.
// It is the SHA-256 of DigestText, in hexadecimal, after digestVersion.
func (c Change) Digest() string {
	sum := sha256.Sum256(c.DigestText())
	return digestVersion + hex.EncodeToString(sum[:])
}

// DigestText is what the CAB decides on in a form that everybody computes alike: a JSON
// object in the canonical form of RFC 8785. Texts are trimmed of white space at both
// ends and normalised (Unicode NFC), times are in UTC, and what is empty is left out. The
// list of configuration items is sorted as RFC 8785 sorts names, since its order has no
// meaning. Nothing else is normalised.
func (c Change) DigestText() []byte {
	o := canonicalObject{text: []byte{'{'}}
	// RFC 8785 wants the names in the order of their characters.
	o.texts("affectedCiIds", c.AffectedCIIDs)
	o.member("backoutPlan", c.BackoutPlan)
	o.member("changeType", string(c.ChangeType))
	o.member("controlId", c.ControlID)
	o.member("controlTitle", c.ControlTitle)
	o.member("description", c.Description)
	o.member("id", c.ID)
	o.member("impact", c.Impact)
	o.member("justification", c.Justification)
	o.member("risk", string(c.Risk))
	o.time("scheduledEnd", c.ScheduledEnd)
	o.time("scheduledStart", c.ScheduledStart)
	o.member("title", c.Title)
	return append(o.text, '}')
}

// canonicalObject writes a JSON object of texts and lists of texts as RFC 8785 does. A
// library would add numbers, the hard part of that standard, and there are none here.
type canonicalObject struct{ text []byte }

func (o *canonicalObject) name(name string) {
	if len(o.text) > 1 {
		o.text = append(o.text, ',')
	}
	o.text = append(appendCanonical(o.text, name), ':')
}

func (o *canonicalObject) member(name, value string) {
	if value = digested(value); value != "" {
		o.name(name)
		o.text = appendCanonical(o.text, value)
	}
}

func (o *canonicalObject) time(name string, t *time.Time) {
	if t != nil {
		o.member(name, FormatTime(*t))
	}
}

func (o *canonicalObject) texts(name string, all []string) {
	var values []string
	for _, v := range all {
		if v = digested(v); v != "" {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return
	}
	slices.SortFunc(values, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
	o.name(name)
	for n, v := range values {
		separator := byte(',')
		if n == 0 {
			separator = '['
		}
		o.text = appendCanonical(append(o.text, separator), v)
	}
	o.text = append(o.text, ']')
}

// digested is a text without what makes no difference to its meaning: white space around
// it, and which of several encodings of a character was typed.
func digested(s string) string { return glyph.Composed(strings.TrimSpace(s)) }

// appendCanonical writes a text as RFC 8785, section 3.2.2.2, requires: only what JSON
// demands is escaped, each in one way. encoding/json escapes more.
func appendCanonical(to []byte, s string) []byte {
	const hexadecimal = "0123456789abcdef"
	to = append(to, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r == '\b':
			to = append(to, `\b`...)
		case r == '\t':
			to = append(to, `\t`...)
		case r == '\n':
			to = append(to, `\n`...)
		case r == '\f':
			to = append(to, `\f`...)
		case r == '\r':
			to = append(to, `\r`...)
		case r < ' ':
			to = append(to, `\u00`...)
			to = append(to, hexadecimal[r>>4], hexadecimal[r&15])
		default:
			to = utf8.AppendRune(to, r)
		}
	}
	return append(to, '"')
}
