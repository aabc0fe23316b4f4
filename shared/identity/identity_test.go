package identity

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/release"
)

func TestVerify_GoodToken_TellsWhoAndWhichRole(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()), ecJWK(t, "e1", ecKey()))
	unverified := release.Person{Subject: "u-1", Name: "Ada Lovelace", Email: "ada@example.com"}
	ada := unverified
	ada.EmailVerified = true
	rsa, ec := jwt.SigningMethodRS256, jwt.SigningMethodES256
	cognito := func(c *Config) { c.AudienceClaim, c.RolesClaim = "client_id", "cognito:groups" }
	for name, tt := range map[string]struct {
		config func(*Config)
		token  string
		want   release.Caller
	}{
		"RS256": {nil, sign(t, rsa, "r1", rsaKey(), i.claims()), release.Caller{Person: ada, Role: release.Viewer}},
		"ES256": {nil, sign(t, ec, "e1", ecKey(), i.claims()), release.Caller{Person: ada, Role: release.Viewer}},
		"no kid, one key can be meant": {
			nil, sign(t, ec, "", ecKey(), i.claims()),
			release.Caller{Person: ada, Role: release.Viewer},
		},
		"requester: no role claim": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("roles", nil))),
			release.Caller{Person: ada, Role: release.NoRole},
		},
		"roles of other systems": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("roles", []any{"superuser", 7, nil, "Administrator"}))),
			release.Caller{Person: ada, Role: release.NoRole},
		},
		"the highest role wins": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("roles", []string{"Viewer", "ADMIN", "auditor"}))),
			release.Caller{Person: ada, Role: release.Admin},
		},
		"scopes are one string with spaces": {
			func(c *Config) { c.RolesClaim = "scope" }, sign(t, rsa, "r1", rsaKey(), i.claims(set("scope", "openid viewer auditor"))),
			release.Caller{Person: ada, Role: release.Auditor},
		},
		"nested roles (Keycloak)": {
			func(c *Config) { c.RolesClaim = "realm_access.roles" },
			sign(t, rsa, "r1", rsaKey(), i.claims(set("realm_access", map[string]any{"roles": []string{"Admin"}}))),
			release.Caller{Person: ada, Role: release.Admin},
		},
		"nested roles under a name with dots": {
			func(c *Config) { c.RolesClaim = "resource_access.releases.example.roles" },
			sign(t, rsa, "r1", rsaKey(), i.claims(set("resource_access", map[string]any{"releases.example": map[string]any{"roles": "Auditor"}}))),
			release.Caller{Person: ada, Role: release.Auditor},
		},
		"a claim named like a URL": {
			func(c *Config) { c.RolesClaim = "https://releases.example/roles" },
			sign(t, rsa, "r1", rsaKey(), i.claims(set("https://releases.example/roles", []string{"Admin"}))),
			release.Caller{Person: ada, Role: release.Admin},
		},
		"Cognito access token": {
			cognito, sign(t, rsa, "r1", rsaKey(), jwt.MapClaims{
				"iss": "https://issuer.example", "client_id": "releases", "sub": "u-2", "token_use": "access",
				"cognito:groups": []string{"Auditor"}, "exp": i.now().Add(time.Hour).Unix(),
			}),
			release.Caller{Person: release.Person{Subject: "u-2"}, Role: release.Auditor},
		},
		"one of several audiences": {
			func(c *Config) { c.Audiences = []string{"portal", "releases"} },
			sign(t, rsa, "r1", rsaKey(), i.claims(set("aud", []string{"x", "releases"}))),
			release.Caller{Person: ada, Role: release.Viewer},
		},
		"email_verified as a word": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("email_verified", "true"))),
			release.Caller{Person: ada, Role: release.Viewer},
		},
		"email_verified missing": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("email_verified", nil))),
			release.Caller{Person: unverified, Role: release.Viewer},
		},
		"email_verified neither": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("email_verified", 2))),
			release.Caller{Person: unverified, Role: release.Viewer},
		},
		"unusable name and e-mail are left out": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("name", "Ada\r\nBcc: x"), set("email", "ada"))),
			release.Caller{Person: release.Person{Subject: "u-1"}, Role: release.Viewer},
		},
		"overlong name and e-mail are left out": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("name", strings.Repeat("n", maxName+1)), set("email", strings.Repeat("e", maxEmail)+"@x"))),
			release.Caller{Person: release.Person{Subject: "u-1"}, Role: release.Viewer},
		},
		"expired within the leeway": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("exp", i.now().Add(-20*time.Second).Unix()))),
			release.Caller{Person: ada, Role: release.Viewer},
		},
		"valid since a moment that our clock has yet to reach": {
			nil, sign(t, rsa, "r1", rsaKey(), i.claims(set("nbf", i.now().Add(20*time.Second).Unix()))),
			release.Caller{Person: ada, Role: release.Viewer},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := i.verifier()
			if tt.config != nil {
				v = i.verifier(tt.config)
			}
			got, err := v.Verify(t.Context(), tt.token)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestVerify_BadToken_RefusedWithTheReason(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()), ecJWK(t, "e1", ecKey()))
	v := i.verifier()
	rs := func(change ...func(jwt.MapClaims)) string {
		return sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims(change...))
	}
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := rs()
	part := strings.Split(good, ".")
	critical := jwt.NewWithClaims(jwt.SigningMethodRS256, i.claims())
	critical.Header["kid"], critical.Header["crit"] = "r1", []string{"b64"}
	withCrit, err := critical.SignedString(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		token string
		want  Reason
	}{
		"nothing":                     {"", Malformed},
		"no token at all":             {"hello", Malformed},
		"five parts, as in a JWE":     {"a.b.c.d.e", Malformed},
		"padding":                     {part[0] + "=." + part[1] + "." + part[2], Malformed},
		"too long":                    {rs(set("padding", strings.Repeat("a", maxTokenBytes))), Malformed},
		"another spelling":            {good[:len(good)-1] + respelt(good[len(good)-1]), Malformed},
		"a critical extension":        {withCrit, Malformed},
		"alg none":                    {sign(t, jwt.SigningMethodNone, "r1", jwt.UnsafeAllowNoneSignatureType, i.claims()), BadSignature},
		"alg none, no signature part": {b64([]byte(`{"alg":"none"}`)) + "." + part[1] + ".", BadSignature},
		"HS256 keyed with the public key": {
			sign(t, jwt.SigningMethodHS256, "r1", publicPEM, i.claims()), BadSignature,
		},
		"HS256 keyed with the modulus":   {sign(t, jwt.SigningMethodHS256, "r1", rsaKey().N.Bytes(), i.claims()), BadSignature},
		"RS512 of the right key":         {sign(t, jwt.SigningMethodRS512, "r1", rsaKey(), i.claims()), BadSignature},
		"PS256 of the right key":         {sign(t, jwt.SigningMethodPS256, "r1", rsaKey(), i.claims()), BadSignature},
		"an algorithm nobody knows":      {b64([]byte(`{"alg":"XX1"}`)) + "." + part[1] + "." + part[2], WrongAlgorithm},
		"no algorithm":                   {b64([]byte(`{"kid":"r1"}`)) + "." + part[1] + "." + part[2], WrongAlgorithm},
		"an EC token naming the RSA key": {sign(t, jwt.SigningMethodES256, "r1", ecKey(), i.claims()), UnknownKey},
		"unknown kid":                    {sign(t, jwt.SigningMethodRS256, "r9", rsaKey(), i.claims()), UnknownKey},
		"signed by somebody else":        {sign(t, jwt.SigningMethodRS256, "r1", otherRSA(), i.claims()), BadSignature},
		"claims exchanged":               {part[0] + "." + strings.Split(rs(set("sub", "boss")), ".")[1] + "." + part[2], BadSignature},
		"signature cut off":              {part[0] + "." + part[1] + ".", BadSignature},
		"claims are no object":           {part[0] + "." + b64([]byte(`[]`)) + "." + part[2], Malformed},
		"wrong issuer":                   {rs(set("iss", "https://issuer.example/")), WrongIssuer},
		"no issuer":                      {rs(set("iss", nil)), ClaimMissing},
		"wrong audience":                 {rs(set("aud", "releases2")), WrongAudience},
		"no audience":                    {rs(set("aud", nil)), WrongAudience},
		"empty audience":                 {rs(set("aud", "")), WrongAudience},
		"audience under another name":    {rs(set("aud", nil), set("client_id", "releases")), WrongAudience},
		"expired":                        {rs(set("exp", i.now().Add(-31*time.Second).Unix())), Expired},
		"expired and of another issuer":  {rs(set("exp", 1), set("iss", "x")), WrongIssuer},
		"no expiry":                      {rs(set("exp", nil)), ClaimMissing},
		"expiry is no number":            {rs(set("exp", "tomorrow")), Malformed},
		"not yet valid":                  {rs(set("nbf", i.now().Add(31*time.Second).Unix())), NotYetValid},
		"no subject":                     {rs(set("sub", nil)), ClaimMissing},
		"subject too long":               {rs(set("sub", strings.Repeat("s", release.MaxSubject+1))), ClaimMissing},
		"subject is no text":             {rs(set("sub", "a\nb")), ClaimMissing},
		"subject is the system's own":    {rs(set("sub", release.System.Subject)), ClaimMissing},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(t.Context(), tt.token)
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %+v, %v; want a refusal", got, err)
			}
			if refused.Reason != tt.want {
				t.Errorf("reason %s (%v), want %s", refused.Reason, err, tt.want)
			}
			if got != (release.Caller{}) {
				t.Errorf("a refused token still names %+v", got)
			}
			if tt.token != "" && len(tt.token) > 20 && strings.Contains(err.Error(), tt.token[len(tt.token)/2:]) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

// respelt is another base64 letter for the same bits: the last one of a 256-byte signature has two that count.
func respelt(c byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, c)|1])
}

func TestVerifier_WithoutWhatItCompares_IsNotMade(t *testing.T) {
	full := Config{Issuer: "i", Audiences: []string{"a"}, JWKSURL: "http://127.0.0.1:1"}
	for name, change := range map[string]func(*Config){
		"issuer":            func(c *Config) { c.Issuer = "" },
		"audience":          func(c *Config) { c.Audiences = nil },
		"no empty audience": func(c *Config) { c.Audiences = []string{"a", ""} },
		"key set":           func(c *Config) { c.JWKSURL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			c := full
			change(&c)
			defer func() {
				if recover() == nil {
					t.Error("a verifier was made without it")
				}
			}()
			New(c)
		})
	}
}

// FuzzVerify: nothing crashes, and what verifies was signed by the issuer, bit for bit.
func FuzzVerify(f *testing.F) {
	i := newIssuer(f, rsaJWK("r1", rsaKey()), ecJWK(f, "e1", ecKey()))
	v := i.verifier()
	good := map[string]bool{}
	for _, token := range []string{
		sign(f, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims()),
		sign(f, jwt.SigningMethodES256, "e1", ecKey(), i.claims(set("roles", "Admin"))),
	} {
		good[token] = true
		f.Add(token)
		f.Add(token[:len(token)-2])
		f.Add(strings.Replace(token, ".", "..", 1))
	}
	f.Add(sign(f, jwt.SigningMethodNone, "r1", jwt.UnsafeAllowNoneSignatureType, i.claims()))
	f.Add(b64([]byte(`{"alg":"RS256","kid":{"a":[]}}`)) + "." + b64([]byte(`{"exp":1e999}`)) + ".AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := v.Verify(t.Context(), token)
		if err == nil != good[token] {
			t.Fatalf("%q: %+v, %v", token, caller, err)
		}
	})
}
