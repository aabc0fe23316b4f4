package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/release"
)

// The parity test sends the same bytes to net/http's own server and, as events of a REST API, to the adapter, and
// demands the same answer. net/http is the oracle: nothing here says what the answer should be.

var someone = release.Caller{
	Person: release.Person{Subject: "u-1", Name: "Ада Лавлейс", Email: "ada@example.com", EmailVerified: true}, Role: release.Auditor,
}

// plainServer is the oracle: the handler on net/http, with what Lambda adds to every request.
func plainServer(t *testing.T, h http.Handler) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Request-Id", "req-1")
		h.ServeHTTP(w, r.WithContext(release.WithCaller(r.Context(), someone)))
	}))
	t.Cleanup(s.Close)
	return s
}

// gateway does what a REST API does with a request and with a function's answer. Both cross JSON, as on Lambda.
func gateway(t *testing.T, h http.Handler, change func(*events.APIGatewayProxyRequest)) *httptest.Server {
	serve := APIHandler(h)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := toEvent(t, r)
		if change != nil {
			change(&event)
		}
		got, err := serve(r.Context(), overJSON(t, event))
		if err != nil {
			t.Errorf("the adapter failed: %v", err)
		}
		got = overJSON(t, got)
		wellFormed(t, r.Method, got)
		maps.Copy(w.Header(), got.MultiValueHeaders)
		body := []byte(got.Body)
		if got.IsBase64Encoded {
			if body, err = base64.StdEncoding.DecodeString(got.Body); err != nil {
				t.Errorf("the body is not base64: %v", err)
			}
		}
		if _, typed := got.MultiValueHeaders["Content-Type"]; !typed {
			w.Header()["Content-Type"] = nil // the gateway guesses no type
		}
		w.WriteHeader(got.StatusCode)
		if len(body) > 0 {
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// wellFormed checks what the server that plays the gateway would mend by itself, and the real one does not.
func wellFormed(t *testing.T, method string, got events.APIGatewayProxyResponse) {
	t.Helper()
	if len(got.Headers) > 0 {
		t.Errorf("single-value headers %v would be merged with the others", got.Headers)
	}
	if got.Body != "" && (method == "HEAD" || !allowsBody(got.StatusCode)) {
		t.Errorf("a body where none may be: %.100q", got.Body)
	}
	for name, values := range got.MultiValueHeaders {
		if len(values) == 0 {
			t.Errorf("%s has no value", name)
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n") || v != strings.TrimSpace(v) {
				t.Errorf("%s: %q", name, v)
			}
		}
		if got.StatusCode == http.StatusNotModified && (name == "Content-Type" || name == "Content-Length") {
			t.Errorf("a 304 has %s", name)
		}
	}
}

func toEvent(t *testing.T, r *http.Request) events.APIGatewayProxyRequest {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	e := events.APIGatewayProxyRequest{
		Resource: "/{proxy+}", HTTPMethod: r.Method, Path: r.URL.EscapedPath(), Body: string(body),
		MultiValueQueryStringParameters: r.URL.Query(), QueryStringParameters: map[string]string{},
		MultiValueHeaders: map[string][]string{"Host": {r.Host}}, Headers: map[string]string{"Host": r.Host},
		RequestContext: events.APIGatewayProxyRequestContext{
			RequestID: "req-1", Stage: "prod", DomainName: "gateway.example",
			Identity:   events.APIGatewayRequestIdentity{SourceIP: "192.0.2.7"},
			Authorizer: overJSON(t, allow("arn", someone).Context),
		},
	}
	for name, values := range e.MultiValueQueryStringParameters {
		e.QueryStringParameters[name] = values[len(values)-1]
	}
	for name, values := range r.Header {
		// HTTP/2 clients write lower case, and the gateway keeps what the client wrote.
		e.MultiValueHeaders[strings.ToLower(name)] = values
		e.Headers[strings.ToLower(name)] = values[len(values)-1]
	}
	if !utf8.Valid(body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

func overJSON[T any](t *testing.T, v T) (back T) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil {
		t.Error(err)
	}
	return back
}

// echo answers with everything a handler can see of a request that is not the connection's.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	caller, authenticated := release.CallerFrom(r.Context())
	fmt.Fprintf(w, "%s %q %q %q host %q length %d\n", r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.Fragment, r.Host, r.ContentLength)
	uri, parameters, _ := strings.Cut(r.RequestURI, "?")
	query, queryErr := url.ParseQuery(parameters) // the order of names may differ
	fmt.Fprintf(w, "uri %q %q %v absolute %v proto %s\n", uri, query.Encode(), queryErr, r.URL.IsAbs(), r.Proto)
	fmt.Fprintf(w, "query %q\n", r.URL.Query().Encode())
	fmt.Fprintf(w, "body %d %x %v\n", len(body), sha256.Sum256(body), err)
	fmt.Fprintf(w, "caller %+v %v\n", caller, authenticated)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
}

type answered struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, base string, r *http.Request) answered {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, string(body)}
}

func same(t *testing.T, plain, lambda answered, ownDate bool) {
	t.Helper()
	if !ownDate {
		plain.header.Del("Date") // the servers' clocks tick between the two
		lambda.header.Del("Date")
	}
	if plain.status != lambda.status {
		t.Errorf("status: net/http %d, Lambda %d", plain.status, lambda.status)
	}
	if !maps.EqualFunc(plain.header, lambda.header, slices.Equal[[]string]) {
		t.Errorf("headers:\nnet/http %q\nLambda   %q", plain.header, lambda.header)
	}
	if plain.body != lambda.body {
		t.Errorf("body:\nnet/http %.600q\nLambda   %.600q", plain.body, lambda.body)
	}
}

type sent struct {
	method, target string
	body           []byte
	header         http.Header
}

func (s sent) request(t *testing.T) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), s.method, "http://releases.example"+s.target, bytes.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if s.header != nil {
		r.Header = s.header.Clone()
	}
	return r
}

func TestAPIHandler_Requests_AreThoseOfNetHTTP(t *testing.T) {
	requests := map[string]sent{
		"plain":                      {method: "GET", target: "/api/releases"},
		"root":                       {method: "GET", target: "/"},
		"trailing slash":             {method: "GET", target: "/api/releases/"},
		"double slash":               {method: "GET", target: "//api//releases"},
		"dots":                       {method: "GET", target: "/api/../releases/./x"},
		"escaped slash in an id":     {method: "GET", target: "/api/releases/REL%2F2026%2f1"},
		"escaped percent":            {method: "GET", target: "/api/releases/100%25"},
		"escaped question mark":      {method: "GET", target: "/api/releases/why%3Fnot%23x"},
		"spaces and plus":            {method: "GET", target: "/api/releases/a%20b+c"},
		"unicode path":               {method: "GET", target: "/api/releases/%E4%B8%80%C3%A9"},
		"broken UTF-8 in the path":   {method: "GET", target: "/api/releases/%FF"},
		"sub-delimiters":             {method: "GET", target: "/api/a;b=c,d:e@f/g!$&'()*+"},
		"query":                      {method: "GET", target: "/api/releases?status=planned&limit=5"},
		"repeated query":             {method: "GET", target: "/api/tasks?status=Open&status=OnHold&ciId=a%2Cb"},
		"empty and valueless query":  {method: "GET", target: "/api/tasks?a=&b&=c"},
		"unicode and plus in query":  {method: "GET", target: "/api/tasks?requesterEmail=a%2Bb%40example.com&q=%E4%B8%80+x&pct=100%25&amp=a%26b%3Dc"},
		"escaped query names":        {method: "GET", target: "/api/tasks?a%20b=1&a%5B%5D=2"},
		"HEAD":                       {method: "HEAD", target: "/api/releases"},
		"OPTIONS":                    {method: "OPTIONS", target: "/api/releases"},
		"DELETE":                     {method: "DELETE", target: "/api/releases/x"},
		"a method of its own":        {method: "PURGE", target: "/api/releases/x"},
		"empty POST":                 {method: "POST", target: "/api/releases"},
		"JSON":                       {method: "POST", target: "/api/releases", body: []byte(`{"name":"ö 一 😀 <&> \u2028"}`), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}},
		"NUL and other controls":     {method: "POST", target: "/api/releases", body: []byte("\x00\x01\x1f\x7f\r\n")},
		"binary":                     {method: "POST", target: "/api/releases", body: []byte{0xff, 0xfe, 0x00, 0x80}},
		"a megabyte":                 {method: "POST", target: "/api/releases", body: bytes.Repeat([]byte("0123456789abcdef"), 1<<16)},
		"a binary megabyte":          {method: "POST", target: "/api/releases", body: bytes.Repeat([]byte{0xc3, 0x28, 0, 1}, 1<<18)},
		"commas in headers":          {method: "GET", target: "/", header: http.Header{"If-Match": {`"a,b", W/"c,d"`}, "Date": {"Mon, 23 Nov 2026 12:00:00 GMT"}, "Idempotency-Key": {"k,1"}}},
		"repeated headers":           {method: "GET", target: "/", header: http.Header{"If-None-Match": {`"a,1"`, `"b"`}, "Accept": {"text/html, */*;q=0.1", "application/json"}, "X-Forwarded-For": {"192.0.2.1", "192.0.2.2, 192.0.2.3"}}},
		"empty header":               {method: "GET", target: "/", header: http.Header{"X-Empty": {""}, "X-Some": {"", "a", ""}}},
		"unicode header":             {method: "GET", target: "/", header: http.Header{"X-Name": {"Ærøskøbing 一"}}},
		"cookies":                    {method: "GET", target: "/", header: http.Header{"Cookie": {"a=1; b=2", "c=3"}}},
		"a request id of the client": {method: "GET", target: "/", header: http.Header{"X-Request-Id": {"mine", "mine too"}}},
		"a user agent":               {method: "GET", target: "/", header: http.Header{"User-Agent": {"curl/8.0, really"}}},
	}
	plain, lambda := plainServer(t, http.HandlerFunc(echo)), gateway(t, http.HandlerFunc(echo), nil)
	for name, s := range requests {
		t.Run(name, func(t *testing.T) {
			same(t, ask(t, plain.URL, s.request(t)), ask(t, lambda.URL, s.request(t)), false)
		})
	}
}

// Other makers of events differ: sam local decodes paths, hand-written ones carry each header once.
func TestAPIHandler_EventsOfOtherMakers_AreUnderstood(t *testing.T) {
	s := sent{method: "GET", target: "/api/releases/a%20b%C3%A9?x=1%202", header: http.Header{"If-Match": {`"a,b"`}}}
	for name, change := range map[string]func(*events.APIGatewayProxyRequest){
		"decoded path": func(e *events.APIGatewayProxyRequest) {
			e.Path, _ = url.PathUnescape(e.Path)
		},
		"no multi-value maps": func(e *events.APIGatewayProxyRequest) {
			e.MultiValueHeaders, e.MultiValueQueryStringParameters = nil, nil
		},
		"empty multi-value maps": func(e *events.APIGatewayProxyRequest) {
			e.MultiValueHeaders, e.MultiValueQueryStringParameters = map[string][]string{}, map[string][]string{}
		},
		"no single-value maps": func(e *events.APIGatewayProxyRequest) {
			e.Headers, e.QueryStringParameters = nil, nil
		},
		"base64 though it need not be": func(e *events.APIGatewayProxyRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
		},
		"no host header": func(e *events.APIGatewayProxyRequest) {
			delete(e.Headers, "Host")
			delete(e.MultiValueHeaders, "Host")
			e.RequestContext.DomainName = "releases.example"
		},
		"lower-case method": func(e *events.APIGatewayProxyRequest) { e.HTTPMethod = "get" },
		"a base path mapping": func(e *events.APIGatewayProxyRequest) {
			e.Resource, e.Path = "/api/releases/{id}", "/mounted/here"+e.Path
		},
		"a resource of its own": func(e *events.APIGatewayProxyRequest) { e.Resource = "/api/releases/{id}" },
	} {
		t.Run(name, func(t *testing.T) {
			plain, lambda := plainServer(t, http.HandlerFunc(echo)), gateway(t, http.HandlerFunc(echo), change)
			same(t, ask(t, plain.URL, s.request(t)), ask(t, lambda.URL, s.request(t)), false)
		})
	}
}

// FuzzPath: whatever stands in an event's path reaches the handler as a path, whole.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"/", "", "//x", "/a%2Fb", "%2F", "/a%", "/a%zz", "/a?b#c", "/é \x00\xff", "x://y", "/a%25"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, err := request(context.Background(), events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		want, err := url.PathUnescape(path)
		if err != nil {
			want, _ = url.PathUnescape(escaped(path)) // broken escapes are literal
		}
		if r.URL.Path != want || r.URL.RawQuery != "" || r.URL.Fragment != "" || r.URL.IsAbs() {
			t.Fatalf("%q became %q, query %q, fragment %q", path, r.URL.Path, r.URL.RawQuery, r.URL.Fragment)
		}
	})
}
