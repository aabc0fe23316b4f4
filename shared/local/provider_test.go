package local

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"example.com/releases/shared/local/tokens"
)

// The host can be told to accept the tokens of another identity provider: then those are
// accepted, with that provider's names of claims, agents are told its issuer and scopes, and
// the host's own tokens are refused.
func TestStart_AnotherIdentityProvider_GivesTheTokens(t *testing.T) {
	var other *tokens.Issuer
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(other.JWKS())
	}))
	t.Cleanup(keys.Close)
	other, err := tokens.New(tokens.Settings{URL: "https://pool.example", Audience: "the app", AudienceClaim: "client_id", RolesClaim: "cognito:groups"})
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, Options{Settings: map[string]string{
		"TOKEN_ISSUER": "https://pool.example", "JWKS_URL": keys.URL, "TOKEN_AUDIENCE": "portal, the app",
		"AUDIENCE_CLAIM": "client_id", "ROLES_CLAIM": "cognito:groups", "TOKEN_SCOPES": "openid releases/use",
	}})
	list := func(token string) (int, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.BaseURL+"/api/releases", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode, res.Header
	}
	theirs, err := other.Mint(tokens.Holder{Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := h.Tokens.Mint(tokens.Holder{Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := list(theirs); status != http.StatusOK {
		t.Errorf("the provider's token: %d, want 200", status)
	}
	for name, token := range map[string]string{"none": "", "of this host": ours} {
		status, header := list(token)
		if status != http.StatusUnauthorized || !strings.Contains(header.Get("WWW-Authenticate"), `scope="openid releases/use"`) {
			t.Errorf("token %s: %d %v, want 401 with the scopes in WWW-Authenticate", name, status, header)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.BaseURL+"/.well-known/oauth-protected-resource/mcp", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, document := fetch(t, r)
	metadata, err := json.Marshal(document)
	if err != nil || !bytes.Contains(metadata, []byte(`"authorization_servers":["https://pool.example"]`)) || !bytes.Contains(metadata, []byte(`"scopes_supported":["openid","releases/use"]`)) {
		t.Errorf("got the metadata %s and %v, want the provider's issuer and both scopes", metadata, err)
	}

	var out bytes.Buffer
	h.welcome(&out, "run.json", kept("", ""))
	if !strings.Contains(out.String(), "Tokens come from https://pool.example") || strings.Contains(out.String(), tokens.TokenPath) {
		t.Errorf("the welcome offers tokens that are refused:\n%s", out.String())
	}
	path := t.TempDir() + "/run.json"
	if _, err := h.writeRunFile(path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte(`"tokens": {}`)) {
		t.Errorf("the run file offers tokens that are refused: %s, %v", text, err)
	}
}

func TestCommandLine_HalfAnIdentityProvider_IsRefused(t *testing.T) {
	for _, name := range append([]string{"PORT", "RELEASES_DATA", "DYNAMODB_ENDPOINT"}, settable...) {
		t.Setenv(name, "")
	}
	t.Setenv("TOKEN_ISSUER", "https://pool.example")
	t.Setenv("TOKEN_AUDIENCE", "the app")
	if _, err := parse(nil, ""); err == nil || !strings.Contains(err.Error(), "JWKS_URL") {
		t.Errorf("an issuer without its keys: got %v, want an error that names JWKS_URL", err)
	}
	t.Setenv("JWKS_URL", "https://pool.example/keys")
	if _, err := parse(nil, ""); err != nil {
		t.Error(err)
	}
}
