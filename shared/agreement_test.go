package arrows_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/host"
	"example.com/releases/shared/identity"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/apidocs"
	"example.com/releases/shared/trustcenter"
)

// The template's routes and the table that serves them are one list.
func TestTemplate_Routes_AreTheSame(t *testing.T) {
	var wired, served []string
	for _, f := range load(t).Functions {
		for _, r := range f.Routes {
			if strings.HasPrefix(r.Path, rest.Base+"/") && r.Method != http.MethodOptions {
				wired = append(wired, f.Name+": "+r.Method+" "+r.Path)
			}
		}
	}
	for _, r := range rest.Routes() {
		for _, method := range r.Methods() {
			served = append(served, string(r.Operation)+": "+method+" "+rest.Base+r.Path)
		}
	}
	differ(t, "template.yaml", wired, "rest.Routes", served)
}

// What a handler answers and what the template lets through are the same methods, HEAD
// among them wherever GET is (RFC 9110, 9.1): API Gateway has no HEAD of its own accord.
func TestTemplateAndHandlers_Methods_Agree(t *testing.T) {
	published := func(context.Context, time.Time, time.Time) ([]release.Published, error) {
		return []release.Published{{ID: "X-1", Status: release.Scheduled}}, nil
	}
	handlers := map[string]http.Handler{
		"api-docs":         apidocs.Handler(""),
		"answer-preflight": rest.Preflight(nil),
		"trust-center":     trustcenter.Handler(published, trustcenter.Options{On: true, Zone: "UTC"}),
		"mcp":              mcptools.Handler(nil, mcptools.Config{PublicURL: "https://releases.example", Issuer: "https://issuer.example"}),
	}
	for _, r := range rest.Routes() {
		handlers[string(r.Operation)] = rest.Handler(nil, r)
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	concrete := strings.NewReplacer("{code}", "not-found", "{id}", "X-1", "{plan}", "rollout", "{order}", "1")
	for _, f := range load(t).Functions {
		wired := map[string][]string{}
		for _, r := range f.Routes {
			wired[r.Path] = append(wired[r.Path], r.Method)
		}
		for path, through := range wired {
			if slices.Contains(through, http.MethodGet) && !slices.Contains(through, http.MethodHead) {
				t.Errorf("%s: GET %s without HEAD", f.Name, path)
			}
			if f.Name == "answer-preflight" {
				continue // it answers whatever it is asked, and is asked with OPTIONS only
			}
			var answered []string
			for _, method := range methods {
				w := httptest.NewRecorder()
				handlers[f.Name].ServeHTTP(w, httptest.NewRequest(method, "https://releases.example"+concrete.Replace(path), nil))
				refused := w.Code == http.StatusNotFound || w.Code == http.StatusMethodNotAllowed
				if !refused || path == mcptools.Path && slices.Contains(notServed, method) && w.Code == http.StatusMethodNotAllowed {
					answered = append(answered, method)
				}
			}
			differ(t, "template.yaml at "+path, through, f.Name, answered)
		}
	}
}

// notServed are the methods of /mcp that are let through to be told that they are not
// served, with a 405, as the protocol asks.
var notServed = []string{http.MethodGet, http.MethodHead, http.MethodDelete}

// A page of another origin may ask before it calls, at every path and without a token.
func TestTemplate_EveryPath_AnswersPreflights(t *testing.T) {
	var asked, paths []string
	for _, f := range load(t).Functions {
		for _, r := range f.Routes {
			if r.Method == http.MethodOptions {
				if f.Name == "mcp" && r.Authorizer == "" {
					continue // its headers are the protocol's; a test beside it holds them
				}
				asked = append(asked, r.Path)
				if f.Name != "answer-preflight" || r.Authorizer != "" {
					t.Errorf("OPTIONS %s is answered by %s, asking %q", r.Path, f.Name, r.Authorizer)
				}
			}
		}
	}
	for _, r := range rest.Routes() {
		paths = append(paths, rest.Base+r.Path)
	}
	differ(t, "template.yaml", asked, "rest.Routes", paths)
}

// API Gateway's own answers use the codes of the registry, with their titles and status.
func TestTemplate_GatewayAnswers_AreRegistered(t *testing.T) {
	answers := load(t).API.GatewayResponses
	if len(answers) == 0 {
		t.Fatal("API Gateway has no answers of its own")
	}
	for kind, answer := range answers {
		var p rest.Problem
		// What the authorizer says fills these in; a test beside the registry holds its words.
		body := strings.NewReplacer("$context.authorizer.code", "token-invalid", "$context.authorizer.detail", "…").Replace(answer.Templates["application/json"])
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		known := false
		for _, c := range rest.Codes {
			if c.Example.Code != p.Code {
				continue
			}
			known = true
			if p.Title != c.Title || p.Type != "/problems/"+p.Code || p.Status != answer.StatusCode || p.Status != rest.Status(c.Example.Kind) || p.Detail == "" {
				t.Errorf("%s answers %d with %+v; the registry has %q and %d", kind, answer.StatusCode, p, c.Title, rest.Status(c.Example.Kind))
			}
		}
		if !known {
			t.Errorf("%s has the code %q, which is not in the registry", kind, p.Code)
		}
	}
}

// What the gateway answers where there is no token, and where the token is bad, is what the
// function would say (RFC 6750, 3; RFC 9728, 5.1): whatever of it is configured, and no more.
func TestGatewayAnswers_Challenge_IsTheFunctions(t *testing.T) {
	const publicURL = "https://abc.execute-api.eu-central-1.amazonaws.com/live"
	for _, c := range []mcptools.Config{
		{},
		{PublicURL: publicURL},
		{Scopes: []string{"openid"}},
		{PublicURL: publicURL, Scopes: []string{"api://8d0c7d0e/Releases.Use", "offline_access"}},
	} {
		tmpl, err := template.Load("../template.yaml", map[string]string{"PublicUrl": c.PublicURL, "TokenScopes": strings.Join(c.Scopes, " ")})
		if err != nil {
			t.Fatal(err)
		}
		const scheme = `Bearer realm="releases"`
		for kind, parameter := range map[string]string{"UNAUTHORIZED": "", "ACCESS_DENIED": `, error="invalid_token"`} {
			want := scheme + parameter + strings.TrimPrefix(c.Challenge(), scheme)
			if got := tmpl.API.GatewayResponses[kind].Headers["WWW-Authenticate"]; got != want {
				t.Errorf("%s with %+v:\n%s, want\n%s", kind, c, got, want)
			}
		}
		mcp := slices.IndexFunc(tmpl.Functions, func(f template.Function) bool { return f.Name == "mcp" })
		if named := tmpl.Functions[mcp].Environment["TOKEN_SCOPES"]; named != strings.Join(c.Scopes, " ") {
			t.Errorf("the function is told %q", named)
		}
	}
	// What would end the header's value, or the quoted string in it, is refused.
	for _, scopes := range []string{"a'b", `a"b`, `a\b`, "a,b", "a  b", " a", "a\tb"} {
		if _, err := template.Load("../template.yaml", map[string]string{"TokenScopes": scopes}); err == nil {
			t.Errorf("the scopes %q are taken", scopes)
		}
	}
}

// The types of problems are below the public URL, whatever stage or path it has.
func TestGatewayAnswers_TypeOfAProblem_IsBelowThePublicURL(t *testing.T) {
	const publicURL = "https://abc.execute-api.eu-central-1.amazonaws.com/live"
	tmpl, err := template.Load("../template.yaml", map[string]string{"PublicUrl": publicURL})
	if err != nil {
		t.Fatal(err)
	}
	for kind, answer := range tmpl.API.GatewayResponses {
		if body := answer.Templates["application/json"]; !strings.HasPrefix(body, `{"type":"`+publicURL+`/problems/`) {
			t.Errorf("%s: %s", kind, body)
		}
	}
}

// Each function has a payload to try it with, which is of the kind that wakes it.
func TestTemplate_EveryFunction_HasItsEvent(t *testing.T) {
	files, err := filepath.Glob("../events/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var functions, payloads []string
	text := make(map[string][]byte)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		payloads = append(payloads, name)
		if text[name], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range load(t).Functions {
		functions = append(functions, f.Name)
		if text[f.Name] == nil {
			continue // told below
		}
		var event struct {
			HTTPMethod, Resource string
			Records              []struct{ EventSource, EventSourceARN string }
		}
		if err := json.Unmarshal(text[f.Name], &event); err != nil {
			t.Errorf("events/%s.json: %v", f.Name, err)
			continue
		}
		for _, r := range f.Routes {
			if len(f.Routes) == 1 && (event.HTTPMethod != r.Method || event.Resource != r.Path) {
				t.Errorf("events/%s.json is for %s %s, the function for %s %s", f.Name, event.HTTPMethod, event.Resource, r.Method, r.Path)
			}
		}
		if len(f.Streams) > 0 && len(event.Records) == 0 {
			t.Errorf("events/%s.json has no records", f.Name)
		}
		for _, r := range event.Records {
			if len(f.Streams) > 0 && r.EventSource != "aws:dynamodb" {
				t.Errorf("events/%s.json has a record of %q", f.Name, r.EventSource)
			}
		}
	}
	differ(t, "template.yaml", functions, "events/", payloads)
}

// The authorizer's payload carries no token of anybody's, so that the answer is a Deny
// for the whole stage: what API Gateway turns into a 401.
func TestAuthorizer_ExampleEvent_IsRefused(t *testing.T) {
	text, err := os.ReadFile("../events/authorize.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.APIGatewayCustomAuthorizerRequestTypeRequest
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	verifier := identity.New(identity.Config{Issuer: "https://issuer.example", Audiences: []string{"releases"}, JWKSURL: "https://issuer.example/keys"})
	answer, err := host.Authorizer(verifier)(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	statements := answer.PolicyDocument.Statement
	if len(statements) != 1 || statements[0].Effect != "Deny" || !strings.HasSuffix(statements[0].Resource[0], "/live/*/*") {
		t.Errorf("the answer is %+v", answer)
	}
}
