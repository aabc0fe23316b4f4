package gateway

import (
	"context"
	"errors"
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

var quietLog = slog.New(slog.DiscardHandler)

// asked is an authorizer that counts how often it is asked. Its policy is about methods; it
// denies the token "bad" and fails at "broken".
type asked struct {
	times   int
	methods string
}

func (a *asked) handle(_ context.Context, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	a.times++
	effect := "Allow"
	switch e.Headers["Authorization"] {
	case "bad":
		effect = "Deny"
	case "broken":
		return events.APIGatewayCustomAuthorizerResponse{}, errors.New("boom")
	}
	return events.APIGatewayCustomAuthorizerResponse{PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
		Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{a.methods}}},
	}}, nil
}

func TestAuthorizer_SameToken_AskedOnceAMinute(t *testing.T) {
	a := &asked{methods: "*"}
	now := time.Now()
	call := gatewayWith(t, a, time.Minute, &now)
	for _, tt := range []struct {
		name, method, path, token string
		later                     time.Duration
		status, asked             int
	}{
		{"the first time", "GET", "/a", "good", 0, 200, 1},
		{"another path", "GET", "/b", "good", 0, 200, 1},
		{"another method", "POST", "/a", "good", 0, 200, 1},
		{"another token", "GET", "/a", "better", 0, 200, 2},
		{"a bad one", "GET", "/a", "bad", 0, 403, 3},
		{"a Deny is remembered too", "GET", "/b", "bad", 0, 403, 3},
		{"a failure", "GET", "/a", "broken", 0, 500, 4},
		{"a failure is not remembered", "GET", "/a", "broken", 0, 500, 5},
		{"no token", "GET", "/a", "", 0, 401, 5},
		{"not yet over", "GET", "/a", "good", 59 * time.Second, 200, 5},
		{"a minute later", "GET", "/a", "good", 2 * time.Second, 200, 6},
	} {
		now = now.Add(tt.later)
		if status := call(tt.method, tt.path, tt.token); status != tt.status || a.times != tt.asked {
			t.Errorf("%s: got %d and %d questions so far, want %d and %d", tt.name, status, a.times, tt.status, tt.asked)
		}
	}
}

// The cache keeps the policy for a token, whatever the method: one that allows only the method
// it was asked about shuts the caller out of the next. Hence the product's policy names the
// whole API.
func TestAuthorizer_PolicyOfOneMethod_ShutsTheOthers(t *testing.T) {
	a := &asked{methods: "*/GET/a"}
	now := time.Now()
	call := gatewayWith(t, a, time.Minute, &now)
	if one, other := call("GET", "/a", "good"), call("GET", "/b", "good"); one != 200 || other != 403 {
		t.Errorf("got %d, then %d for another method; want 200, then 403", one, other)
	}
}

func TestAuthorizer_NoTTL_AskedAlways(t *testing.T) {
	a := &asked{methods: "*"}
	now := time.Now()
	call := gatewayWith(t, a, 0, &now)
	call("GET", "/a", "good")
	call("GET", "/a", "good")
	if a.times != 2 {
		t.Errorf("asked %d times, want 2", a.times)
	}
}

// gatewayWith starts a gateway with two paths behind the authorizer. The function that it
// returns sends a request and returns its status.
func gatewayWith(t *testing.T, a *asked, cacheFor time.Duration, now *time.Time) func(method, path, token string) int {
	t.Helper()
	tmpl := &template.Template{
		API: template.API{Stage: "live", Authorizers: []template.Authorizer{{Name: "Token", Function: "Fguard", Headers: []string{"Authorization"}, CacheFor: cacheFor}}},
		Functions: []template.Function{{LogicalID: "Fguard", Name: "guard"}, {LogicalID: "Fecho", Name: "echo", Routes: []template.Route{
			{Method: "GET", Path: "/a", Authorizer: "Token"}, {Method: "POST", Path: "/a", Authorizer: "Token"}, {Method: "GET", Path: "/b", Authorizer: "Token"},
		}}},
	}
	g, err := New(tmpl, map[string]invoke.Function{
		"guard": invoke.InProcess("guard", time.Minute, a.handle),
		"echo":  invoke.InProcess("echo", time.Minute, answerWith(events.APIGatewayProxyResponse{StatusCode: 200})),
	}, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	g.now = func() time.Time { return *now }
	return func(method, path, token string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		if token != "" {
			r.Header.Set("Authorization", token)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
}

func TestHeaders_Over10240Bytes_Refused(t *testing.T) {
	server := serve(t)
	for size, want := range map[int]int{9_000: http.StatusCreated, 10_240: http.StatusRequestEntityTooLarge} {
		answer, body := send(t, "GET", server.URL+"/open/x", nil, "X-Long", strings.Repeat("x", size/2), "X-Longer", strings.Repeat("x", size/2))
		if answer.StatusCode != want {
			t.Errorf("%d bytes of headers: %s %s, want %d", size, answer.Status, body, want)
		}
	}
	if answer, _ := send(t, "GET", server.URL+"/open/"+strings.Repeat("x", maxHeaders), nil); answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long path: %s, want 413", answer.Status)
	}
}

func TestFunction_Over29Seconds_504(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	slow := within(10*time.Millisecond, func(context.Context, []byte) ([]byte, error) { <-stop; return nil, nil })
	if _, err := slow(t.Context(), nil); !errors.Is(err, errIntegrationTimeout) {
		t.Errorf("a function that hangs: got %v, want %v", err, errIntegrationTimeout)
	}
	g := &Gateway{log: quietLog}
	w := httptest.NewRecorder()
	g.fail(w, &call{r: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)}, "f", errIntegrationTimeout)
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("got %d, want 504", w.Code)
	}
}
