package operations

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/releases/shared/release"
)

// WellFormed is nil for a body that every operation would read: one JSON object without
// repeated names. For a surface that decodes part of a body itself.
func WellFormed(body []byte) error { return wellFormed(body) }

// wellFormed checks that a body is one JSON object of valid Unicode without repeated
// names. encoding/json accepts more: it replaces invalid UTF-8 and half a surrogate pair
// by U+FFFD, so that something else would be stored than was sent, and of two values with
// one name it takes the last, where other parsers take the first.
func wellFormed(body []byte) error {
	if at := notUTF8(body); at >= 0 {
		return release.Fail(release.KindInvalid, "invalid-json", "What was sent is not UTF-8 at byte %d%s.", at+1, insteadOfUTF8(body))
	}
	d := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	err := d.Decode(&first)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return wellFormedObject(first)
		}
		err = errors.New("something follows the JSON object")
	}
	where := ""
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		where = fmt.Sprintf(" at byte %d", syntax.Offset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		where = " (it ends too early)"
	}
	return release.Fail(release.KindInvalid, "invalid-json", "What was sent is not valid JSON%s.", where)
}

func wellFormedObject(object json.RawMessage) error {
	if !bytes.HasPrefix(object, []byte("{")) {
		return release.Fail(release.KindInvalid, "invalid-json", "What was sent is JSON, but not an object such as {\"name\": \"…\"}.")
	}
	if half := halfPair(object); half != "" {
		return release.Fail(release.KindInvalid, "invalid-json",
			"What was sent contains %s, half of a surrogate pair, which is not a character.", half)
	}
	var f release.ValidationErrors
	for _, name := range Repeated(object) {
		f.Add(name, "is given more than once; give it once")
	}
	return f.Err()
}

// notUTF8 is the index at which a text stops being UTF-8, or -1.
func notUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

// insteadOfUTF8 names what is often sent instead, recognised by its first bytes.
func insteadOfUTF8(body []byte) string {
	switch {
	case bytes.HasPrefix(body, []byte{0xff, 0xfe}), bytes.HasPrefix(body, []byte{0xfe, 0xff}):
		return ", it seems to be UTF-16"
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return ", it seems to be compressed with gzip"
	}
	return ""
}

// halfPair finds an escape in valid JSON that is half a surrogate pair. In valid JSON a
// backslash only ever begins an escape.
func halfPair(text []byte) string {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		first := escaped(text[i+1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if next := text[i+1:]; bytes.HasPrefix(next, []byte(`\u`)) && utf16.DecodeRune(first, escaped(next[2:])) != utf8.RuneError {
			i += 6
			continue
		}
		return fmt.Sprintf(`\u%04x`, first)
	}
	return ""
}

// escaped is the value of an escape's four digits.
func escaped(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // valid JSON has four
	return rune(n)
}

// mostRepeated bounds how many repeated names are reported.
const mostRepeated = 20

// Repeated lists the names that occur more than once in one object of valid JSON, at any
// depth, as paths.
func Repeated(text []byte) []string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var found []string
	repeated(d, nil, &found)
	return found
}

// place is the position of a value in a document.
type place struct {
	in    *place
	name  string
	index int // where name is empty
	list  bool
}

// deepest bounds how many levels of a path are reported, from the innermost.
const deepest = 10

func (p *place) path(levels int) string {
	switch {
	case p == nil:
		return ""
	case levels == 0:
		return "…"
	}
	before := p.in.path(levels - 1)
	switch {
	case p.list:
		return before + "[" + strconv.Itoa(p.index) + "]"
	case before == "":
		return fmt.Sprintf("%.100s", p.name)
	}
	return before + "." + fmt.Sprintf("%.100s", p.name)
}

func repeated(d *json.Decoder, at *place, found *[]string) {
	token, err := d.Token()
	if err != nil {
		return
	}
	switch token {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			token, err := d.Token()
			name, ok := token.(string)
			if err != nil || !ok {
				return
			}
			inner := &place{in: at, name: name}
			if seen[name] && len(*found) < mostRepeated {
				*found = append(*found, inner.path(deepest))
			}
			seen[name] = true
			repeated(d, inner, found)
		}
	case json.Delim('['):
		for n := 0; d.More(); n++ {
			repeated(d, &place{in: at, index: n, list: true}, found)
		}
	default:
		return
	}
	_, _ = d.Token() // the end of it
}
