package mcptools_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
)

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// ask sends a request to the endpoint, through an event as API Gateway makes it. A header that is "" is
// left out.
func ask(t *testing.T, w *fixture, method, path, body string, headers map[string]string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer viewer", "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
	} {
		r.Header.Set(name, value)
	}
	for name, value := range headers {
		if value == "" {
			r.Header.Del(name)
		} else if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// A message that is not valid text, or says two things at once, is refused before anything is done.
func TestMessages_NotOneText_AreRefused(t *testing.T) {
	w := newFixture(t)
	admin := map[string]string{"Authorization": "Bearer admin"}
	create := func(arguments string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_release","arguments":` + arguments + `}}`
	}
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"a byte of another encoding":        {create("{\"name\":\"J\xfcrgen\"}"), 200, `INVALID_JSON: What was sent is not UTF-8 at byte 11`},
		"half a surrogate pair":             {create(`{"name":"\ud800"}`), 200, `INVALID_JSON: What was sent contains \\ud800`},
		"half a pair, deep inside":          {create(`{"name":"A","rolloutSteps":[{"order":1,"description":"\udc00"}]}`), 200, `INVALID_JSON`},
		"an argument given twice":           {create(`{"name":"A","name":"B"}`), 200, `INVALID_REQUEST: name is given more than once`},
		"an argument given twice, inside":   {create(`{"name":"A","rolloutSteps":[{"order":1,"description":"A","description":"B"}]}`), 200, `rolloutSteps[0].description is given more than once`},
		"two arguments":                     {strings.Replace(create(`{"name":"A"}`), `"arguments"`, `"arguments":{"name":"B"},"arguments"`, 1), 400, `params.arguments more than once`},
		"two methods":                       {strings.Replace(create(`{"name":"A"}`), `"method"`, `"method":"tools/list","method"`, 1), 400, `method more than once`},
		"two ids":                           {strings.Replace(create(`{"name":"A"}`), `"id"`, `"id":7,"id"`, 1), 400, `id more than once`},
		"an id that is no text":             {strings.Replace(create(`{"name":"A"}`), `"id":1`, "\"id\":\"\xfc\"", 1), 400, `not a JSON-RPC message`},
		"a method that only looks like one": {`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","METHOD":"tools/list"}`, 200, `-32601`},
		"another one behind the method's":   {`{"jsonrpc":"2.0","id":1,"METHOD":"subscriptions/listen","method":"ping"}`, 200, `"result":{}`},
	} {
		t.Run(name, func(t *testing.T) {
			res := ask(t, w, "POST", mcptools.Path, c.body, admin)
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d, want %d with %q: %s", res.StatusCode, c.status, c.says, body)
			}
			if strings.Contains(c.says, "INVALID") && !strings.Contains(string(body), `"isError":true`) {
				t.Errorf("want it as an error of the tool: %s", body)
			}
		})
	}
	list := ask(t, w, "POST", mcptools.Path, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_releases","arguments":{}}}`, nil)
	if body, err := io.ReadAll(list.Body); err != nil || !strings.Contains(string(body), `"releases":[]`) {
		t.Errorf("something was written: %s, %v", body, err)
	}
	for name, body := range map[string]string{
		"a pair of surrogates":               create(`{"name":"\ud83d\ude00"}`),
		"the character that stands for none": create("{\"name\":\"\ufffd\"}"),
		"a mark of byte order":               "\ufeff" + create(`{"name":"A"}`),
		"null for what may be left out":      create(`{"name":"A","version":null,"description":null,"scheduledStart":null,"scheduledEnd":null,"releaseManager":null,"releaseManagerEmail":null,"linkedChangeRequestIds":null,"rolloutSteps":null,"rollbackSteps":null,"successCriteria":null,"public":null,"publicSummary":null,"idempotencyKey":null}`),
	} {
		res := ask(t, w, "POST", mcptools.Path, body, admin)
		if answer, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || strings.Contains(string(answer), `"isError":true`) || !strings.Contains(string(answer), `"id":"REL-`) {
			t.Errorf("%s: %d %s", name, res.StatusCode, answer)
		}
	}
	for header, want := range map[string]int{
		"Content-Type: application/json; charset=utf8": 200, `Content-Type: application/json;charset="UTF-8"`: 200, "Content-Encoding: gzip": 415, "Content-Encoding: identity": 200,
	} {
		name, value, _ := strings.Cut(header, ": ")
		res := ask(t, w, "POST", mcptools.Path, ping, map[string]string{name: value})
		if res.StatusCode != want || (res.Header.Get("Accept-Encoding") == "identity") != (want == 415) {
			t.Errorf("%s: %d %v, want %d", header, res.StatusCode, res.Header, want)
		}
	}
}

// People type a slash at the end of the URL into their client's settings; it is served as well.
func TestEndpoint_SlashAtTheEnd_IsServed(t *testing.T) {
	w := newFixture(t)
	for path, status := range map[string]int{mcptools.Path + "/": 200, mcptools.Path + "/x": 404} {
		if res := ask(t, w, "POST", path, ping, nil); res.StatusCode != status {
			t.Errorf("POST %s: %d, want %d", path, res.StatusCode, status)
		}
	}
	if res := ask(t, w, "HEAD", mcptools.Path, "", nil); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("HEAD: %d %v", res.StatusCode, res.Header)
	}
	if res := ask(t, w, "GET", mcptools.MetadataPath+mcptools.Path+"/", "", nil); res.StatusCode != 200 {
		t.Errorf("the metadata: %d", res.StatusCode)
	}
}

// A client in a browser may ask for the metadata with its own headers, from any origin, and
// without a token.
func TestMetadata_Preflight_AllowsAnyOrigin(t *testing.T) {
	w := newFixture(t)
	for _, path := range []string{mcptools.MetadataPath, mcptools.MetadataPath + mcptools.Path} {
		res := ask(t, w, "OPTIONS", path, "", map[string]string{
			"Authorization": "", "Origin": "https://inspector.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "mcp-protocol-version",
		})
		h := res.Header
		if res.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Methods") != "GET, HEAD" || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Mcp-Protocol-Version") {
			t.Errorf("OPTIONS %s: %d %v", path, res.StatusCode, h)
		}
		get, head := ask(t, w, "GET", path, "", nil), ask(t, w, "HEAD", path, "", nil)
		if get.StatusCode != 200 || head.StatusCode != 200 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %v", path, head.StatusCode, head.Header)
		}
		if res := ask(t, w, "PUT", path, "", nil); res.StatusCode != 405 {
			t.Errorf("PUT %s: %d", path, res.StatusCode)
		}
	}
	res := ask(t, w, "POST", mcptools.Path, ping, map[string]string{"Origin": "https://agents.example"})
	if got := res.Header.Get("Access-Control-Expose-Headers"); got != "WWW-Authenticate, Retry-After" {
		t.Errorf("exposed: %q", got)
	}
}

func TestEndpoint_MalformedRequest_Refused(t *testing.T) {
	w := newFixture(t)
	own := w.server.URL
	stateless := map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
	with := func(base map[string]string, more ...string) map[string]string {
		h := map[string]string{}
		for k, v := range base {
			h[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	for name, c := range map[string]struct {
		method, body string
		headers      map[string]string
		status       int
		code         int // of JSON-RPC; 0 for success
	}{
		"a ping":                                 {"POST", ping, nil, 200, 0},
		"a stream":                               {"GET", "", map[string]string{"Accept": "text/event-stream"}, 405, -32600},
		"the end of a session":                   {"DELETE", "", map[string]string{"Mcp-Session-Id": "x"}, 405, -32600},
		"another method":                         {"PUT", ping, nil, 405, -32600},
		"no token":                               {"POST", ping, map[string]string{"Authorization": ""}, 401, 0},
		"another token":                          {"POST", ping, map[string]string{"Authorization": "Bearer stolen"}, 401, 0},
		"the own origin":                         {"POST", ping, map[string]string{"Origin": own}, 200, 0},
		"the own origin by another name":         {"POST", ping, map[string]string{"Origin": strings.Replace(own, "127.0.0.1", "localhost", 1)}, 200, 0},
		"an allowed origin":                      {"POST", ping, map[string]string{"Origin": "https://agents.example"}, 200, 0},
		"an origin":                              {"POST", ping, map[string]string{"Origin": "https://evil.example"}, 403, -32003},
		"an allowed origin without encryption":   {"POST", ping, map[string]string{"Origin": "http://agents.example"}, 403, -32003},
		"an origin that begins like an own one":  {"POST", ping, map[string]string{"Origin": "https://agents.example.evil.example"}, 403, -32003},
		"a sandboxed page":                       {"POST", ping, map[string]string{"Origin": "null"}, 403, -32003},
		"an origin on GET":                       {"GET", "", map[string]string{"Origin": "https://evil.example"}, 403, -32003},
		"a name that was made to point here":     {"POST", ping, map[string]string{"Host": "evil.example"}, 403, -32003},
		"a body of another type":                 {"POST", ping, map[string]string{"Content-Type": "text/plain"}, 415, -32600},
		"a client that takes no JSON":            {"POST", ping, map[string]string{"Accept": "text/html"}, 400, -32600},
		"nothing":                                {"POST", "", nil, 400, -32700},
		"a batch":                                {"POST", "[" + ping + "]", nil, 400, -32600},
		"a version nobody knows":                 {"POST", list, map[string]string{"Mcp-Protocol-Version": "2024-11-05"}, 400, -32600},
		"the newest version":                     {"POST", list, stateless, 200, 0},
		"the newest version without its headers": {"POST", list, map[string]string{"Mcp-Protocol-Version": "2026-07-28"}, 400, -32020},
		"headers that say another method":        {"POST", list, with(stateless, "Mcp-Method", "tools/call"), 400, -32020},
		"a version of the future":                {"POST", strings.Replace(list, "2026-07-28", "2099-01-01", 1), with(stateless, "Mcp-Protocol-Version", "2099-01-01"), 400, -32022},
		"a message that is too large":            {"POST", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", 5<<20) + `"}}`, nil, 413, -32600},
	} {
		t.Run(name, func(t *testing.T) {
			res := ask(t, w, c.method, mcptools.Path, c.body, c.headers)
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status {
				t.Fatalf("%d, want %d: %s", res.StatusCode, c.status, body)
			}
			if c.code != 0 {
				var e struct {
					Version string `json:"jsonrpc"`
					Error   struct {
						Code    int
						Message string
					}
				}
				if err := json.Unmarshal(body, &e); err != nil || e.Version != "2.0" || e.Error.Code != c.code || e.Error.Message == "" {
					t.Errorf("want the JSON-RPC error %d in %s", c.code, body)
				}
			}
			if got := res.Header.Get("Allow"); (res.StatusCode == 405) != (got == "POST") {
				t.Errorf("Allow: %q with %d", got, res.StatusCode)
			}
			challenge := res.Header.Get("WWW-Authenticate")
			if want := `resource_metadata="` + own + `/.well-known/oauth-protected-resource/mcp"`; res.StatusCode == 401 && !strings.Contains(challenge, want) {
				t.Errorf("the challenge is %q, want %s in it", challenge, want)
			}
			if c.headers["Origin"] != "" && (res.StatusCode == 200) != (res.Header.Get("Access-Control-Allow-Origin") == c.headers["Origin"]) {
				t.Errorf("with %[3]d the origin %[1]s is answered the allowed origin %[2]q", c.headers["Origin"], res.Header.Get("Access-Control-Allow-Origin"), res.StatusCode)
			}
		})
	}
}

// A browser's preflight request is answered: an allowed origin may go on, an unknown one may not.
func TestEndpoint_Preflight_IsAnswered(t *testing.T) {
	w := newFixture(t)
	for origin, status := range map[string]int{"https://agents.example": 204, "https://evil.example": 403} {
		res := ask(t, w, "OPTIONS", mcptools.Path, "", map[string]string{"Authorization": "Bearer viewer", "Origin": origin, "Access-Control-Request-Method": "POST"})
		allowed := res.Header.Get("Access-Control-Allow-Headers")
		if res.StatusCode != status || (status == 204) != strings.Contains(allowed, "Mcp-Protocol-Version") || (status == 204) != (res.Header.Get("Access-Control-Allow-Origin") == origin) {
			t.Errorf("%s: %d %v, want %d", origin, res.StatusCode, res.Header, status)
		}
	}
}

// The function serves its payload in events/.
func TestEndpoint_ExampleEvent_IsServed(t *testing.T) {
	w := newFixture(t)
	text, err := os.ReadFile("../../events/mcp.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.APIGatewayProxyRequest
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	h := mcptools.Handler(w.ops, mcptools.Config{PublicURL: "https://releases.example.com", Issuer: issuer})
	answer, err := host.APIHandler(h)(t.Context(), event)
	if err != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body, `"structuredContent":{"releases":[]}`) {
		t.Errorf("%v %d %s", err, answer.StatusCode, answer.Body)
	}
}

// If the store does not answer, the tool answers in time, and says that the outcome is not known.
func TestTool_Hangs_AnswersInTime(t *testing.T) {
	mcptools.SetToolTimeout(t, 100*time.Millisecond)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	c := host.Config{Region: "eu-central-1"}
	ops := operations.New(dynamo.Open(c.AWS(silent.URL), dynamo.Tables{Releases: "r", Changes: "c"}))
	h := mcptools.Handler(ops, mcptools.Config{PublicURL: "https://releases.example.com"})
	for _, version := range []string{"2025-06-18", "2026-07-28"} {
		r := httptest.NewRequest("POST", "https://releases.example.com/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"append_release_log",`+
			`"_meta":{"io.modelcontextprotocol/protocolVersion":"`+version+`","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}},`+
			`"arguments":{"id":"REL-2026-Q2-001","text":"Are you there?"}}}`))
		for name, value := range map[string]string{
			"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"Mcp-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": "append_release_log",
		} {
			r.Header.Set(name, value)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r.WithContext(as("auditor")))
		if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, "UNAVAILABLE: ") || !strings.Contains(body, "It is not known whether anything was changed.") {
			t.Errorf("%s: %d %s", version, rec.Code, body)
		}
	}
}

// Even without an authorizer in front of it, as after a mistake in the template, the endpoint lets
// nobody in.
func TestEndpoint_WithoutAuthorizer_LetsNobodyIn(t *testing.T) {
	c := mcptools.Config{PublicURL: "https://releases.example.com/live", Scopes: []string{"releases/use"}}
	h := mcptools.Handler(operations.New(nil), c)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("POST", "/mcp", strings.NewReader(ping)))
	if rec.Code != 401 || rec.Header().Get("WWW-Authenticate") != c.Challenge() {
		t.Errorf("%d %v, want 401 with a challenge", rec.Code, rec.Header())
	}
}

func TestMetadata_Issuer_IsNamed(t *testing.T) {
	w := newFixture(t)
	for _, path := range []string{mcptools.MetadataPath, mcptools.MetadataPath + mcptools.Path} {
		res := ask(t, w, "GET", path, "", map[string]string{"Authorization": "", "Origin": "https://anywhere.example"})
		var m struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Methods  []string `json:"bearer_methods_supported"`
			Scopes   []string `json:"scopes_supported"`
		}
		if err := json.NewDecoder(res.Body).Decode(&m); err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %v", path, res.StatusCode, err)
		}
		if m.Resource != w.server.URL+"/mcp" || len(m.Servers) != 1 || m.Servers[0] != issuer || len(m.Methods) != 1 || m.Methods[0] != "header" {
			t.Errorf("%s: %+v", path, m)
		}
		if !slices.Equal(m.Scopes, []string{"openid", "releases/use"}) {
			t.Errorf("%s names the scopes %v", path, m.Scopes)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error("the metadata does not allow any origin to read it")
		}
	}
	unconfigured := mcptools.Handler(operations.New(nil), mcptools.Config{})
	for path, want := range map[string]int{mcptools.MetadataPath: 404, "/mcp/x": 404} {
		rec := httptest.NewRecorder()
		unconfigured.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != want || !bytes.Contains(rec.Body.Bytes(), []byte(`"error"`)) {
			t.Errorf("%s without a public URL: %d %s", path, rec.Code, rec.Body)
		}
	}
	// Without configured scopes the field is left out: an empty list would say that there are none.
	rec := httptest.NewRecorder()
	mcptools.Handler(operations.New(nil), mcptools.Config{PublicURL: "https://releases.example.com", Issuer: issuer}).
		ServeHTTP(rec, httptest.NewRequest("GET", mcptools.MetadataPath, nil))
	if rec.Code != 200 || bytes.Contains(rec.Body.Bytes(), []byte("scopes")) {
		t.Errorf("without scopes: %d %s", rec.Code, rec.Body)
	}
}

func TestChallenge_WhatIsNotConfigured_IsLeftOut(t *testing.T) {
	const at = "https://releases.example.com"
	for want, c := range map[string]mcptools.Config{
		`Bearer realm="releases"`:                              {},
		`Bearer realm="releases", scope="openid releases/use"`: {Scopes: []string{"openid", "releases/use"}},
		`Bearer realm="releases", resource_metadata="` + at + `/.well-known/oauth-protected-resource/mcp"`:                       {PublicURL: at + "/"},
		`Bearer realm="releases", scope="releases/use", resource_metadata="` + at + `/.well-known/oauth-protected-resource/mcp"`: {PublicURL: at, Scopes: []string{"releases/use"}},
	} {
		if got := c.Challenge(); got != want {
			t.Errorf("the challenge is %s, want %s", got, want)
		}
	}
}

// A panic in a tool does not end the process, and its answer says nothing about it.
func TestTool_Panics_Answers(t *testing.T) {
	h := mcptools.Handler(operations.New(nil), mcptools.Config{PublicURL: "https://releases.example.com"}) // no store: every tool panics
	for _, who := range []string{"viewer", "admin"} {
		r := httptest.NewRequest("POST", "https://releases.example.com/mcp", strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_release","arguments":{"id":"REL-2026-Q2-001"}}}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r.WithContext(as(who)))
		if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, "INTERNAL: ") || strings.Contains(body, "nil pointer") {
			t.Errorf("%d %s", rec.Code, body)
		}
	}
}
