package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// What is taken from a token, at its bound and beyond it, typed by hand: a subject of 255 bytes
// at most, a name of 200 and an address of 254.
func TestVerify_TextsOfAToken_AtTheirBoundsAndBeyond(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	for _, c := range []struct {
		claim string
		most  int
		of    func(length int) string
	}{
		{"sub", 255, func(n int) string { return strings.Repeat("s", n) }},
		{"name", 200, func(n int) string { return strings.Repeat("n", n) }},
		{"email", 254, func(n int) string { return strings.Repeat("e", n-12) + "@example.com" }},
	} {
		for length, taken := range map[int]bool{c.most: true, c.most + 1: false} {
			text := c.of(length)
			got, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims(set(c.claim, text))))
			if c.claim == "sub" {
				if (err == nil) != taken || taken && got.Subject != text {
					t.Errorf("a subject of %d bytes: %+v %v", length, got, err)
				}
				continue
			}
			if err != nil || (map[string]string{"name": got.Name, "email": got.Email}[c.claim] == text) != taken {
				t.Errorf("%s of %d bytes: %+v %v", c.claim, length, got, err)
			}
		}
	}
}

// A token is read up to 10 KiB, whatever is in it.
func TestVerify_Token_AtItsBoundAndBeyond(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	of := func(length int) string {
		for more := range 12 { // not every length can be had by one claim
			token := jwt.NewWithClaims(jwt.SigningMethodRS256, i.claims(set("padding", strings.Repeat("a", 6900))))
			token.Header["kid"], token.Header["x"] = "r1", strings.Repeat("a", more)
			short, err := token.SignedString(rsaKey())
			if err != nil {
				t.Fatal(err)
			}
			claims := token.Claims.(jwt.MapClaims)
			for n := (length - len(short)) * 3 / 4; n < (length-len(short))*3/4+4; n++ {
				claims["padding"] = strings.Repeat("a", 6900+n)
				if long, err := token.SignedString(rsaKey()); err == nil && len(long) == length {
					return long
				}
			}
		}
		t.Fatalf("no token has %d bytes", length)
		return ""
	}
	for length, read := range map[int]bool{10240: true, 10241: false} {
		_, err := v.Verify(t.Context(), of(length))
		var refused *Error
		if (err == nil) != read || !read && (!errors.As(err, &refused) || refused.Reason != Malformed) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// Keycloak names the kind of a token among its claims: only its access tokens may call.
func TestVerify_KeycloaksKinds_OnlyBearer(t *testing.T) {
	i := newIssuer(t, rsaJWK("r1", rsaKey()))
	v := i.verifier()
	for kind, good := range map[string]bool{"Bearer": true, "ID": false, "Refresh": false, "Offline": false, "Logout": false} {
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, "r1", rsaKey(), i.claims(set("typ", kind))))
		var refused *Error
		if (err == nil) != good || !good && (!errors.As(err, &refused) || refused.Reason != WrongKind) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A token that cannot be read has no other fault that is worth a word, whatever the library
// finds besides.
func TestReasonOf_MalformedAndMore_IsMalformed(t *testing.T) {
	for _, more := range []error{
		jwt.ErrTokenSignatureInvalid, jwt.ErrTokenInvalidIssuer, jwt.ErrTokenExpired, jwt.ErrTokenNotValidYet,
		jwt.ErrTokenRequiredClaimMissing, jwt.ErrTokenUnverifiable,
	} {
		if got := reasonOf(errors.Join(more, jwt.ErrTokenMalformed)); got != Malformed {
			t.Errorf("beside %q it is %s", more, got)
		}
	}
}
