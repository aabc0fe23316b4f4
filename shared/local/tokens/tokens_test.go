package tokens_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/releases/shared/identity"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/release"
)

// serve starts an issuer whose URL is where it is served, and the product's own
// verifier of what it signs.
func serve(t *testing.T, audienceClaim, rolesClaim string) (string, *identity.Verifier) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	issuer, err := tokens.New(tokens.Settings{URL: server.URL, Audience: "releases", AudienceClaim: audienceClaim, RolesClaim: rolesClaim})
	if err != nil {
		t.Fatal(err)
	}
	handler = issuer.Handler()
	return server.URL, identity.New(identity.Config{
		Issuer: server.URL, Audiences: []string{"releases"}, AudienceClaim: audienceClaim, RolesClaim: rolesClaim, JWKSURL: server.URL + tokens.KeysPath,
	})
}

func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
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
	return answer.StatusCode, string(body)
}

func TestTokens_Minted_AreTakenByTheVerifier(t *testing.T) {
	for _, claims := range [][2]string{{"aud", "roles"}, {"client_id", "cognito:groups"}, {"aud", "realm_access.roles"}} {
		url, verifier := serve(t, claims[0], claims[1])
		for query, want := range map[string]release.Caller{
			"?role=viewer":                          {Person: release.Person{Subject: "local|viewer@example.com", Name: "Viewer", Email: "viewer@example.com", EmailVerified: true}, Role: release.Viewer},
			"?role=Admin&email=ann.lee@example.com": {Person: release.Person{Subject: "local|ann.lee@example.com", Name: "Ann Lee", Email: "ann.lee@example.com", EmailVerified: true}, Role: release.Admin},
			"?role=auditor&name=Zoë":                {Person: release.Person{Subject: "local|auditor@example.com", Name: "Zoë", Email: "auditor@example.com", EmailVerified: true}, Role: release.Auditor},
			"?email=bob@example.com&verified=false": {Person: release.Person{Subject: "local|bob@example.com", Name: "Bob", Email: "bob@example.com"}},
			"":                                      {Person: release.Person{Subject: "local|requester@example.com", Name: "Requester", Email: "requester@example.com", EmailVerified: true}},
		} {
			status, token := get(t, url+tokens.TokenPath+query, "*/*")
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s, want a token", query, status, token)
			}
			got, err := verifier.Verify(t.Context(), strings.TrimSuffix(token, "\n"))
			if err != nil || got != want {
				t.Errorf("claims %v, %s: got %+v and %v, want %+v", claims, query, got, err, want)
			}
		}
		_, expired := get(t, url+tokens.TokenPath+"?role=admin&life=-2h", "")
		if _, err := verifier.Verify(t.Context(), strings.TrimSpace(expired)); err == nil {
			t.Error("an expired token was accepted")
		}
	}
}

func TestTokens_EachProvidersForm_IsTaken(t *testing.T) {
	url, _ := serve(t, "", "")
	_, body := get(t, url+tokens.TokenPath+"?role=admin", "application/json")
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || strings.Count(answer.Token, ".") != 2 {
		t.Errorf("as JSON: %s, want a token of three parts", body)
	}
	if _, body := get(t, url+tokens.TokenPath, "text/html,*/*"); !strings.Contains(body, "<table>") || strings.Count(body, "eyJ") < 4 {
		t.Errorf("as a page: %s, want a table of at least four tokens", body)
	}
	for _, query := range []string{"?role=root", "?email=nobody", "?life=long", "?email=Ann%20<ann@example.com>"} {
		if status, body := get(t, url+tokens.TokenPath+query, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want 400", query, status, body)
		}
	}
	status, body := get(t, url+tokens.ConfigPath, "")
	if status != http.StatusOK || !strings.Contains(body, `"issuer":"`+url+`"`) || !strings.Contains(body, tokens.KeysPath) {
		t.Errorf("the configuration is %d %s, want the issuer and where its keys are", status, body)
	}
}

func TestTokens_OtherKindsThanAccess_AreRefused(t *testing.T) {
	url, verifier := serve(t, "", "")
	accepted := map[string]bool{"access": true, "untyped": true, "at+jwt": true}
	if len(tokens.Kinds()) <= len(accepted) {
		t.Fatalf("the kinds are %v, want some that are refused among them", tokens.Kinds())
	}
	for _, kind := range tokens.Kinds() {
		status, token := get(t, url+tokens.TokenPath+"?role=admin&kind="+strings.ReplaceAll(kind, "+", "%2B"), "")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s, want a token", kind, status, token)
		}
		if _, err := verifier.Verify(t.Context(), strings.TrimSpace(token)); (err == nil) != accepted[kind] {
			t.Errorf("%s: got %v, want it accepted: %v", kind, err, accepted[kind])
		}
	}
	if status, body := get(t, url+tokens.TokenPath+"?kind=paper", ""); status != http.StatusBadRequest || !strings.Contains(body, "logout") {
		t.Errorf("an unknown kind: %d %s, want 400 with the kinds there are", status, body)
	}
}

func TestJWKS_HoldsWhatReadersHaveToSkip(t *testing.T) {
	url, _ := serve(t, "", "")
	_, body := get(t, url+tokens.KeysPath, "")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	malformed, others := 0, 0
	for _, key := range set.Keys {
		if _, ok := key["kid"].(string); !ok {
			malformed++
		}
		if key["kty"] != "EC" || key["use"] != "sig" {
			others++
		}
	}
	if malformed == 0 || others < 3 || len(set.Keys) != others+1 {
		t.Errorf("the set is cleaner than those of real issuers: %s", body)
	}
}

func TestRotate_TokensOfTheKeyBefore_StayGoodUntilTheNext(t *testing.T) {
	url, _ := serve(t, "", "")
	mint := func() string {
		_, token := get(t, url+tokens.TokenPath+"?role=admin", "")
		return strings.TrimSpace(token)
	}
	rotate := func() {
		answer, err := http.Post(url+tokens.RotatePath, "", nil)
		if err != nil || answer.StatusCode != http.StatusNoContent {
			t.Fatalf("rotating: got %v and %v, want 204", err, answer)
		}
		_ = answer.Body.Close()
	}
	good := func(token string) bool {
		// A verifier of its own, which has no key in its cache.
		v := identity.New(identity.Config{Issuer: url, Audiences: []string{"releases"}, JWKSURL: url + tokens.KeysPath})
		_, err := v.Verify(t.Context(), token)
		return err == nil
	}
	first := mint()
	rotate()
	second := mint()
	if !good(first) || !good(second) {
		t.Errorf("after one rotation the first token is good: %v, the second: %v; want both", good(first), good(second))
	}
	rotate()
	if good(first) || !good(second) || !good(mint()) {
		t.Errorf("after two rotations the first token is good: %v, the second: %v; want the second and a new one only", good(first), good(second))
	}
}
