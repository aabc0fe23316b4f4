package trustcenter

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
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

// apology is shown when the releases cannot be read, notShown where the public may not see a
// release or it does not exist.
var apology, notShown = fixed("apology"), fixed("not-shown")

func fixed(name string) []byte {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, name, nil); err != nil {
		panic(err) // the template is ours and needs no data
	}
	return b.Bytes()
}

// The whole page stays below 50 KB whatever people write. What does not fit is in the feeds
// only, and the page says so.
const (
	mostPage    = 50_000
	mostEntries = 28_000 // the rest is for the frame, the timeline and its labels
)

type section struct {
	ID, Title, Empty string
	Entries          []template.HTML
	Hidden           int
}

// frame is what surrounds the content of every page.
type frame struct {
	site
	PageTitle string
	Links     links
	Zone      string
	Place     string
	Clock     string // the zone of times where there is room for only one
}

// links are the ways to follow what a page is about.
type links struct {
	Label string
	Base  string // the relative path to which the suffixes of the feeds are appended
	// Subscribe opens the calendar in the application that the reader has for it. A browser
	// without one does nothing, so the page also links to the file.
	Subscribe template.URL
}

// newFrame returns the frame of the page at a path; base is the last part of the path.
func newFrame(v view, title, label, path, base string) frame {
	f := frame{site: v.site, PageTitle: title, Links: links{Label: label, Base: base}, Zone: v.zone.String(), Clock: "UTC"}
	if !isUTC(v.zone) {
		f.Place = place(v.zone)
		f.Clock = f.Place
	}
	if v.Organisation != "" {
		f.PageTitle += " · " + v.Organisation
	}
	// The scheme is not registered, but all calendars know it. What follows it is the
	// operator's address and an id of ours.
	if _, rest, ok := strings.Cut(v.url, "://"); ok {
		f.Links.Subscribe = template.URL("webcal://" + rest + path + ".ics")
	}
	return f
}

// pageData is what the template shows.
type pageData struct {
	frame
	Banner   banner
	Sections []section
	Timeline timeline
}

// banner answers what most visitors want to know: is anything happening now, and what is next?
type banner struct {
	Kind, Title string
	Items       []bannerItem
	More        string
	Nothing     string // why there is nothing
}

type bannerItem struct {
	entry
	Before, Between, After string
	At                     time.Time
	When                   string
}

// mostInBanner is how many running releases the banner names.
const mostInBanner = 3

func newBanner(v view) banner {
	item := func(e entry, before, between string, at time.Time) bannerItem {
		return bannerItem{entry: e, Before: before, Between: between, After: ".", At: at, When: at.In(v.zone).Format(minute)}
	}
	var b banner
	for _, e := range v.Running[:min(len(v.Running), mostInBanner)] {
		until := ", planned until "
		if !v.now.Before(e.End) {
			until = ", was planned until "
		}
		b.Items = append(b.Items, item(e, "", until, e.End))
	}
	if len(v.Running) > 0 {
		b.Kind, b.Title = running, "Work is in progress"
		if len(v.Running) > 1 {
			b.Title = "Several releases are in progress"
		}
		if more := len(v.Running) - mostInBanner; more > 0 {
			b.More = fmt.Sprintf("And %d more, below.", more)
		}
		return b
	}
	b.Kind, b.Title = done, "Nothing is in progress right now"
	for _, e := range v.Ahead {
		switch {
		case e.Kind == late && len(b.Items) < mostInBanner:
			b.Kind = late
			b.Items = append(b.Items, item(e, "Not started yet: ", ", planned from ", e.Start))
		case e.Kind == ahead:
			if b.Kind == done {
				b.Kind = ahead
			}
			b.Items = append(b.Items, item(e, "Next: ", ", ", e.Start))
			return b
		}
	}
	switch {
	case len(b.Items) > 0:
	case len(v.Ahead) > 0:
		b.Nothing = "What was planned has been cancelled: see the list below."
	default:
		b.Nothing = "No work is planned at the moment."
	}
	return b
}

// renderRelease is a release's own page.
func renderRelease(v view) ([]byte, error) {
	e := v.all()[0]
	base := url.PathEscape(e.ID)
	var b bytes.Buffer
	err := page.ExecuteTemplate(&b, "release", struct {
		frame
		Release entry
	}{newFrame(v, oneLine(e.Title())+" · Trust Center", "Follow this release", releasePath(e.ID), base), e})
	return b.Bytes(), err
}

func renderPage(v view) ([]byte, error) {
	data := pageData{frame: newFrame(v, "Trust Center: planned work", "Stay informed", pagePath, "trust-center"), Banner: newBanner(v)}
	var listed []entry
	room := mostEntries
	for _, s := range []struct {
		section
		entries []entry
		most    int // bytes, so that one section leaves room for those after it
	}{
		{section{ID: "now", Title: "Happening now"}, v.Running, mostEntries / 3},
		{section{ID: "next", Title: "Coming up"}, v.Ahead, mostEntries * 2 / 3},
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
