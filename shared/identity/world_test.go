package identity

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/release"
)

// What issuers and their neighbours really send. These tests are named after the kinds of
// public reports that they come from.

func TestVerify_ClaimIsOneValueOrAList_ComparedWhole(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	for name, tt := range map[string]struct {
		config func(*Config)
		claim  string
		value  any
		role   release.Role
		reason Reason
	}{
		"a group with a space in its name":      {nil, "roles", "Helpdesk Admin", release.NoRole, ""},
		"a group with a comma in its name":      {nil, "roles", "Sales,Admin", release.NoRole, ""},
		"groups in a list, one with a space":    {nil, "roles", []any{"Helpdesk Admin", "Viewer"}, release.Viewer, ""},
		"a line break is no separator":          {nil, "roles", "Helpdesk\nAdmin", release.NoRole, ""},
		"one role":                              {nil, "roles", "Auditor", release.Auditor, ""},
		"groups of Cognito":                     {func(c *Config) { c.RolesClaim = "cognito:groups" }, "cognito:groups", "Ops Admin", release.NoRole, ""},
		"scope":                                 {func(c *Config) { c.RolesClaim = "scope" }, "scope", "openid admin profile", release.Admin, ""},
		"scp of Entra ID":                       {func(c *Config) { c.RolesClaim = "scp" }, "scp", "User.Read Auditor", release.Auditor, ""},
		"scp of Okta, a list":                   {func(c *Config) { c.RolesClaim = "scp" }, "scp", []any{"openid", "Viewer"}, release.Viewer, ""},
		"a list of scopes is compared whole":    {func(c *Config) { c.RolesClaim = "scp" }, "scp", []any{"openid Admin"}, release.NoRole, ""},
		"an audience with a space":              {nil, "aud", "portal releases", release.NoRole, WrongAudience},
		"an audience with a comma":              {nil, "aud", "portal,releases", release.NoRole, WrongAudience},
		"audiences in a list, one with a space": {nil, "aud", []any{"portal releases", "x"}, release.NoRole, WrongAudience},
		"an audience with white space around":   {nil, "aud", " releases ", release.NoRole, WrongAudience},
		"a client id with a space":              {func(c *Config) { c.AudienceClaim = "client_id" }, "client_id", "x releases", release.NoRole, WrongAudience},
		"one of a list of audiences":            {nil, "aud", []any{"portal", "releases"}, release.Viewer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier()
			if tt.config != nil {
				v = i.verifier(tt.config)
			}
			got, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims(set(tt.claim, tt.value))))
			var refused *Error
			if errors.As(err, &refused); (err != nil) != (tt.reason != "") || refused != nil && refused.Reason != tt.reason {
				t.Fatalf("%v, want the reason %q", err, tt.reason)
			}
			if got.Role != tt.role {
				t.Errorf("role %v, want %v", got.Role, tt.role)
			}
		})
	}
}

func TestVerify_EmailVerifiedClaim_IsNamedByTheConfiguration(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	entra := func(c *Config) { c.EmailVerifiedClaim = "xms_edov" }
	for name, tt := range map[string]struct {
		config func(*Config)
		change func(jwt.MapClaims)
		want   bool
	}{
		"xms_edov true":                     {entra, set("xms_edov", true), true},
		"xms_edov one, as text":             {entra, set("xms_edov", "1"), true},
		"xms_edov one":                      {entra, set("xms_edov", 1), true},
		"xms_edov as a word":                {entra, set("xms_edov", "True"), true},
		"xms_edov false":                    {entra, set("xms_edov", false), false},
		"xms_edov zero, as text":            {entra, set("xms_edov", "0"), false},
		"xms_edov zero":                     {entra, set("xms_edov", 0), false},
		"xms_edov two":                      {entra, set("xms_edov", 2), false},
		"xms_edov a list":                   {entra, set("xms_edov", []any{true}), false},
		"xms_edov missing":                  {entra, set("email_verified", nil), false},
		"email_verified is another's claim": {entra, set("email_verified", true), false},
		"xms_edov is not asked for":         {nil, func(c jwt.MapClaims) { c["xms_edov"], c["email_verified"] = true, nil }, false},
		"a nested claim":                    {func(c *Config) { c.EmailVerifiedClaim = "person.verified" }, set("person", map[string]any{"verified": true}), true},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier()
			if tt.config != nil {
				v = i.verifier(tt.config)
			}
			got, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims(tt.change)))
			if err != nil || got.EmailVerified != tt.want || got.Email == "" {
				t.Errorf("%+v, %v; want verified: %v", got, err, tt.want)
			}
		})
	}
}

func TestVerify_TokenOfAnotherKind_Refused(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	for name, tt := range map[string]struct {
		typ    any // of the header; nil leaves it out
		change func(jwt.MapClaims)
		taken  bool
	}{
		"no typ":                        {nil, nil, true},
		"JWT":                           {"JWT", nil, true},
		"jwt in small letters":          {"jwt", nil, true},
		"access token of RFC 9068":      {"at+jwt", nil, true},
		"the same, spelt in full":       {"application/at+jwt", nil, true},
		"in other letters":              {"Application/AT+JWT", nil, true},
		"access token of Cognito":       {nil, set("token_use", "access"), true},
		"access token of Keycloak":      {"JWT", set("typ", "Bearer"), true},
		"logout token":                  {"logout+jwt", nil, false},
		"a logout token, spelt in full": {"application/logout+jwt", nil, false},
		"security event":                {"secevent+jwt", nil, false},
		"proof of possession":           {"dpop+jwt", nil, false},
		"a longer name":                 {"at+jwt2", nil, false},
		"an empty typ":                  {"", nil, false},
		"typ is a number":               {42, nil, false},
		"ID token of Cognito":           {nil, set("token_use", "id"), false},
		"token_use is no text":          {nil, set("token_use", true), false},
		"ID token of Keycloak":          {"JWT", set("typ", "ID"), false},
		"refresh token of Keycloak":     {"JWT", set("typ", "Refresh"), false},
		"ID token of the implicit flow": {"JWT", set("at_hash", "x"), false},
		"ID token of the hybrid flow":   {"JWT", set("c_hash", "x"), false},
		"ID token with a nonce":         {"JWT", set("nonce", "x"), false},
		"with an empty nonce":           {"JWT", set("nonce", ""), false},
		"logout token without typ":      {nil, set("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}), false},
	} {
		t.Run(name, func(t *testing.T) {
			claims := i.claims()
			if tt.change != nil {
				tt.change(claims)
			}
			token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
			token.Header["kid"] = "r1"
			delete(token.Header, "typ")
			if tt.typ != nil {
				token.Header["typ"] = tt.typ
			}
			signed, err := token.SignedString(rsaKey())
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), signed)
			var refused *Error
			if errors.As(err, &refused); tt.taken != (err == nil) || refused != nil && refused.Reason != WrongKind {
				t.Errorf("%+v, %v; want taken: %v", got, err, tt.taken)
			}
		})
	}
}

func TestKeySet_OddEntry_IsSkipped(t *testing.T) {
	odd := func(name string, value any) map[string]any {
		k := rsaJWK("odd", otherRSA())
		k[name] = value
		return k
	}
	for name, entry := range map[string]any{
		"kid is a number": odd("kid", 42), "kid is an object": odd("kid", map[string]any{}), "kty is a list": odd("kty", []any{"RSA"}),
		"n is a number": odd("n", 1), "e is null": odd("e", nil), "alg is false": odd("alg", false), "use is a list": odd("use", []any{"sig"}),
		"a text": "odd", "a number": 7, "null": nil, "a list": []any{}, "an empty object": map[string]any{},
		"a kind of tomorrow": map[string]any{"kty": "AKP", "alg": "ML-DSA-44", "kid": "odd", "pub": "AAAA"},
		"no base64":          odd("n", "!!!"), "a name in other letters": map[string]any{"KTY": "RSA", "kid": "odd"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			i.publishEntries(entry, rsaJWK("r1", rsaKey()), entry)
			v := i.verifier()
			if r := reason(t, v, sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims())); r != "" {
				t.Errorf("the good key beside it: %s", r)
			}
			if r := reason(t, v, sign(t, jwt.SigningMethodRS256, "odd", otherRSA(), i.claims())); r != UnknownKey {
				t.Errorf("the odd one became a key: %q", r)
			}
		})
	}
	// What is odd beside what we read of a key does not concern us.
	i := newIssuer(t)
	decorated := rsaJWK("r1", rsaKey())
	decorated["x5c"], decorated["exp"], decorated["KID"] = 1, "never", 42
	i.publishEntries(decorated)
	if r := reason(t, i.verifier(), sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims())); r != "" {
		t.Errorf("a key with members of others: %s", r)
	}
}

// A token brings its own key, or says where to fetch it: nobody asks there, and only the
// issuer's keys count (RFC 8725, 3.10).
func TestVerify_TokenBringsItsKey_IsNotHeard(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	theirs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own := rsaJWK("r1", theirs)
	for name, header := range map[string]map[string]any{
		"jku": {"jku": elsewhere.URL}, "x5u": {"x5u": elsewhere.URL}, "jwk": {"jwk": own}, "a key id that is an address": {"kid": elsewhere.URL},
		"a key id that is a path": {"kid": "../../dev/null"}, "x5c": {"x5c": []string{"MIIB"}},
	} {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, i.claims())
		token.Header["kid"] = "r1"
		maps.Copy(token.Header, header)
		signed, err := token.SignedString(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if who, err := i.verifier().Verify(t.Context(), signed); err == nil {
			t.Errorf("%s: let in as %+v", name, who)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests went where the token said", n)
	}
}
