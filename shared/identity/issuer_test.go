package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/version"
)

// Making RSA keys is slow; the tests share two.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return k })
)

// issuer is an OIDC issuer's key set over real HTTP, with a clock and a plug.
type issuer struct {
	*httptest.Server
	fetches atomic.Int32
	down    atomic.Bool
	mu      sync.Mutex
	body    []byte
	clock   time.Time
}

func newIssuer(t testing.TB, keys ...map[string]any) *issuer {
	t.Helper()
	i := &issuer{clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	i.publish(keys...)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		if r.UserAgent() != version.UserAgent {
			t.Errorf("the keys were asked for by %q", r.UserAgent())
		}
		if i.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		_, _ = w.Write(i.body)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) publish(keys ...map[string]any) {
	entries := make([]any, len(keys))
	for n, key := range keys {
		entries[n] = key
	}
	i.publishEntries(entries...)
}

// publishEntries publishes what need not even be keys.
func (i *issuer) publishEntries(entries ...any) {
	if entries == nil {
		entries = []any{}
	}
	body, err := json.Marshal(map[string]any{"keys": entries})
	if err != nil {
		panic(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.body = body
}

func (i *issuer) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.clock
}

func (i *issuer) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock = i.clock.Add(d)
}

func (i *issuer) verifier(change ...func(*Config)) *Verifier {
	c := Config{Issuer: "https://issuer.example", Audiences: []string{"releases"}, JWKSURL: i.URL}
	for _, f := range change {
		f(&c)
	}
	return newVerifier(c, i.now)
}

// claims are those of a good token; the changes make it a bad or special one.
func (i *issuer) claims(change ...func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "releases", "sub": "u-1", "name": "Ada Lovelace",
		"email": "ada@example.com", "email_verified": true, "roles": []string{"Viewer"},
		"exp": i.now().Add(time.Hour).Unix(),
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func set(name string, value any) func(jwt.MapClaims) {
	return func(c jwt.MapClaims) {
		if value == nil {
			delete(c, name)
			return
		}
		c[name] = value
	}
}

func sign(t testing.TB, method jwt.SigningMethod, kid string, key any, claims jwt.Claims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(kid string, k *rsa.PrivateKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "use": "sig", "kid": kid,
		"n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes()),
	}
}

func ecJWK(t testing.TB, kid string, k *ecdsa.PrivateKey) map[string]any {
	t.Helper()
	point, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])}
}
