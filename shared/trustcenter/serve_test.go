package trustcenter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/host"
	"example.com/releases/shared/release"
	"example.com/releases/shared/trustcenter"
)

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTrustCenter_Answers_CarryTheirHeaders(t *testing.T) {
	types := map[string]string{
		"/trust-center": "text/html; charset=utf-8", "/trust-center.json": "application/json",
		"/trust-center.atom": "application/atom+xml; charset=utf-8", "/trust-center.ics": "text/calendar; charset=utf-8",
	}
	if len(types) != len(paths) {
		t.Fatal("a path has no type here")
	}
	for path, contentType := range types {
		h := get(t, site(typical()), path).Header()
		for name, want := range map[string]string{
			"Content-Type": contentType, "Cache-Control": "public, max-age=30, stale-if-error=3600", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: the policy is %s", path, policy)
		}
		if (h.Get("Access-Control-Allow-Origin") == "*") != (path != "/trust-center") {
			t.Errorf("%s: other origins: %q", path, h.Get("Access-Control-Allow-Origin"))
		}
	}
}

// Who has the document is told so, for as long as its content is the same, whenever
// they ask.
func TestTrustCenter_SameTag_NotModified(t *testing.T) {
	later := func(o *trustcenter.Options) { o.Now = func() time.Time { return now.Add(5 * time.Minute) } }
	changed := typical()
	changed[4].Summary = "Something else."
	for path := range paths {
		tag := get(t, site(typical()), path).Header().Get("ETag")
		if len(tag) < 10 {
			t.Fatalf("%s has the tag %s", path, tag)
		}
		for _, sent := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			w := ask(site(typical(), later), http.MethodGet, path, "If-None-Match", sent)
			if w.Code != http.StatusNotModified || w.Body.Len() > 0 || w.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") == "" {
				t.Errorf("%s with If-None-Match %s: %d, %d bytes, %v", path, sent, w.Code, w.Body.Len(), w.Header())
			}
		}
		if w := ask(site(changed), http.MethodGet, path, "If-None-Match", tag); w.Code != http.StatusOK || w.Header().Get("ETag") == tag {
			t.Errorf("%s after a change: %d with the tag %s", path, w.Code, w.Header().Get("ETag"))
		}
		if w := ask(site(typical()), http.MethodHead, path); w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("ETag") != tag {
			t.Errorf("%s: HEAD answers %d, %d bytes, %v", path, w.Code, w.Body.Len(), w.Header())
		}
	}
}

func TestTrustCenter_Off_NotFound(t *testing.T) {
	off := site(typical(), func(o *trustcenter.Options) { o.On = false })
	for path := range paths {
		for _, w := range []*httptest.ResponseRecorder{ask(off, http.MethodGet, path), ask(site(typical()), http.MethodPost, path), ask(site(typical()), http.MethodGet, path+"/x/y"), ask(site(typical()), http.MethodGet, path+"x")} {
			var problem struct{ Code, Detail string }
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != http.StatusNotFound || problem.Code != "not-found" || problem.Detail == "" {
				t.Errorf("%s answers %d: %s (%v)", path, w.Code, w.Body, err)
			}
			if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s answers with %v", path, w.Header())
			}
		}
	}
}

// When the store fails, people get a page that says so and nothing of why.
func TestTrustCenter_StoreFails_Unavailable(t *testing.T) {
	h := trustcenter.Handler(func(context.Context, time.Time, time.Time) ([]release.Published, error) {
		return nil, errors.New("secret cause")
	}, trustcenter.Options{On: true, Zone: "UTC"})
	for path := range paths {
		w := ask(h, http.MethodGet, path)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s answers %d %v: %s", path, w.Code, w.Header(), w.Body)
		}
		if isPage := strings.Contains(w.Body.String(), "cannot be shown right now"); isPage != (path == "/trust-center") {
			t.Errorf("%s answers %s", path, w.Body)
		}
	}
}

func TestTrustCenter_UnknownZone_DoesNotStart(t *testing.T) {
	defer func() {
		if message, _ := recover().(string); !strings.Contains(message, "ORGANISATION_ZONE") {
			t.Errorf("it says %q", message)
		}
	}()
	trustcenter.Handler(nil, trustcenter.Options{Zone: "Europe/Nowhere"})
}

func TestTrustCenter_OrganisationURL_IsHTTPOrHTTPS(t *testing.T) {
	for address, starts := range map[string]bool{"": true, "https://example.com": true, "http://example.com": true, "ftp://example.com": false, "example.com": false, "https:": false} {
		func() {
			defer func() {
				if message, _ := recover().(string); strings.Contains(message, "ORGANISATION_URL") == starts {
					t.Errorf("%q: it says %q", address, message)
				}
			}()
			trustcenter.Handler(nil, trustcenter.Options{Zone: "UTC", OrganisationURL: address})
		}()
	}
}

// A release has a page and feeds of its own, with itself in them and nothing else; whatever
// is not shown is not there, whether it exists or not.
func TestTrustCenter_OneRelease_HasItsOwnPages(t *testing.T) {
	h := site(typical())
	shown, other := typical()[6], typical()[7]
	for path, kind := range map[string]string{"": "text/html", ".json": "application/json", ".atom": "application/atom+xml", ".ics": "text/calendar"} {
		w := get(t, h, "/trust-center/"+shown.ID+path)
		body := w.Body.String()
		if !strings.HasPrefix(w.Header().Get("Content-Type"), kind) || !strings.Contains(body, shown.Name) || strings.Contains(body, other.ID) || w.Header().Get("ETag") == "" {
			t.Errorf("%q: %v\n%s", path, w.Header(), body)
		}
		if (w.Header().Get("Access-Control-Allow-Origin") == "*") != (path != "") {
			t.Errorf("%q: other origins: %q", path, w.Header().Get("Access-Control-Allow-Origin"))
		}
		for _, id := range []string{"REL-2026-Q1-999", "x", "<script>"} {
			w := ask(h, http.MethodGet, (&url.URL{Path: "/trust-center/" + id + path}).String())
			if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "script>") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s: %d %v", id, path, w.Code, w.Header())
			}
		}
	}
	if w := ask(h, http.MethodGet, "/trust-center/"+shown.ID+"/"); w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "../"+shown.ID {
		t.Errorf("with a slash: %d %v", w.Code, w.Header())
	}
}

// Whose page it is stands in its head, and the calendar can be subscribed to with a click
// where the public address is known.
func TestPage_Head_NamesWhoseItIs(t *testing.T) {
	named := func(o *trustcenter.Options) {
		o.Organisation, o.OrganisationURL, o.PublicURL = "Acme & <Sons>", "https://www.acme.example/?a=1&b=2", "https://releases.example/live"
	}
	id := typical()[0].ID
	for path, subscribe := range map[string]string{"/trust-center": "trust-center.ics", "/trust-center/" + id: "trust-center/" + id + ".ics"} {
		body := get(t, site(typical(), named), path).Body.String()
		for _, want := range []string{
			`<a href="https://www.acme.example/?a=1&amp;b=2"><bdi>Acme &amp; &lt;Sons&gt;</bdi></a>`, ` · Acme &amp; &lt;Sons&gt;</title>`,
			`<a href="webcal://releases.example/live/` + subscribe + `">Subscribe to the calendar</a>`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %s", path, want)
			}
		}
		if body := get(t, site(typical(), func(o *trustcenter.Options) { o.PublicURL = "" }), path).Body.String(); strings.Contains(body, "webcal") || strings.Contains(body, "organisation\">") {
			t.Errorf("%s without an address or a name has them", path)
		}
	}
	defer func() {
		if message, _ := recover().(string); !strings.Contains(message, "ORGANISATION_URL") {
			t.Errorf("it says %q", message)
		}
	}()
	trustcenter.Handler(nil, trustcenter.Options{Zone: "UTC", OrganisationURL: "javascript:alert(1)"})
}

// The event for sam local invoke gets the page through the Lambda adapter.
func TestEvent(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "events", "trust-center.json"))
	check(t, err)
	var event events.APIGatewayProxyRequest
	check(t, json.Unmarshal(text, &event))
	answer, err := host.APIHandler(site(typical()))(context.Background(), event)
	check(t, err)
	if answer.StatusCode != http.StatusOK || answer.IsBase64Encoded || !strings.Contains(answer.Body, "Mail and calendar") {
		t.Errorf("%d: %s", answer.StatusCode, answer.Body)
	}
	event.MultiValueHeaders["If-None-Match"] = answer.MultiValueHeaders["Etag"]
	repeated, err := host.APIHandler(site(typical()))(context.Background(), event)
	check(t, err)
	if repeated.StatusCode != http.StatusNotModified || repeated.Body != "" {
		t.Errorf("asked again: %d with tag %v, %d bytes", repeated.StatusCode, answer.MultiValueHeaders["Etag"], len(repeated.Body))
	}
}

// The page stays small, whatever is written, and says what it leaves out.
func TestPage_TypicalAndMost_AreSmall(t *testing.T) {
	body := get(t, site(many()), "/trust-center").Body.Bytes()
	if len(body) > 50_000 {
		t.Errorf("it has %d bytes", len(body))
	}
	if !bytes.Contains(body, []byte(" more are in the ")) {
		t.Error("it does not say that there is more")
	}
	for _, active := range []string{"<script", "<img", "<iframe", "<style>*", "<form", "<object", "style=\""} {
		if bytes.Contains(bytes.ToLower(body), []byte(active)) {
			t.Errorf("the page has %s", active)
		}
	}
	t.Logf("200 hostile windows: %d bytes; an ordinary quarter: %d", len(body), get(t, site(typical()), "/trust-center").Body.Len())
}

// HEAD is GET without the body; a slash at the end says nothing, but the page's own links
// would lead elsewhere below it, so a browser is sent to where they do not.
func TestTrustCenter_HeadAndSlash_AreServed(t *testing.T) {
	h := site(typical())
	server := httptest.NewServer(h)
	defer server.Close()
	for path := range paths {
		get, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		head, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = get.Body.Close(), head.Body.Close()
		for _, name := range []string{"ETag", "Content-Type", "Content-Length", "Cache-Control"} {
			if get.Header.Get(name) == "" || head.StatusCode != http.StatusOK || head.Header.Get(name) != get.Header.Get(name) {
				t.Errorf("HEAD %s: %s, %s is %q, not %q", path, head.Status, name, head.Header.Get(name), get.Header.Get(name))
			}
		}
		slash := ask(h, http.MethodGet, path+"/")
		if path == "/trust-center" {
			if slash.Code != http.StatusPermanentRedirect || slash.Header().Get("Location") != "../trust-center" {
				t.Errorf("%s/: %d %v", path, slash.Code, slash.Header())
			}
		} else if plain := ask(h, http.MethodGet, path); slash.Code != http.StatusOK || slash.Body.String() != plain.Body.String() {
			t.Errorf("%s/: %d", path, slash.Code)
		}
		if twice := ask(h, http.MethodGet, path+"//"); twice.Code != http.StatusNotFound {
			t.Errorf("%s//: %d", path, twice.Code)
		}
	}
}

// A page of another origin can read a feed with its headers, and a problem is explained
// below the public URL.
func TestTrustCenter_Feeds_ExposeTheirHeaders(t *testing.T) {
	down := trustcenter.Handler(func(context.Context, time.Time, time.Time) ([]release.Published, error) {
		return nil, errors.New("down")
	}, trustcenter.Options{On: true, Zone: "UTC", PublicURL: "https://releases.example/live"})
	for path := range paths {
		if path == "/trust-center" {
			continue // the page itself is for its own origin
		}
		for _, w := range []*httptest.ResponseRecorder{ask(site(typical()), http.MethodGet, path), ask(down, http.MethodGet, path)} {
			if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "ETag, Retry-After" {
				t.Errorf("%s: %d %v", path, w.Code, h)
			}
		}
		if w := ask(down, http.MethodGet, path); !strings.Contains(w.Body.String(), `"type":"https://releases.example/live/problems/unavailable"`) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}
