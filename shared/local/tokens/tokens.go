// Package tokens plays the identity provider on a laptop: a key made at start,
// published as a JWKS, and access tokens for whoever asks. It must not know what
// any role may do.
package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Life is how long a token lasts: a working day, so that nobody has to renew one
// while trying things.
const Life = 12 * time.Hour

// Issuer signs tokens.
type Issuer struct {
	url                                 string
	audience, audienceClaim, rolesClaim string
	key                                 *ecdsa.PrivateKey
	keyID                               string
}

// Settings are what the functions' environment says a token must look like.
type Settings struct {
	URL           string // the issuer: the host's base URL
	Audience      string
	AudienceClaim string // empty is aud
	RolesClaim    string // empty is roles
}

// New makes an issuer with a key of its own; tokens of an earlier start are void.
func New(s Settings) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	i := &Issuer{url: s.URL, audience: s.Audience, audienceClaim: s.AudienceClaim, rolesClaim: s.RolesClaim, key: key, keyID: rand.Text()}
	if i.audienceClaim == "" {
		i.audienceClaim = "aud"
	}
	if i.rolesClaim == "" {
		i.rolesClaim = "roles"
	}
	return i, nil
}

// Holder is whom a token is for.
type Holder struct {
	Email, Name string
	Role        string // Viewer, Auditor or Admin; empty is a valid token without a role
	Unverified  bool   // the e-mail counts for nothing
	Life        time.Duration
}

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
		"iss": i.url, "sub": "local|" + strings.ToLower(h.Email), "name": h.Name, "email": h.Email, "email_verified": !h.Unverified,
		"iat": now.Unix(), "exp": now.Add(h.Life).Unix(), "jti": rand.Text(),
		i.audienceClaim: i.audience,
	}
	if h.Role != "" {
		claims[i.rolesClaim] = []string{h.Role}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = i.keyID
	return token.SignedString(i.key)
}

// JWKS is the key set that verifies what Mint signs.
func (i *Issuer) JWKS() map[string]any {
	point, err := i.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err) // a P-256 key has a point
	}
	half := 1 + (len(point)-1)/2
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": i.keyID,
		"x": encode(point[1:half]), "y": encode(point[half:]),
	}}}
}
