package message

import (
	"html/template"
	"regexp"
	"strings"

	"example.com/releases/shared/glyph"
)

// Names come in every script. In a sentence, a name that is read from right to left would take
// the punctuation and the numbers beside it along: "(RITM-1001)" would stand before the title
// it follows. Unicode's isolates keep that inside (UAX #9, 2.4.2): the view has one around each
// name, the HTML a bdi element in its place, and plain text the isolate itself, though only
// around names that need it, since some clients draw a box for what they do not know.
const (
	isolateStart = "\u2068"
	isolateEnd   = "\u2069"
)

// isolate marks a name, a title or a version within a sentence. What else turns directions is
// taken out, so that the marks stay pairs.
func isolate(name string) string {
	return isolateStart + strings.Map(func(r rune) rune {
		if r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, name) + isolateEnd
}

var isolated = regexp.MustCompile(isolateStart + "[^" + isolateEnd + "]*" + isolateEnd)

// plain is a text of the view without the marks that it does not need.
func plain(s string) string {
	return isolated.ReplaceAllStringFunc(s, func(name string) string {
		if glyph.RightToLeft(name) {
			return name
		}
		return strings.TrimSuffix(strings.TrimPrefix(name, isolateStart), isolateEnd)
	})
}

// rich is a text of the view as HTML. The release's id is kept on one line: lines may break
// after a hyphen, and half an id can be neither read out nor searched for. A hyphen that does
// not break (U+2011) would not be the id any more when somebody copies it.
func (v view) rich(s string) template.HTML {
	s = template.HTMLEscapeString(s)
	s = strings.NewReplacer(isolateStart, "<bdi>", isolateEnd, "</bdi>").Replace(s)
	if v.ReleaseID != "" {
		id := template.HTMLEscapeString(v.ReleaseID)
		s = strings.ReplaceAll(s, id, `<span style="white-space:nowrap;">`+id+`</span>`)
	}
	return template.HTML(s) //nolint:gosec // escaped above
}
