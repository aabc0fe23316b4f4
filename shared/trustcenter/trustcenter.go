// Package trustcenter serves the public page and its feeds: the windows of releases, for
// people without an account. It must not know anything about a release beyond
// release.Published, nor where releases are stored.
package trustcenter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Read lists what the public may see: windows in progress, those that start from now on, and
// those that have started since a time in the past.
type Read func(ctx context.Context, now, since time.Time) ([]release.Published, error)

// Options are what the operator decides.
type Options struct {
	// On is whether there is a Trust Center at all; without it everything is a 404.
	On bool
	// Zone is the organisation's time zone, an IANA name.
	Zone string
	// PublicURL is the part of the address before /trust-center, without a slash at the end;
	// it may be empty. The IDs of the feeds' entries and events contain it, so it should not
	// change often.
	PublicURL string
	// Organisation names the owner of the releases, and OrganisationURL is its website; both
	// may be empty.
	Organisation, OrganisationURL string
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// kept is how long past windows are shown.
const kept = 90 * 24 * time.Hour

// document is one format of the same content.
type document struct {
	contentType string
	policy      string // Content-Security-Policy
	render      func(view) ([]byte, error)
	one         func(view) ([]byte, error) // of one release
}

// feedPolicy is for documents that no browser renders.
const feedPolicy = "default-src 'none'; frame-ancestors 'none'"

// The four paths. Every release has the same four below /trust-center/{id}.
const (
	pagePath     = "/trust-center"
	jsonPath     = pagePath + ".json"
	atomPath     = pagePath + ".atom"
	calendarPath = pagePath + ".ics"
)

// documents are the formats by the suffix of the path.
var documents = map[string]document{
	"":      {"text/html; charset=utf-8", pagePolicy, renderPage, renderRelease},
	".json": {"application/json", feedPolicy, renderJSON, renderJSON},
	".atom": {"application/atom+xml; charset=utf-8", feedPolicy, renderAtom, renderAtom},
	".ics":  {"text/calendar; charset=utf-8", feedPolicy, renderCalendar, renderCalendar},
}

// releasePath is where a release's own page is.
func releasePath(id string) string { return pagePath + "/" + url.PathEscape(id) }

// request is what a path asks for.
type request struct {
	document
	form string // the suffix of the path
	id   string // of the release; empty for all
}

// parse reads a path; false where nothing is served under it.
func parse(path string) (request, bool) {
	rest, ours := strings.CutPrefix(strings.TrimSuffix(path, "/"), pagePath)
	r := request{form: rest}
	if id, one := strings.CutPrefix(rest, "/"); one {
		r.id, r.form = id, ""
		for form := range documents {
			if name, has := strings.CutSuffix(id, form); has && form != "" {
				r.id, r.form = name, form
			}
		}
		ours = ours && r.id != "" && !strings.Contains(id, "/")
	}
	var known bool
	r.document, known = documents[r.form]
	return r, ours && known
}

// Handler serves the page and its feeds. It panics on an unknown zone or a malformed URL: a
// function that is configured wrongly must not start, rather than show wrong times.
func Handler(read Read, o Options) http.Handler {
	location, err := time.LoadLocation(o.Zone)
	if err != nil {
		panic(fmt.Sprintf("trustcenter: %q is not a time zone. ORGANISATION_ZONE must be an IANA name such as Europe/Berlin.", o.Zone))
	}
	if u, err := url.Parse(o.OrganisationURL); o.OrganisationURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		panic(fmt.Sprintf("trustcenter: %q is not an http or https URL. ORGANISATION_URL must be one, or empty.", o.OrganisationURL))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	whose := site{clean(o.Organisation), o.OrganisationURL}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, known := parse(r.URL.Path)
		if !o.On || !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
			o.problem(w, http.StatusNotFound, "not-found", "Nothing is served under this path with this method.")
			return
		}
		if asked.form == "" && strings.HasSuffix(r.URL.Path, "/") {
			// With the slash, the page's relative links would be wrong.
			w.Header().Set("Location", "../"+r.URL.Path[strings.LastIndexByte(strings.TrimSuffix(r.URL.Path, "/"), '/')+1:len(r.URL.Path)-1])
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		now := o.Now().UTC()
		all, err := read(r.Context(), now, now.Add(-kept))
		if err != nil {
			o.unavailable(w, r, asked, err)
			return
		}
		v, render := newView(all, now, location, o.PublicURL, whose), asked.render
		if asked.id != "" {
			render = asked.one
			if v, known = v.only(asked.id); !known {
				o.unknown(w, asked)
				return
			}
		}
		body, err := render(v)
		if err != nil {
			o.unavailable(w, r, asked, err)
			return
		}
		asked.serve(w, r, body)
	})
}

// serve answers with the body, or with 304 to a client that has it. No body says when it was
// rendered, so the ETag changes only with the content.
func (d request) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Security-Policy", d.policy)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "public, max-age=30, stale-if-error=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if d.form != "" {
		share(h)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// share lets pages of other origins read a feed: it is public anyway.
func share(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
}

func (o Options) unavailable(w http.ResponseWriter, r *http.Request, asked request, err error) {
	slog.ErrorContext(r.Context(), "the trust center cannot be shown", "error", err, "path", r.URL.Path)
	w.Header().Set("Retry-After", "30")
	if asked.form != "" {
		share(w.Header())
		o.problem(w, http.StatusServiceUnavailable, "unavailable", "This cannot be read right now. Try again in a minute.")
		return
	}
	bare(w, http.StatusServiceUnavailable, apology)
}

// unknown answers a request for a release that is not shown. It does not say whether the
// release was never public, no longer is, or does not exist, since that would give away
// internal releases.
func (o Options) unknown(w http.ResponseWriter, asked request) {
	if asked.form != "" {
		share(w.Header())
		o.problem(w, http.StatusNotFound, "not-found", "No release with this id is shown here. The Trust Center shows what is ahead, and the past 90 days.")
		return
	}
	bare(w, http.StatusNotFound, notShown)
}

// bare answers with a fixed page.
func bare(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// problem is an RFC 9457 document like those of the API.
func (o Options) problem(w http.ResponseWriter, status int, code, detail string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":%q,"title":%q,"status":%d,"detail":%q,"code":%q}`+"\n",
		o.PublicURL+"/problems/"+code, http.StatusText(status), status, detail, code)
}
