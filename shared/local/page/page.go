// Package page renders the laptop host's own pages: one layout, one style sheet, strict
// headers. It must not know what any page shows.
package page

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed style.css
var style []byte

//go:embed layout.html
var layout string

// StylePath is where the style sheet must be served from.
const StylePath = "/_local/style.css"

// policy allows only the host's own style sheet, images, frames and forms, because the pages
// show text that callers of the API have written.
const policy = "default-src 'none'; style-src 'self'; frame-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

var functions = template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// Page is a page of the host.
type Page struct{ body *template.Template }

// Parse makes a page from the template of its body; a broken one panics at start.
func Parse(body string) Page {
	t := template.Must(template.New("layout").Funcs(functions).Parse(layout))
	template.Must(t.New("body").Parse(body))
	return Page{t}
}

// Write answers with the page. It is rendered into memory first, so that a template that fails
// half-way leads to an error instead of half a page.
func (p Page) Write(w http.ResponseWriter, status int, title string, data any) {
	var out bytes.Buffer
	if err := p.body.ExecuteTemplate(&out, "layout", struct {
		Title string
		Data  any
	}{title, data}); err != nil {
		http.Error(w, "the page could not be rendered: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// Style serves the style sheet.
func Style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=60")
	_, _ = w.Write(style)
}

// WantsJSON reports whether the client prefers JSON to a page: programs say so in Accept, and
// browsers ask for HTML first.
func WantsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	json, html := strings.Index(accept, "application/json"), strings.Index(accept, "text/html")
	return json >= 0 && (html < 0 || json < html)
}
