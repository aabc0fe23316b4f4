package trustcenter

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"stamp": stampOf,
	"style": func() template.CSS { return template.CSS(style) },
}).Parse(pageText))

// pagePolicy allows the one style sheet in the page, by its hash, and the icon; no
// script, no frame, nothing from elsewhere.
var pagePolicy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// apology is the page for when nothing can be read.
var apology = func() []byte {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "apology", nil); err != nil {
		panic(err) // the template is ours and needs no data
	}
	return b.Bytes()
}()

// The whole page stays below 50 KB whatever people write. What is over the budget is
// left to the feeds, and the page says so.
const (
	mostPage    = 50_000
	mostEntries = 30_000 // the rest is for the frame, the drawing and its labels
)

type section struct {
	ID, Title, Empty string
	Entries          []template.HTML
	Hidden           int
}

// pageData is what the template shows.
type pageData struct {
	Running  []entry
	Next     *entry
	Sections []section
	Timeline timeline
	Zone     string
	Place    string
	Nothing  bool
}

func renderPage(v view) ([]byte, error) {
	data := pageData{Running: v.Running, Zone: v.zone.String(), Nothing: len(v.all()) == 0}
	if !isUTC(v.zone) {
		data.Place = place(v.zone)
	}
	for i := range v.Ahead {
		if v.Ahead[i].Kind == ahead {
			data.Next = &v.Ahead[i]
			break
		}
	}
	var listed []entry
	room := mostEntries
	for _, s := range []struct {
		section
		entries []entry
		most    int // what one section may take while others still want some
	}{
		{section{ID: "now", Title: "Happening now"}, v.Running, mostEntries / 3},
		{section{ID: "next", Title: "Coming up", Empty: "Nothing is planned at the moment."}, v.Ahead, mostEntries * 2 / 3},
		{section{ID: "past", Title: "The past 90 days", Empty: "There was nothing in the past 90 days."}, v.Past, mostEntries},
	} {
		shown, size, err := fragments(s.entries, min(room, s.most))
		if err != nil {
			return nil, err
		}
		room -= size
		listed = append(listed, s.entries[:len(shown)]...)
		s.Entries, s.Hidden = shown, len(s.entries)-len(shown)
		if len(s.Entries)+s.Hidden > 0 || s.Empty != "" {
			data.Sections = append(data.Sections, s.section)
		}
	}
	data.Timeline = draw(v, listed)
	data.Running = data.Running[:min(len(data.Running), 3)]
	var b bytes.Buffer
	err := page.Execute(&b, data)
	return b.Bytes(), err
}

// fragments renders entries one by one for as long as there is room.
func fragments(entries []entry, room int) (list []template.HTML, size int, err error) {
	for _, e := range entries {
		var b strings.Builder
		if err := page.ExecuteTemplate(&b, "entry", e); err != nil {
			return nil, 0, err
		}
		if size+b.Len() > room {
			break
		}
		size += b.Len()
		list = append(list, template.HTML(b.String()))
	}
	return list, size, nil
}
