package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"example.com/releases/shared/version"
)

const (
	algRSA = "RS256"
	algEC  = "ES256"

	// keysMaxAge bounds how long a key that its issuer withdrew is still accepted here.
	keysMaxAge = 15 * time.Minute
	// Tokens with made-up key ids must not turn into requests to the issuer, so unknown ones cause a fetch at most this
	// often; a key that was just rotated in waits no longer than this.
	fetchEvery = 10 * time.Second
	// Without any key nobody can work, so the next request may try again soon.
	fetchEveryWithoutKeys = time.Second
	fetchTimeout          = 3 * time.Second
	maxJWKSBytes          = 256 << 10
)

// keyID names a key together with its algorithm: a key is never used with another one.
type keyID struct{ kid, alg string }

// keySet caches an issuer's published keys.
type keySet struct {
	url    string
	now    func() time.Time
	client *http.Client

	fetching sync.Mutex // held during a fetch, so that there is one at a time while known keys keep serving

	mu        sync.Mutex // guards what follows
	keys      map[keyID]crypto.PublicKey
	fetched   time.Time // the last success
	nextFetch time.Time
	lastErr   error // of the latest fetch
}

func newKeySet(url string, now func() time.Time) *keySet {
	return &keySet{url: url, now: now, client: &http.Client{Timeout: fetchTimeout}}
}

// find returns the key with the id. An unknown id, or a stale cache, leads to a fetch where one is due; a failed fetch
// leaves the keys as they are.
func (s *keySet) find(ctx context.Context, id keyID) (crypto.PublicKey, error) {
	key, fresh, _ := s.cached(id)
	if key != nil && fresh {
		return key, nil
	}
	s.refresh(ctx, id)
	key, _, err := s.cached(id)
	switch {
	case key != nil:
		return key, nil
	case err != nil:
		// The key may be a new one: without the issuer's answer, the token may be good.
		return nil, refuse(KeysUnavailable, err)
	}
	return nil, refuse(UnknownKey, fmt.Errorf("no %s key %.80q", id.alg, id.kid))
}

func (s *keySet) cached(id keyID) (key crypto.PublicKey, fresh bool, lastErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return pick(s.keys, id), s.now().Sub(s.fetched) < keysMaxAge, s.lastErr
}

// pick finds a key. A token need not name its key when only one can be meant.
func pick(keys map[keyID]crypto.PublicKey, id keyID) crypto.PublicKey {
	if id.kid != "" {
		return keys[id]
	}
	var only crypto.PublicKey
	for k, key := range keys {
		if k.alg != id.alg {
			continue
		}
		if only != nil {
			return nil
		}
		only = key
	}
	return only
}

// refresh fetches the keys unless that was done, or tried, a moment ago.
func (s *keySet) refresh(ctx context.Context, id keyID) {
	s.fetching.Lock()
	defer s.fetching.Unlock()
	// Another request may have fetched while this one waited.
	if key, fresh, _ := s.cached(id); key != nil && fresh {
		return
	}
	s.mu.Lock()
	due := !s.now().Before(s.nextFetch)
	s.mu.Unlock()
	if !due {
		return
	}
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastErr = err
	if err == nil {
		s.keys, s.fetched = keys, s.now()
	}
	s.nextFetch = s.now().Add(fetchEvery)
	if s.keys == nil {
		s.nextFetch = s.now().Add(fetchEveryWithoutKeys)
	}
}

func (s *keySet) fetch(ctx context.Context) (map[keyID]crypto.PublicKey, error) {
	// The answer serves everybody, so the request that caused it may not cancel it; its deadline still counts.
	timeout := fetchTimeout
	if d, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(d))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", version.UserAgent)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the key set %s answered %s", s.url, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxJWKSBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxJWKSBytes {
		return nil, fmt.Errorf("the key set %s is longer than %d bytes", s.url, maxJWKSBytes)
	}
	return parseKeys(body)
}

// jwk is a JSON Web Key (RFC 7517), as far as RSA and elliptic curve signatures need it.
type jwk struct {
	Kty, Use, Alg, Kid string
	N, E               string
	Crv, X, Y          string
}

// readJWK reads one entry of a set. Names are matched exactly, and members that we do not know may be anything.
func readJWK(entry json.RawMessage) (jwk, error) {
	var members map[string]any
	if err := json.Unmarshal(entry, &members); err != nil {
		return jwk{}, errors.New("it is not an object")
	}
	var k jwk
	for name, to := range map[string]*string{
		"kty": &k.Kty, "use": &k.Use, "alg": &k.Alg, "kid": &k.Kid, "n": &k.N, "e": &k.E, "crv": &k.Crv, "x": &k.X, "y": &k.Y,
	} {
		value, has := members[name]
		text, ok := value.(string)
		if has && !ok {
			return k, fmt.Errorf("%s is not a text", name)
		}
		*to = text
	}
	return k, nil
}

// parseKeys reads a key set. An entry of another kind or for another purpose, or a malformed one, is skipped (RFC
// 7517, 5): one odd entry must not lock everybody out. A set without any usable key is an error, so that it never
// replaces one that works.
func parseKeys(body []byte) (map[keyID]crypto.PublicKey, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("the key set is not JSON: %w", err)
	}
	keys := map[keyID]crypto.PublicKey{}
	var last error
	for i, entry := range set.Keys {
		k, err := readJWK(entry)
		var id keyID
		var key crypto.PublicKey
		if err == nil {
			id, key, err = k.publicKey()
		}
		if err != nil {
			last = fmt.Errorf("key %d, %.80q: %w", i, k.Kid, err)
			continue
		}
		keys[id] = key
	}
	if len(keys) == 0 {
		return nil, errors.Join(errors.New("the key set holds no RS256 or ES256 signing key"), last)
	}
	return keys, nil
}

func (k jwk) publicKey() (keyID, crypto.PublicKey, error) {
	if k.Use != "" && k.Use != "sig" {
		return keyID{}, nil, errors.New("not for signatures")
	}
	alg, read := algRSA, k.rsa
	switch k.Kty {
	case "RSA":
	case "EC":
		alg, read = algEC, k.ec
	default:
		return keyID{}, nil, fmt.Errorf("kind %.20q", k.Kty)
	}
	if k.Alg != "" && k.Alg != alg {
		return keyID{}, nil, fmt.Errorf("algorithm %.20q", k.Alg)
	}
	key, err := read()
	return keyID{kid: k.Kid, alg: alg}, key, err
}

func (k jwk) rsa() (crypto.PublicKey, error) {
	n, err := decode(k.N)
	if err != nil {
		return nil, err
	}
	e, err := decode(k.E)
	if err != nil {
		return nil, err
	}
	exponent := new(big.Int).SetBytes(e)
	modulus := new(big.Int).SetBytes(n)
	// Shorter keys are unsafe; longer ones would let a key set slow every request down.
	if bits := modulus.BitLen(); bits < 2048 || bits > 8192 {
		return nil, fmt.Errorf("modulus of %d bits", bits)
	}
	if exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, errors.New("unusable exponent")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (k jwk) ec() (crypto.PublicKey, error) {
	if k.Crv != "P-256" {
		return nil, fmt.Errorf("curve %.20q", k.Crv)
	}
	x, err := decode(k.X)
	if err != nil {
		return nil, err
	}
	y, err := decode(k.Y)
	if err != nil {
		return nil, err
	}
	if len(x) != 32 || len(y) != 32 {
		return nil, errors.New("coordinates are not 32 bytes long")
	}
	const uncompressed = 4
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{uncompressed}, x...), y...))
}

func decode(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}
