package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

// echo is a function that answers with the event it got, as JSON in the body.
func echo(_ context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	body, err := json.Marshal(e)
	return events.APIGatewayProxyResponse{StatusCode: 201, MultiValueHeaders: map[string][]string{"Set-Cookie": {"a=1", "b=2"}}, Body: string(body)}, err
}

// guard is an authorizer: it lets the token "good" in, fails at "broken" and denies the others.
func guard(_ context.Context, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	effect := "Deny"
	switch e.Headers["Authorization"] {
	case "good":
		effect = "Allow"
	case "broken":
		return events.APIGatewayCustomAuthorizerResponse{}, errors.New("boom")
	}
	stage, _, _ := strings.Cut(e.MethodArn, "/GET/")
	stage, _, _ = strings.Cut(stage, "/POST/")
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: "ann",
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{Statement: []events.IAMPolicyStatement{
			{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{stage + "/*/*"}},
		}},
		Context: map[string]any{"role": "Admin", "level": 3, "detail": "too late"},
	}, nil
}

func answerWith(a events.APIGatewayProxyResponse) any {
	return func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return a, nil
	}
}

func serve(t *testing.T, binary ...string) *httptest.Server {
	t.Helper()
	routed := func(name string, routes ...template.Route) template.Function {
		return template.Function{LogicalID: "F" + name, Name: name, Routes: routes}
	}
	at := func(method, path, authorizer string) template.Route {
		return template.Route{Method: method, Path: path, Authorizer: authorizer}
	}
	tmpl := &template.Template{
		API: template.API{
			Stage: "live", BinaryMediaTypes: binary, Authorizers: []template.Authorizer{{Name: "Token", Function: "Fguard", Headers: []string{"Authorization"}}},
			GatewayResponses: map[string]template.GatewayResponse{
				"UNAUTHORIZED":                 {StatusCode: 401, Headers: map[string]string{"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"}, Templates: map[string]string{"application/json": `{"code":"none"}`}},
				"ACCESS_DENIED":                {StatusCode: 401, Templates: map[string]string{"application/json": `{"detail":"$context.authorizer.detail"}`}},
				"MISSING_AUTHENTICATION_TOKEN": {StatusCode: 404, Templates: map[string]string{"application/json": `{"id":"$context.requestId","why":$context.error.messageString}`}},
				"DEFAULT_5XX":                  {Templates: map[string]string{"application/json": `{"code":"internal"}`}},
			},
		},
		Functions: []template.Function{
			routed("guard"),
			routed("echo", at("GET", "/api/things/{id}", "Token"), at("POST", "/api/things/{id}", "Token"), at("GET", "/open/{rest+}", ""), at("ANY", "/any", "")),
			routed("fixed", at("GET", "/api/things/fixed", "Token")),
			routed("panics", at("GET", "/panics", "")), routed("hangs", at("GET", "/hangs", "")), routed("odd", at("GET", "/odd", "")),
			routed("challenge", at("GET", "/challenge", "")), routed("binary", at("GET", "/binary", "")), routed("large", at("GET", "/large", "")),
		},
	}
	fn := func(name string, handler any) invoke.Function {
		return invoke.InProcess(name, 50*time.Millisecond, handler)
	}
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	g, err := New(tmpl, map[string]invoke.Function{
		"guard": invoke.InProcess("guard", time.Minute, guard), "echo": invoke.InProcess("echo", time.Minute, echo),
		"fixed":  fn("fixed", answerWith(events.APIGatewayProxyResponse{StatusCode: 200, Body: "fixed", Headers: map[string]string{"Content-Type": "text/plain"}})),
		"panics": fn("panics", func(context.Context) (events.APIGatewayProxyResponse, error) { panic("boom") }),
		"hangs": fn("hangs", func(context.Context) (events.APIGatewayProxyResponse, error) {
			<-stop
			return events.APIGatewayProxyResponse{}, nil
		}),
		"odd": fn("odd", func(context.Context) (string, error) { return "odd", nil }),
		"challenge": fn("challenge", answerWith(events.APIGatewayProxyResponse{StatusCode: 401, Headers: map[string]string{
			"WWW-Authenticate": "Bearer", "content-length": "7", "Server": "x", "Retry-After": "1", "ETag": `"1"`,
		}, Body: "nothing"})),
		"binary": fn("binary", answerWith(events.APIGatewayProxyResponse{StatusCode: 200, Body: base64.StdEncoding.EncodeToString([]byte{0, 255}), IsBase64Encoded: true})),
		"large":  fn("large", answerWith(events.APIGatewayProxyResponse{StatusCode: 200, Body: strings.Repeat("x", invoke.MaxPayload)})),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return server
}

// send sends a request to the URL as it is written; headers are names and values in turn.
func send(t *testing.T, method, url string, body []byte, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestGateway_Request_IsAPIGatewaysEvent(t *testing.T) {
	server := serve(t)
	answer, body := send(t, "POST", server.URL+"/api/things/a%2Fb%20c?q=1&q=2&e=%C3%A9", []byte(`{"x":"é"}`), "Authorization", "good", "If-Match", `"1"`, "If-Match", `"2"`)
	if answer.StatusCode != 201 || strings.Join(answer.Header.Values("Set-Cookie"), ";") != "a=1;b=2" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s %v, want 201, two cookies and JSON", answer.Status, answer.Header)
	}
	var e events.APIGatewayProxyRequest
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	if e.Resource != "/api/things/{id}" || e.Path != "/api/things/a%2Fb%20c" || e.PathParameters["id"] != "a/b c" || e.HTTPMethod != "POST" || e.Body != `{"x":"é"}` || e.IsBase64Encoded {
		t.Errorf("got the event %s, want the resource, path, decoded parameter, method and body of the request", body)
	}
	if strings.Join(e.MultiValueQueryStringParameters["q"], ",") != "1,2" || e.QueryStringParameters["q"] != "2" || e.QueryStringParameters["e"] != "é" {
		t.Errorf("got the query %v and %v, want each value of q, and its last one", e.QueryStringParameters, e.MultiValueQueryStringParameters)
	}
	if strings.Join(e.MultiValueHeaders["If-Match"], ",") != `"1","2"` || e.Headers["If-Match"] != `"2"` || e.Headers["Host"] == "" || e.Headers["X-Forwarded-For"] != "127.0.0.1" {
		t.Errorf("got the headers %v, want both values of If-Match, the host, and where the request came from", e.MultiValueHeaders)
	}
	c := e.RequestContext
	if c.RequestID == "" || c.RequestID != answer.Header.Get("X-Amzn-Requestid") || c.Identity.SourceIP != "127.0.0.1" || c.Stage != "live" || c.Path != "/live"+e.Path || c.ResourcePath != e.Resource || c.RequestTimeEpoch == 0 {
		t.Errorf("got the context %+v, want the request's id, address, stage, paths and time", c)
	}
	if c.Authorizer["principalId"] != "ann" || c.Authorizer["role"] != "Admin" || c.Authorizer["level"] != "3" {
		t.Errorf("got the authorizer's context %v, want ann, Admin and 3 as a text", c.Authorizer)
	}
}

// API Gateway passes bytes that are not UTF-8 to a function only for the media types that the
// API lists as binary, and replaces them otherwise. So does the host: what works here must
// work on AWS.
func TestBody_NotText_IsLostUnlessItsTypeIsBinary(t *testing.T) {
	for _, c := range []struct {
		binary      []string
		contentType string
		body        string
		encoded     bool
	}{
		{nil, "application/json", "\ufffd\x00", false},
		{[]string{"*/*"}, "application/json; charset=utf-8", "/wA=", true},
		{[]string{"*/*"}, "", "/wA=", true},
		{[]string{"application/json"}, "Application/JSON;charset=utf-8", "/wA=", true},
		{[]string{"image/*"}, "image/png", "/wA=", true},
		{[]string{"image/*"}, "application/json", "\ufffd\x00", false},
	} {
		server := serve(t, c.binary...)
		_, body := send(t, "POST", server.URL+"/api/things/x", []byte{0xff, 0x00}, "Authorization", "good", "Content-Type", c.contentType)
		var e events.APIGatewayProxyRequest
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.IsBase64Encoded != c.encoded || e.Body != c.body || e.QueryStringParameters != nil {
			t.Errorf("binary types %v, content type %q: got %s, want the body %q, encoded: %v", c.binary, c.contentType, body, c.body, c.encoded)
		}
	}
}

func TestGateway_ByItself_AnswersProblems(t *testing.T) {
	server := serve(t)
	for _, c := range []struct {
		method, path, token string
		status              int
		body                string
	}{
		{"GET", "/api/things/1", "", 401, `{"code":"none"}`},
		{"GET", "/api/things/1", "bad", 401, `{"detail":"too late"}`},
		{"GET", "/api/things/1", "broken", 500, `{"code":"internal"}`},
		{"GET", "/api/things/fixed", "good", 200, "fixed"},
		{"GET", "/nothing", "good", 404, `"why":"Missing Authentication Token"`},
		{"DELETE", "/api/things/1", "good", 404, `"why":"Missing Authentication Token"`},
		{"GET", "/api/things/", "good", 404, ""},
		{"GET", "/api/things/1/2", "good", 404, ""},
		{"GET", "/open/a?x=%FC", "", 400, ""},
		{"GET", "/open/a?%FC=x", "", 400, ""},
		{"GET", "/open/a?x=%zz", "", 400, ""},
		{"GET", "/open/a?x=a|b", "", 400, ""},
		{"GET", "/open/a?x={}", "", 400, ""},
		{"GET", "/open/a?x=%7C%EF%BF%BD", "", 201, `"x":"|�"`},
		{"GET", "/open/a?x=1;y=2", "", 201, `{"x":"1","y":"2"}`},
		{"GET", "/api/things/1/", "good", 201, `"path":"/api/things/1/"`}, // the function sees the slash
		{"GET", "/api/things/1//", "good", 404, ""},
		{"HEAD", "/api/things/1", "good", 404, ""},
		{"OPTIONS", "/api/things/1", "", 404, ""},
		{"GET", "/open/a/b", "", 201, `"pathParameters":{"rest":"a/b"}`},
		{"PUT", "/any", "", 201, `"httpMethod":"PUT"`},
		{"GET", "/panics", "", 502, `{"code":"internal"}`},
		{"GET", "/hangs", "", 502, `{"code":"internal"}`},
		{"GET", "/odd", "", 502, `{"code":"internal"}`},
		{"GET", "/large", "", 502, `{"code":"internal"}`},
		{"GET", "/binary", "", 200, "\x00\xff"},
	} {
		var headers []string
		if c.token != "" {
			headers = []string{"Authorization", c.token}
		}
		answer, body := send(t, c.method, server.URL+c.path, nil, headers...)
		if answer.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s as %q: got %s %s, want %d with %q", c.method, c.path, c.token, answer.Status, body, c.status, c.body)
		}
	}
	answer, _ := send(t, "GET", server.URL+"/api/things/1", nil)
	if answer.Header.Get("WWW-Authenticate") != "Bearer" || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("401 with the headers %v, want those of the template", answer.Header)
	}
}

// API Gateway renames response headers that it reserves, such as WWW-Authenticate: clients get
// them with the prefix X-Amzn-Remapped-, or not at all.
func TestHeaders_OfFunctions_AreRemapped(t *testing.T) {
	answer, body := send(t, "GET", serve(t).URL+"/challenge", nil)
	h := answer.Header
	if h.Get("WWW-Authenticate") != "" || h.Get("Server") != "" || h.Get("X-Amzn-Remapped-Www-Authenticate") != "Bearer" || h.Get("X-Amzn-Remapped-Content-Length") != "7" {
		t.Errorf("got the headers %v, want those that are reserved renamed", h)
	}
	if h.Get("Retry-After") != "1" || h.Get("ETag") != `"1"` || body != "nothing" {
		t.Errorf("got %v and %q, want the other headers and the body as they were", h, body)
	}
}

func TestGateway_LargeBody_Refused(t *testing.T) {
	server := serve(t)
	for _, c := range []struct{ size, status int }{
		{invoke.MaxPayload + 1, 413}, // over Lambda's bound
		{maxBody + 1, 413},           // over API Gateway's
		{1 << 20, 201},
	} {
		answer, body := send(t, "POST", server.URL+"/api/things/1", bytes.Repeat([]byte("x"), c.size), "Authorization", "good")
		if answer.StatusCode != c.status {
			t.Errorf("%d bytes: %s %.200s, want %d", c.size, answer.Status, body, c.status)
		}
	}
}

func TestGateway_FunctionMissing_DoesNotStart(t *testing.T) {
	_, err := New(&template.Template{
		API:       template.API{Authorizers: []template.Authorizer{{Name: "Token", Function: "Gone"}}},
		Functions: []template.Function{{Name: "absent", Routes: []template.Route{{Method: "GET", Path: "/x"}}}},
	}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "absent") || !strings.Contains(err.Error(), "Gone") {
		t.Errorf("got %v, want an error that names the function and the authorizer that are missing", err)
	}
}

func TestGateway_Policies_AllowOrDeny(t *testing.T) {
	statement := func(effect, action, resource string) events.IAMPolicyStatement {
		return events.IAMPolicyStatement{Effect: effect, Action: []string{action}, Resource: []string{resource}}
	}
	const method = "arn:aws:execute-api:local:0:a/live/GET/api/x"
	for _, c := range []struct {
		statements []events.IAMPolicyStatement
		allowed    bool
	}{
		{nil, false},
		{[]events.IAMPolicyStatement{statement("Allow", "execute-api:Invoke", "arn:aws:execute-api:local:0:a/live/*/*")}, true},
		{[]events.IAMPolicyStatement{statement("Allow", "*", "*")}, true},
		{[]events.IAMPolicyStatement{statement("Allow", "execute-api:Invoke", "arn:aws:execute-api:local:0:a/live/GET/api/y")}, false},
		{[]events.IAMPolicyStatement{statement("Allow", "lambda:Invoke", "*")}, false},
		{[]events.IAMPolicyStatement{statement("Allow", "*", "*"), statement("Deny", "execute-api:*", "*/GET/*")}, false},
	} {
		if got := allows(events.APIGatewayCustomAuthorizerPolicy{Statement: c.statements}, method); got != c.allowed {
			t.Errorf("%+v: allowed: %v, want %v", c.statements, got, c.allowed)
		}
	}
}
