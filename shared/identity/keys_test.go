package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func reason(t *testing.T, v *Verifier, token string) Reason {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if err == nil {
		return ""
	}
	var refused *Error
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	return refused.Reason
}

func TestKeys_Rotated_NewKeyIsFound(t *testing.T) {
	i := newIssuer(t, rsaJWK("old", rsaKey()))
	v := i.verifier()
	old := sign(t, jwt.SigningMethodRS256, "old", rsaKey(), i.claims())
	newToken := sign(t, jwt.SigningMethodRS256, "new", otherRSA(), i.claims())
	if r := reason(t, v, old); r != "" {
		t.Fatal(r)
	}
	i.pass(time.Minute)
	i.publish(rsaJWK("old", rsaKey()), rsaJWK("new", otherRSA()))
	if r := reason(t, v, newToken); r != "" {
		t.Fatalf("a token of the new key: %s", r)
	}
	if r := reason(t, v, old); r != "" {
		t.Fatalf("a token of the old key: %s", r)
	}
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestKeys_Withdrawn_StopCounting(t *testing.T) {
	i := newIssuer(t, rsaJWK("old", rsaKey()))
	v := i.verifier()
	old := sign(t, jwt.SigningMethodRS256, "old", rsaKey(), i.claims())
	if r := reason(t, v, old); r != "" {
		t.Fatal(r)
	}
	i.publish(rsaJWK("new", otherRSA()))
	i.pass(keysMaxAge)
	if r := reason(t, v, old); r != UnknownKey {
		t.Errorf("a token of a withdrawn key: %q", r)
	}
}

func TestKeys_ForgedKeyID_IsNotFetched(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	good := sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims())
	var wait sync.WaitGroup
	for n := range 1000 {
		wait.Go(func() {
			if r := reason(t, v, forged(t, i, fmt.Sprint("forged-", n))); r != UnknownKey {
				t.Errorf("forged token %d: %q", n, r)
			}
		})
	}
	wait.Wait()
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("1,000 forged ids at once: %d fetches, want 1", n)
	}
	// Over 100 seconds, one every 100 ms: the rate is bounded, not only the burst.
	for n := range 1000 {
		reason(t, v, forged(t, i, fmt.Sprint("later-", n)))
		i.pass(100 * time.Millisecond)
	}
	if n := i.fetches.Load(); n > 11 {
		t.Errorf("%d fetches in 100 s, want at most 11", n)
	}
	if r := reason(t, v, good); r != "" {
		t.Errorf("a good token meanwhile: %s", r)
	}
}

// forged has a signature of the right shape, which never gets as far as being checked.
func forged(t *testing.T, i *issuer, kid string) string {
	t.Helper()
	s, err := jwt.NewWithClaims(jwt.SigningMethodRS256, i.claims()).SigningString()
	if err != nil {
		t.Fatal(err)
	}
	_, payload, _ := strings.Cut(s, ".")
	return b64(fmt.Appendf(nil, `{"alg":"RS256","kid":%q}`, kid)) + "." + payload + "." + b64(make([]byte, 256))
}

func TestKeys_IssuerDown_OldKeysCount(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	good := func() string { return sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims()) }
	if r := reason(t, v, good()); r != "" {
		t.Fatal(r)
	}
	i.down.Store(true)
	i.pass(5 * keysMaxAge)
	if r := reason(t, v, good()); r != "" {
		t.Errorf("a known key during the outage: %s", r)
	}
	if r := reason(t, v, forged(t, i, "unknown")); r != KeysUnavailable {
		t.Errorf("an unknown key during the outage: %q", r)
	}
	before := i.fetches.Load()
	for range 100 {
		reason(t, v, good())
	}
	if n := i.fetches.Load() - before; n != 0 {
		t.Errorf("%d fetches of a dead issuer within a moment", n)
	}
	i.down.Store(false)
	i.pass(fetchEvery)
	if r := reason(t, v, forged(t, i, "unknown")); r != UnknownKey {
		t.Errorf("an unknown key after the outage: %q", r)
	}
}

func TestKeys_NoneAtAll_Unavailable(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	i.down.Store(true)
	v := i.verifier()
	good := sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims())
	for range 20 {
		if r := reason(t, v, good); r != KeysUnavailable {
			t.Fatalf("reason %q", r)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	i.down.Store(false)
	i.pass(fetchEveryWithoutKeys)
	if r := reason(t, v, good); r != "" {
		t.Errorf("a second later: %s", r)
	}
}

func TestKeys_UnusableSet_KeepsTheGoodOne(t *testing.T) {
	short := rsaJWK("r2", rsaKey())
	short["n"] = b64(rsaKey().N.Bytes()[:128])
	even := rsaJWK("r2", rsaKey())
	even["e"] = b64([]byte{4})
	large := rsaJWK("r2", rsaKey())
	large["e"] = b64([]byte{1, 0, 0, 0, 1})
	shifted := ecJWK(t, "r2", ecKey())
	point, _ := ecKey().PublicKey.Bytes()
	shifted["x"], shifted["y"] = b64(point[1:32]), b64(point[32:])
	offCurve := ecJWK(t, "r2", ecKey())
	offCurve["y"] = offCurve["x"]
	forEncryption := rsaJWK("r2", rsaKey())
	forEncryption["use"] = "enc"
	forPSS := rsaJWK("r2", rsaKey())
	forPSS["alg"] = "PS256"
	for name, keys := range map[string][]map[string]any{
		"empty": {}, "symmetric": {{"kty": "oct", "k": "AAAA", "kid": "r2"}}, "1024 bits": {short}, "even exponent": {even}, "large exponent": {large}, "coordinates of 31 and 33 bytes": {shifted},
		"off the curve": {offCurve}, "for encryption": {forEncryption}, "for another algorithm": {forPSS},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, rsaJWK("r1", rsaKey()))
			v := i.verifier()
			good := sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims())
			if r := reason(t, v, good); r != "" {
				t.Fatal(r)
			}
			i.publish(keys...)
			i.pass(keysMaxAge)
			if r := reason(t, v, good); r != "" {
				t.Errorf("the good key is gone: %s", r)
			}
			// The set may hold the key and still be of no use; what it holds must not have been taken over.
			for _, id := range []keyID{{"r2", algRSA}, {"r2", algEC}} {
				if _, err := v.keys.find(t.Context(), id); err == nil {
					t.Errorf("it became the key %v", id)
				}
			}
			if i.fetches.Load() != 2 {
				t.Error("the bad set was not fetched")
			}
		})
	}
}

func TestKeys_TokenWithoutKeyID_NeedsASingleKey(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()), rsaJWK("r2", otherRSA()), ecJWK(t, "e1", ecKey()))
	v := i.verifier()
	for range 20 { // whichever of the two a map would give first
		if r := reason(t, v, sign(t, jwt.SigningMethodRS256, "", rsaKey(), i.claims())); r != UnknownKey {
			t.Fatalf("one of two keys was taken: %q", r)
		}
	}
	if r := reason(t, v, sign(t, jwt.SigningMethodES256, "", ecKey(), i.claims())); r != "" {
		t.Errorf("the only EC key was not: %s", r)
	}
}

func TestKeys_EndlessSet_CutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, err := newKeySet(server.URL, time.Now).fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v", err)
	}
}

func TestKeys_HangingSet_GivenUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	s := newKeySet(server.URL, time.Now)
	s.client.Timeout = 50 * time.Millisecond
	if _, err := s.fetch(t.Context()); err == nil {
		t.Error("a key set that never came was accepted")
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AA","y":"AA"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		for id, key := range keys {
			if key == nil || (id.alg != algRSA && id.alg != algEC) {
				t.Fatalf("%+v: %v", id, key)
			}
		}
	})
}

// A set as long as one may be is read.
func TestKeys_LongSet_IsRead(t *testing.T) {
	for length, read := range map[int]bool{256 << 10: true, 256<<10 + 1: false} {
		set, err := json.Marshal(map[string]any{"keys": []any{rsaJWK("r1", rsaKey())}})
		if err != nil {
			t.Fatal(err)
		}
		body := append(set, bytes.Repeat([]byte{' '}, length-len(set))...)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
		keys, err := newKeySet(server.URL, time.Now).fetch(t.Context())
		server.Close()
		if (err == nil) != read || read != (len(keys) == 1) {
			t.Errorf("%d bytes: %d keys, %v", length, len(keys), err)
		}
	}
}

// The sizes of RSA keys and of their exponents, at their bounds and beyond.
func TestKeys_RSA_SizesAtTheirBounds(t *testing.T) {
	number := func(bits int) string { // the least odd one of so many bits
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return b64(n.SetBit(n, 0, 1).Bytes())
	}
	for bits, ok := range map[int]bool{2047: false, 2048: true, 8192: true, 8193: false} {
		if _, err := (jwk{N: number(bits), E: "AQAB"}).rsa(); (err == nil) != ok {
			t.Errorf("a modulus of %d bits: %v", bits, err)
		}
	}
	for exponent, ok := range map[int64]bool{1: false, 2: false, 3: true, 4: false, 65537: true, 1<<31 - 1: true, 1<<31 + 1: false} {
		if _, err := (jwk{N: number(2048), E: b64(big.NewInt(exponent).Bytes())}).rsa(); (err == nil) != ok {
			t.Errorf("the exponent %d: %v", exponent, err)
		}
	}
}
