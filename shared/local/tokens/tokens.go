// Package tokens stands in for the identity provider on a laptop: it publishes a key, made at
// start, as a JWKS, and issues access tokens to anybody who asks. It must not know what any
// role may do.
package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Life is how long a token lasts: a working day, so that nobody has to renew one
// while trying things.
const Life = 12 * time.Hour

// Issuer signs tokens.
type Issuer struct {
	Settings

	mu   sync.Mutex
	keys []signingKey // newest first: it signs; the previous one still verifies
}

// signingKey is one key of the issuer.
type signingKey struct {
	id      string
	private *ecdsa.PrivateKey
}

// Settings are what the functions' environment says a token must look like.
type Settings struct {
	URL                string // the issuer: the host's base URL
	Audience           string
	AudienceClaim      string // empty is aud
	RolesClaim         string // empty is roles
	EmailVerifiedClaim string // empty is email_verified
}

// New returns an issuer with a new key, so tokens of an earlier start are invalid.
func New(s Settings) (*Issuer, error) {
	for claim, usual := range map[*string]string{&s.AudienceClaim: "aud", &s.RolesClaim: "roles", &s.EmailVerifiedClaim: "email_verified"} {
		if *claim == "" {
			*claim = usual
		}
	}
	i := &Issuer{Settings: s}
	return i, i.Rotate()
}

// Rotate makes a new key that signs from now on. The one before stays in the set, so that its tokens are good until
// they end, and the one before that is withdrawn, as providers do it (OIDC core, 10.1.1).
func (i *Issuer) Rotate() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append([]signingKey{{rand.Text(), private}}, i.keys[:min(1, len(i.keys))]...)
	return nil
}

func (i *Issuer) signing() []signingKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.keys)
}

// Holder describes whom a token is for.
type Holder struct {
	Email, Name string
	Role        string // Viewer, Auditor or Admin; empty is a valid token without a role
	Unverified  bool   // the e-mail address is not verified
	Life        time.Duration
	Kind        string // what sort of token; empty is an access token, the rest are in Kinds
}

// kind is how a sort of token differs from an access token.
type kind struct {
	typ    string // of the header; empty leaves it out
	claims map[string]any
}

// kinds are what real issuers sign with the same keys. The first three may call; whoever takes another is not as strict
// as RFC 8725, 3.11 asks.
var kinds = map[string]kind{
	"access":  {typ: "JWT"},
	"untyped": {},
	"at+jwt":  {typ: "at+jwt"}, // RFC 9068, 2.1

	"id":         {typ: "JWT", claims: map[string]any{"nonce": "n-0S6", "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}}, // OIDC core, 2 and 3.1.3.6
	"id-hybrid":  {typ: "JWT", claims: map[string]any{"c_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}},                    // OIDC core, 3.3.2.11
	"id-cognito": {claims: map[string]any{"token_use": "id"}},                                                 // Amazon Cognito, "Understanding the identity (ID) token"
	"logout": {typ: "logout+jwt", claims: map[string]any{ // OIDC back-channel logout, 2.4
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}},
}

// Kinds lists the sorts of tokens that can be had.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// roles are the names that tokens carry, by what people may type.
var roles = map[string]string{"": "", "none": "", "requester": "", "viewer": "Viewer", "auditor": "Auditor", "admin": "Admin"}

// check completes the holder or says what is wrong with it.
func (h Holder) check() (Holder, error) {
	role, known := roles[strings.ToLower(h.Role)]
	if !known {
		return h, fmt.Errorf("there is no role %q; say viewer, auditor, admin, or none", h.Role)
	}
	if h.Email == "" {
		h.Email = "requester@example.com"
		if role != "" {
			h.Email = strings.ToLower(role) + "@example.com"
		}
	}
	if a, err := mail.ParseAddress(h.Email); err != nil || a.Address != h.Email {
		return h, fmt.Errorf("%q is not an e-mail address", h.Email)
	}
	if h.Name == "" {
		h.Name = nameOf(h.Email)
	}
	if h.Life == 0 {
		h.Life = Life
	}
	if h.Kind == "" {
		h.Kind = "access"
	}
	if _, known := kinds[h.Kind]; !known {
		return h, fmt.Errorf("there is no kind of token %q; say %s", h.Kind, strings.Join(Kinds(), ", "))
	}
	h.Role = role
	return h, nil
}

// nameOf guesses a name: ann.lee@example.com is Ann Lee.
func nameOf(email string) string {
	local, _, _ := strings.Cut(email, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("._-+", r) })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// Mint signs a token.
func (i *Issuer) Mint(h Holder) (string, error) {
	h, err := h.check()
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": i.URL, "sub": "local|" + strings.ToLower(h.Email), "name": h.Name, "email": h.Email,
		"iat": now.Unix(), "exp": now.Add(h.Life).Unix(), "jti": rand.Text(),
		i.EmailVerifiedClaim: !h.Unverified, i.AudienceClaim: i.Audience,
	}
	if h.Role != "" {
		claims[i.RolesClaim] = []string{h.Role}
	}
	sort := kinds[h.Kind]
	maps.Copy(claims, sort.claims)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	if token.Header["typ"] = sort.typ; sort.typ == "" {
		delete(token.Header, "typ")
	}
	key := i.signing()[0]
	token.Header["kid"] = key.id
	return token.SignedString(key.private)
}

// odd are entries that stand in real issuers' sets beside their signing keys, and that a reader has to skip (RFC 7517,
// 5): for another purpose (4.2), of kinds that are not known here, symmetric ones, and malformed ones.
var odd = []any{
	map[string]any{"kty": "EC", "crv": "P-256", "use": "enc", "kid": "for-encryption", "x": "AA", "y": "AA"},
	map[string]any{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "of-another-kind", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
	map[string]any{"kty": "RSA", "use": "sig", "kid": 42, "n": "AQAB", "e": "AQAB"},
	map[string]any{"kty": "oct", "kid": "symmetric"},
}

// JWKS is the key set that verifies what Mint signs.
func (i *Issuer) JWKS() map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	entries := slices.Clone(odd)
	for _, key := range i.signing() {
		point, err := key.private.PublicKey.Bytes() // 4, x, y
		if err != nil {
			panic(err) // a P-256 key has a point
		}
		half := 1 + (len(point)-1)/2
		entries = append(entries, map[string]string{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.id,
			"x": encode(point[1:half]), "y": encode(point[half:]),
		})
	}
	return map[string]any{"keys": entries}
}
