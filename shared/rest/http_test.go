package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// These tests are about HTTP itself, on which clients, proxies and browsers rely.

// HEAD is GET without the body: same status, same headers (RFC 9110, 9.3.2).
func TestHead_WhereverGetIs_SameHeadersNoBody(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release(w.change(true))
	change, task := w.change(true), w.task("rita@example.com", "")
	w.seal()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.api.ServeHTTP(rw, r.WithContext(release.WithCaller(r.Context(), *admin)))
	}))
	t.Cleanup(server.Close)
	ask := func(method, path string, headers ...string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+rest.Base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	gets := 0
	for _, route := range rest.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		gets++
		path := strings.ReplaceAll(route.Path, "{id}", map[bool]string{true: change, false: id}[strings.HasPrefix(route.Path, "/change-requests/")])
		switch route.Operation {
		case operations.ListTasks:
			path += "?requesterEmail=rita@example.com"
		case operations.GetTask:
			path = "/tasks/" + task
		}
		get, text := ask(http.MethodGet, path)
		head, none := ask(http.MethodHead, path)
		if get.StatusCode != 200 || head.StatusCode != 200 || none != "" || text == "" {
			t.Errorf("%s: GET %s, HEAD %s with %q", path, get.Status, head.Status, none)
		}
		if route.Operation == operations.GetEvidence {
			continue // evidence says when it was made, so that its ETag changes every second
		}
		for _, name := range []string{"ETag", "Content-Type", "Cache-Control"} {
			if get.Header.Get(name) == "" || get.Header.Get(name) != head.Header.Get(name) {
				t.Errorf("%s: %s is %q, with HEAD %q", path, name, get.Header.Get(name), head.Header.Get(name))
			}
		}
		if repeated, _ := ask(http.MethodHead, path, "If-None-Match", head.Header.Get("ETag")); repeated.StatusCode != http.StatusNotModified {
			t.Errorf("%s: unchanged, and answered %s, want 304", path, repeated.Status)
		}
		if stale, body := ask(http.MethodHead, path, "If-Match", `"9999-0123456789abcdef"`); stale.StatusCode != http.StatusPreconditionFailed || body != "" {
			t.Errorf("%s: with If-Match of another revision it is answered %s, want 412", path, stale.Status)
		}
	}
	if gets < 8 {
		t.Errorf("only %d routes that read were tried, want 8 or more", gets)
	}
	for path, status := range map[string]int{"/releases/REL-2026-Q2-999": 404, "/releases?limit=0": 400, "/releases/" + id + "/status": 404, "/nothing": 404} {
		if head, body := ask(http.MethodHead, path); head.StatusCode != status || body != "" {
			t.Errorf("HEAD %s: %s %q, want %d", path, head.Status, body, status)
		}
	}
}

// The type of a problem is an address below the public URL, where it is explained.
func TestProblem_Type_IsBelowThePublicURL(t *testing.T) {
	for publicURL, want := range map[string]string{
		"":                             "/problems/not-found",
		"https://releases.example":     "https://releases.example/problems/not-found",
		"https://api.example.com/live": "https://api.example.com/live/problems/not-found",
		"https://api.example.com/a/b/": "https://api.example.com/a/b/problems/not-found",
	} {
		recorder := httptest.NewRecorder()
		rest.Handler(nil).WithPublicURL(publicURL, nil).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/api/nothing", nil))
		if !strings.Contains(recorder.Body.String(), `"type":"`+want+`"`) {
			t.Errorf("with the public URL %q, want the type %s in %s", publicURL, want, recorder.Body)
		}
	}
}

// One slash at the end is the same path; two are not.
func TestPaths_SlashAtTheEnd_IsServed(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	for route, status := range map[string]int{
		"GET /releases/": 200, "GET /releases/" + id + "/": 200, "GET /releases/" + id + "/log/": 200, "HEAD /releases/" + id + "/": 200,
		"GET /releases//": 404, "GET /releases/" + id + "//": 404, "GET //releases": 404, "GET /": 404,
		"GET /releases/" + id + "%2F": 404, // an escaped slash is part of the id
	} {
		if got := w.send(admin, ask{route: route}); got.Code != status {
			t.Errorf("%s: %d, want %d", route, got.Code, status)
		}
	}
	got := w.send(admin, ask{route: "POST /releases/" + id + "/log/", body: object{"text": "Hello."}})
	if got.Code != 201 {
		t.Errorf("a POST with a slash at the end: %d %s, want 201", got.Code, got.text)
	}
	w.must(admin, ask{route: "POST /releases/", body: object{"name": "A"}})
}

// A body with a content coding is refused because of its header, whatever its bytes are, and the answer
// says which codings are accepted.
func TestBody_WithACoding_415SaysWhichAreTaken(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	before := w.look("/releases/" + id)
	const zipped = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xabV*H,.V\xb2Rr\x04"
	for _, c := range []struct {
		body, coding string
		status       int
	}{
		{zipped, "gzip", 415},
		{`{"name":"A"}`, "gzip", 415},
		{`{"name":"A"}`, "br", 415},
		{`{"name":"A"}`, "identity, gzip", 415},
		{`{"name":"A"}`, "deflate", 415},
		{`{}`, "identity", 200},
		{`{}`, "Identity", 200},
		{zipped, "", 400}, // without the header it is just invalid JSON
	} {
		a := ask{route: "PATCH /releases/" + id, body: c.body}
		if c.coding != "" {
			a.headers = []string{"Content-Encoding: " + c.coding}
		}
		got := w.send(admin, a)
		if got.Code != c.status || (got.Header().Get("Accept-Encoding") == "identity") != (c.status == 415) {
			t.Errorf("with the coding %q: %d %v %s, want %d", c.coding, got.Code, got.Header(), got.text, c.status)
		}
		if c.status == 415 && !strings.Contains(w.problem(got).Detail, "Content-Encoding") {
			t.Errorf("with the coding %q the problem does not name Content-Encoding: %s", c.coding, got.text)
		}
	}
	if after := w.look("/releases/" + id); after != before {
		t.Errorf("the release changed from %s to %s", before, after)
	}
}

// A PATCH of a type that is not accepted is told which are (Accept-Patch, RFC 5789, 2.2); other
// methods have no such header.
func TestPatch_OfAnotherType_415SaysWhichAreTaken(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for route, want := range map[string]string{
		"PATCH /releases/" + w.release():                        "application/merge-patch+json, application/json",
		"PATCH /change-requests/" + w.change(true):              "application/merge-patch+json, application/json",
		"PATCH /tasks/" + w.task("a@example.com", ""):           "application/merge-patch+json, application/json",
		"POST /releases":                                        "",
		"POST /change-requests/" + w.change(true) + "/decision": "",
	} {
		for _, kind := range []string{"application/json-patch+json", "text/plain", ""} {
			got := w.send(admin, ask{route: route, body: "[]", headers: []string{"Content-Type: " + kind}})
			if got.Code != 415 || got.Header().Get("Accept-Patch") != want || got.Header().Get("Accept-Encoding") != "" {
				t.Errorf("%s as %q: %d %v, want 415 with Accept-Patch %q", route, kind, got.Code, got.Header(), want)
			}
		}
	}
}

// Every answer lets a page of an allowed origin read the headers that it needs.
func TestCrossOrigin_Answers_ExposeWhatPagesNeed(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	api := rest.Handler(operations.New(w.Store), rest.Routes()...).WithPublicURL("https://releases.example", []string{"https://app.example"})
	for _, c := range []struct {
		method, path string
		who          *release.Caller
		status       int
	}{
		{"GET", "/api/releases", admin, 200}, {"HEAD", "/api/releases", admin, 200}, {"GET", "/api/releases", nobody, 401}, {"GET", "/api/releases", rita, 403}, {"GET", "/api/nothing", admin, 404},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Origin", "https://app.example")
		if c.who != nil {
			r = r.WithContext(release.WithCaller(r.Context(), *c.who))
		}
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, r)
		h := recorder.Header()
		for _, name := range []string{"ETag", "Location", "Retry-After", "WWW-Authenticate"} {
			if !strings.Contains(h.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s %s: %s is not exposed: %v", c.method, c.path, name, h)
			}
		}
		if recorder.Code != c.status || h.Get("Access-Control-Allow-Origin") != "https://app.example" {
			t.Errorf("%s %s: %d %v, want %d with the origin allowed", c.method, c.path, recorder.Code, h, c.status)
		}
	}
}

// Text that is not valid Unicode is refused wherever it is sent, and nothing of it is stored. Valid text
// is stored as it was sent.
func TestText_NotUnicode_400NothingWritten(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id, change := w.release(), w.change(false)
	before := w.look("/releases/"+id) + w.look("/change-requests/"+change)
	for _, bad := range []string{"J\xfcrgen", "\xed\xa0\xbd", "\xc3", `\ud800`, `\udfff\ud800`, `\ud83dx`} {
		for _, a := range []ask{
			{route: "POST /releases", body: `{"name":"` + bad + `"}`},
			{route: "PATCH /releases/" + id, body: `{"description":"` + bad + `"}`},
			{route: "PATCH /releases/" + id, body: `{"rolloutSteps":[{"order":1,"description":"` + bad + `"}]}`},
			{route: "POST /releases/" + id + "/log", body: `{"text":"` + bad + `"}`},
			{route: "POST /releases/" + id + "/status", body: `{"status":"approved","note":"` + bad + `"}`},
			{route: "PATCH /change-requests/" + change, body: `{"title":"` + bad + `"}`},
			{route: "POST /tasks", body: `{"title":"` + bad + `","requesterEmail":"a@example.com"}`},
		} {
			if got := w.send(admin, a); got.Code != 400 || w.problem(got).Code != "invalid-json" {
				t.Errorf("%s %s: %d %s, want 400 invalid-json", a.route, a.body, got.Code, got.text)
			}
		}
	}
	for _, route := range []string{"GET /tasks?ciId=%FC", "GET /tasks?requesterEmail=%ED%A0%80@example.com", "GET /releases?cursor=%FC", "GET /releases?%FC=1", "GET /releases/%FC", "GET /tasks/a%FC", "GET /releases/%C3/log"} {
		if got := w.send(admin, ask{route: route}); got.Code != 400 || len(w.problem(got).Errors) != 1 {
			t.Errorf("%s: %d %s", route, got.Code, got.text)
		}
	}
	if after := w.look("/releases/"+id) + w.look("/change-requests/"+change); after != before {
		t.Errorf("%s\nbecame %s", before, after)
	}
	for _, sent := range []string{"\ufffd", `\ufffd`, `\ud83d\ude00`, "😀", "Jürgen", `J\u00fcrgen`, "日本語"} {
		got := w.must(admin, ask{route: "POST /releases/" + id + "/log", body: `{"text":"` + sent + `"}`})
		var want string
		if err := json.Unmarshal([]byte(`"`+sent+`"`), &want); err != nil || got["text"] != want {
			t.Errorf("%s is stored as %q, want %q", sent, got["text"], want)
		}
	}
}

func TestBody_RepeatedName_400NothingWritten(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	before := w.look("/releases/" + id)
	for body, field := range map[string]string{
		`{"name":"A","name":"B"}`: "name", `{"description":"A","n\u0061me":"B","name":"C"}`: "name",
		`{"rolloutSteps":[{"order":1,"description":"A","description":"B"}]}`: "rolloutSteps[0].description",
	} {
		for _, route := range []string{"POST /releases", "PATCH /releases/" + id} {
			got := w.send(admin, ask{route: route, body: body})
			if p := w.problem(got); got.Code != 400 || p.Code != "invalid-request" || len(p.Errors) != 1 || p.Errors[0].Field != field {
				t.Errorf("%s %s: %s", route, body, got.text)
			}
		}
	}
	if after := w.look("/releases/" + id); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

// Text comes back as it was sent, with its line ends, and JSON does not escape markup.
func TestRoundTrip_TextIsNeitherEscapedNorChanged(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	const text = "<b>&amp;</b> \"quoted\" 'single' \\ / %2F + é\r\nsecond line\tindented"
	w.must(admin, ask{route: "PATCH /releases/" + id, body: object{"description": text}})
	got := w.send(admin, ask{route: "GET /releases/" + id})
	var r struct{ Description string }
	if err := json.Unmarshal([]byte(got.text), &r); err != nil || r.Description != text {
		t.Errorf("the description is %q, want %q", r.Description, text)
	}
	if strings.Contains(got.text, `\u003c`) || strings.Contains(got.text, `\u0026`) {
		t.Errorf("the answer escapes markup: %s", got.text)
	}
}

func TestIDs_WithWhatPathsAreMadeOf_AreOneThingOrNone(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.change(false)
	for _, id := range []string{"a%2Fb", "..", "%2e%2e", "a%252Fb", "%2F", ".", "..%2F..%2Freleases", "a%00b", "CHG-1%20"} {
		for _, route := range []string{"GET /change-requests/" + id, "GET /releases/" + id + "/log", "PATCH /tasks/" + id} {
			a := ask{route: route}
			if strings.HasPrefix(route, "PATCH") {
				a.body = object{"title": "A"}
			}
			if got := w.send(admin, a); got.Code != 404 {
				t.Errorf("%s: %d %s, want 404", route, got.Code, got.text)
			}
		}
	}
}

func TestIdempotencyKey_RepeatedAfterALaterStatus_GivesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	first := ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}, headers: []string{"Idempotency-Key: approve"}}
	was := w.send(admin, first)
	w.transition(id, "scheduled", "in-progress")
	repeated := w.send(admin, first)
	if was.Code != 200 || repeated.Code != 200 || repeated.text != was.text {
		t.Errorf("at first %d %s\nrepeated %d %s, want the same", was.Code, was.text, repeated.Code, repeated.text)
	}
	if status := w.must(admin, ask{route: "GET /releases/" + id})["status"]; status != "in-progress" {
		t.Errorf("the release is %v now, want in-progress", status)
	}
}

// A list of tasks accepts every id of a configuration item that a task accepts, and its own cursors,
// however long such an id makes them.
func TestListTasks_ConfigurationItemsAsCMDBsHaveThem_PageByPage(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for _, ci := range []string{"component:default/x", "arn:aws:lambda:eu-central-1:123456789012:function:x", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}", strings.Repeat("a", 256), strings.Repeat("<", 256)} {
		for range 2 {
			w.must(admin, ask{route: "POST /tasks", body: object{"title": "A task", "requesterEmail": "a@example.com", "ciIds": []string{ci}}})
		}
		found, cursor := 0, ""
		for range 3 {
			path := "GET /tasks?limit=1&ciId=" + url.QueryEscape(ci)
			if cursor != "" {
				path += "&cursor=" + cursor
			}
			page := w.must(admin, ask{route: path})
			found += len(page["tasks"].([]any))
			if cursor, _ = page["nextCursor"].(string); cursor == "" {
				break
			}
		}
		if found != 2 {
			t.Errorf("of the configuration item %.40s, %d tasks were found, want 2", ci, found)
		}
	}
}
