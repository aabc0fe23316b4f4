package apidocs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/apidocs"
)

func get(t *testing.T, publicURL, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	apidocs.Handler(publicURL).ServeHTTP(w, r)
	return w
}

func TestDocument_Served_NamesItsAddress(t *testing.T) {
	for publicURL, want := range map[string]string{"": "/", "https://api.example.com/live": "https://api.example.com/live"} {
		w := get(t, publicURL, "/openapi.json")
		var d struct {
			OpenAPI string
			Servers []struct{ URL string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if w.Header().Get("Content-Type") != "application/json" || d.OpenAPI != "3.1.0" || len(d.Servers) != 1 || d.Servers[0].URL != want {
			t.Errorf("served at %q: %+v", publicURL, d)
		}
		if repeated := get(t, publicURL, "/openapi.json", "If-None-Match: "+w.Header().Get("ETag")); repeated.Code != http.StatusNotModified || repeated.Body.Len() > 0 {
			t.Errorf("unchanged, yet %d", repeated.Code)
		}
	}
}

// The page works offline and runs nothing: what it names is on it, or beside it.
func TestDocsPage_Loaded_NeedsNothingElse(t *testing.T) {
	w := get(t, "", "/docs")
	page := w.Body.String()
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, bad := range []string{"<script", "<link", "<img", "style=", " on"} {
		if bad == " on" {
			if m := regexp.MustCompile(`<[^>]* on[a-z]+=`).FindString(page); m != "" {
				t.Errorf("the page holds %s", m)
			}
		} else if strings.Contains(page, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	links := regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 100 {
		t.Errorf("only %d links", len(links))
	}
	for _, link := range links {
		name, here := strings.CutPrefix(link[1], "#")
		if here && !strings.Contains(page, `id="`+name+`"`) || !here && link[1] != "openapi.json" {
			t.Errorf("the page links to %s", link[1])
		}
	}
	for _, r := range rest.Routes() {
		if !strings.Contains(page, "<code>"+rest.Base+r.Path+"</code>") {
			t.Errorf("%s is not on the page", r.Path)
		}
	}
}

func TestProblemType_EveryCode_LeadsToItsExplanation(t *testing.T) {
	for i := range rest.Codes {
		p := rest.ProblemOf(&rest.Codes[i].Example, true)
		w := get(t, "", p.Type)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "../docs#problem-"+p.Code {
			t.Errorf("%s: %d to %s", p.Type, w.Code, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/problems/none", "/problems/x%22", "/nothing", "/"} {
		if w := get(t, "", path); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A slash at the end says nothing; where links would lead elsewhere below it, a browser is
// sent to where they do not.
func TestDocs_SlashAtTheEnd_IsServed(t *testing.T) {
	for path, want := range map[string]struct {
		status   int
		location string
	}{
		"/openapi.json/":        {http.StatusOK, ""},
		"/docs/":                {http.StatusPermanentRedirect, "../docs"},
		"/problems/not-found/":  {http.StatusSeeOther, "../../docs#problem-not-found"},
		"/problems/nonsense/":   {http.StatusNotFound, ""},
		"/problems/not-found/x": {http.StatusNotFound, ""},
	} {
		if w := get(t, "", path); w.Code != want.status || w.Header().Get("Location") != want.location {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	if w := get(t, "https://releases.example/live", "/nothing"); !strings.Contains(w.Body.String(), `"type":"https://releases.example/live/problems/not-found"`) {
		t.Errorf("a problem: %s", w.Body)
	}
	for _, path := range []string{"/openapi.json", "/docs"} {
		if h := get(t, "", path).Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Expose-Headers") != "ETag" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestDocs_ExampleEvent_IsAnswered(t *testing.T) {
	raw, err := os.ReadFile("../../../events/api-docs.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.APIGatewayProxyRequest
	if err := json.Unmarshal(raw, &event); err != nil {
		t.Fatal(err)
	}
	got, err := host.APIHandler(apidocs.Handler(""))(t.Context(), event)
	if err != nil || got.StatusCode != http.StatusOK || got.IsBase64Encoded || !strings.HasPrefix(got.Body, "<!doctype html>") {
		t.Errorf("%v, %d, %.100s", err, got.StatusCode, got.Body)
	}
}
