package message

import (
	_ "embed"
	"html/template"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed message.html
var page string

// parse is done with the first message, so that a process that words none does not pay for
// it.
var parse = sync.OnceValues(func() (*template.Template, error) {
	return template.New("message").Funcs(template.FuncMap{"rich": view.rich}).Parse(page)
})

func (v view) html() (string, error) {
	t, err := parse()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, v)
	return b.String(), err
}

// Preview is what inboxes show beside the subject: the sentences that people and programs look
// for, in one piece each.
func (v view) Preview() string { return strings.TrimSpace(plain(v.Lead + " " + v.Touch)) }

// width is where lines of text are broken; mail clients do not do it well.
const width = 76

// text is the message as plain text.
func (v view) text() string {
	var b strings.Builder
	put := func(lines ...string) {
		for _, l := range lines {
			b.WriteString(plain(l))
			b.WriteString("\n")
		}
	}
	put(v.Greeting, "")
	put(v.Lead, "") // never broken: people search for it
	if v.Touch != "" {
		put(v.Touch, "")
	}
	for _, f := range v.Facts {
		for i, l := range f.Lines {
			label := ""
			if i == 0 {
				label = f.Label + ":"
			}
			put("  " + pad(label, 17) + l)
		}
	}
	for _, l := range v.Lists {
		put("", l.Heading+":")
		for _, i := range l.Items {
			put("  - " + isolate(i.Title) + " (" + i.ID + ")")
		}
		if l.More != "" {
			put("  " + l.More)
		}
	}
	for _, p := range v.After {
		put("")
		put(wrap(p)...)
	}
	if v.Link != "" {
		put("", "Status: "+v.Link)
	}
	put("", "-- ")
	for _, p := range v.Footer {
		put(wrap(p)...)
	}
	return b.String()
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(1, n-len(s))) }

// wrap breaks a paragraph into lines between words, and never within an isolate, which would
// end with its line.
func wrap(s string) []string {
	const space = "\x00"
	s = isolated.ReplaceAllStringFunc(plain(s), func(name string) string { return strings.ReplaceAll(name, " ", space) })
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		word = strings.ReplaceAll(word, space, " ")
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
