// Package trustcenter is the public page and its feeds: windows of releases for people
// who have no account. It sees what release.Published holds and must not know anything
// else of a release, nor where releases are stored.
package trustcenter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Read lists what the public may see: windows that run, that start from now on, and
// that have started since a moment in the past.
type Read func(ctx context.Context, now, since time.Time) ([]release.Published, error)

// Options are what the operator decides.
type Options struct {
	// On is whether there is a Trust Center at all; without it everything is a 404.
	On bool
	// Zone is the organisation's time zone, an IANA name.
	Zone string
	// PublicURL is what stands before /trust-center, without a slash at the end; it may
	// be empty. It names the feeds' entries and events, so it should not change often.
	PublicURL string
	// Now is the clock; nil: the system's.
	Now func() time.Time
}

// kept is how far back windows are shown.
const kept = 90 * 24 * time.Hour

// document is one form of the same content.
type document struct {
	contentType string
	policy      string // Content-Security-Policy
	render      func(view) ([]byte, error)
}

// feedPolicy is for what no browser has to render.
const feedPolicy = "default-src 'none'; frame-ancestors 'none'"

// The four paths.
const (
	pagePath     = "/trust-center"
	jsonPath     = pagePath + ".json"
	atomPath     = pagePath + ".atom"
	calendarPath = pagePath + ".ics"
)

var documents = map[string]document{
	pagePath:     {"text/html; charset=utf-8", pagePolicy, renderPage},
	jsonPath:     {"application/json", feedPolicy, renderJSON},
	atomPath:     {"application/atom+xml; charset=utf-8", feedPolicy, renderAtom},
	calendarPath: {"text/calendar; charset=utf-8", feedPolicy, renderCalendar},
}

// Handler serves the page and its feeds. A zone that is not known panics: the function
// must not start and then show wrong times.
func Handler(read Read, o Options) http.Handler {
	location, err := time.LoadLocation(o.Zone)
	if err != nil {
		panic(fmt.Sprintf("trustcenter: %q is not a time zone. ORGANISATION_ZONE must be an IANA name such as Europe/Berlin.", o.Zone))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, known := documents[strings.TrimSuffix(r.URL.Path, "/")]
		if !o.On || !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
			o.problem(w, http.StatusNotFound, "not-found", "Nothing is served under this path with this method.")
			return
		}
		if r.URL.Path == pagePath+"/" {
			// Below a slash the page's own links would lead elsewhere.
			w.Header().Set("Location", ".."+pagePath)
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		now := o.Now().UTC()
		all, err := read(r.Context(), now, now.Add(-kept))
		if err != nil {
			o.unavailable(w, r, err)
			return
		}
		body, err := d.render(newView(all, now, location, o.PublicURL))
		if err != nil {
			o.unavailable(w, r, err)
			return
		}
		d.serve(w, r, body)
	})
}

// serve answers with the body, or with 304 to who has it. Nothing in a body tells when
// it was made, so that the tag changes when the content does.
func (d document) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Security-Policy", d.policy)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Set("Cache-Control", "public, max-age=30, stale-if-error=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.URL.Path != pagePath {
		share(h)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// share lets other origins read a feed: whoever may read it at all may read it from their
// own page.
func share(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
}

func (o Options) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "the trust center cannot be shown", "error", err, "path", r.URL.Path)
	w.Header().Set("Retry-After", "30")
	if r.URL.Path != pagePath {
		share(w.Header())
		o.problem(w, http.StatusServiceUnavailable, "unavailable", "This cannot be read right now. Try again in a minute.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(apology)
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
