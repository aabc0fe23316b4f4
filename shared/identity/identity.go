// Package identity turns an OIDC access token into who is calling and which role they have. It must not know
// Lambda, HTTP handlers or what a role may do.
package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/release"
)

const (
	// maxTokenBytes is beyond what API Gateway lets through in all headers together.
	maxTokenBytes = 10 << 10
	// leeway is how far the issuer's clock may be from ours.
	leeway = 30 * time.Second
)

// Config says which tokens are ours and what their claims are called.
type Config struct {
	// Issuer is compared with the claim `iss`, character by character.
	Issuer string
	// Audiences are the accepted audiences; one match suffices. An organisation that admits several clients of one
	// Cognito pool has several.
	Audiences []string
	// AudienceClaim is the claim that holds the audience: "aud" when empty. Cognito's access tokens have "client_id".
	AudienceClaim string
	// RolesClaim is the claim that holds the roles: "roles" when empty. Dots lead into nested objects, as in
	// "realm_access.roles"; a claim whose very name has dots is found too.
	RolesClaim string
	// EmailVerifiedClaim is the claim that says whether the e-mail is the person's own: "email_verified" when empty.
	// Microsoft Entra ID has "xms_edov". A token without it has an unverified e-mail.
	EmailVerifiedClaim string
	// JWKSURL is where the issuer publishes its keys.
	JWKSURL string
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   *keySet
	parser *jwt.Parser
}

// New makes a Verifier. It fetches nothing until the first token comes. It panics without an issuer, an audience or a
// key set, since a check that is left out would let everybody in.
func New(c Config) *Verifier { return newVerifier(c, time.Now) }

func newVerifier(c Config, now func() time.Time) *Verifier {
	if c.Issuer == "" || len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") || c.JWKSURL == "" {
		panic("identity: a verifier needs an issuer, an audience and the address of a key set")
	}
	if c.AudienceClaim == "" {
		c.AudienceClaim = "aud"
	}
	if c.RolesClaim == "" {
		c.RolesClaim = "roles"
	}
	if c.EmailVerifiedClaim == "" {
		c.EmailVerifiedClaim = "email_verified"
	}
	return &Verifier{
		config: c,
		keys:   newKeySet(c.JWKSURL, now),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{algRSA, algEC}),
			jwt.WithIssuer(c.Issuer),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(leeway),
			jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		),
	}
}

// Verify returns the caller whom the token represents, or an *Error that says why it is refused. A token without a
// role of ours is valid: its caller has release.NoRole.
func (v *Verifier) Verify(ctx context.Context, token string) (release.Caller, error) {
	if len(token) > maxTokenBytes {
		return release.Caller{}, refuse(Malformed, errors.New("longer than 10 KiB"))
	}
	claims := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		// RFC 7515 4.1.11: a header that is marked critical and not understood makes the token invalid.
		if _, critical := t.Header["crit"]; critical {
			return nil, refuse(Malformed, errors.New("header has crit"))
		}
		kid, _ := t.Header["kid"].(string)
		return v.keys.find(ctx, keyID{kid: kid, alg: t.Method.Alg()})
	})
	if err != nil {
		return release.Caller{}, refuse(reasonOf(err), err)
	}
	if err := isAccessToken(parsed.Header, claims); err != nil {
		return release.Caller{}, refuse(WrongKind, err)
	}
	// The library reads the audience from `aud` only; ours has a configurable name.
	if !slices.ContainsFunc(values(claims[v.config.AudienceClaim]), v.isAudience) {
		return release.Caller{}, refuse(WrongAudience, nil)
	}
	return callerOf(claims, v.config)
}

func (v *Verifier) isAudience(a string) bool {
	return slices.Contains(v.config.Audiences, a)
}

// Reason is the reason of a refusal. It is for logs and metrics: whoever sends a bad token learns only that it is bad.
type Reason string

// The reasons; where several apply, the first counts.
const (
	KeysUnavailable Reason = "keys-unavailable" // nothing is known against the token; the issuer's keys could not be had
	Malformed       Reason = "malformed"
	WrongAlgorithm  Reason = "wrong-algorithm"
	UnknownKey      Reason = "unknown-key"
	BadSignature    Reason = "bad-signature"
	WrongIssuer     Reason = "wrong-issuer"
	WrongKind       Reason = "wrong-kind" // an ID token, a logout token: signed by the issuer, but not to call with
	WrongAudience   Reason = "wrong-audience"
	Expired         Reason = "expired"
	NotYetValid     Reason = "not-yet-valid"
	ClaimMissing    Reason = "claim-missing"
)

// Error is a refused token.
type Error struct {
	Reason Reason
	cause  error
}

// Error says why, for the log. It never contains the token.
func (e *Error) Error() string {
	if e.cause == nil {
		return "token refused: " + string(e.Reason)
	}
	return "token refused: " + string(e.Reason) + ": " + e.cause.Error()
}

// Unwrap returns the cause of the refusal, if there is one.
func (e *Error) Unwrap() error { return e.cause }

func refuse(r Reason, cause error) *Error {
	var already *Error
	if errors.As(cause, &already) {
		return already
	}
	return &Error{Reason: r, cause: cause}
}

// reasonOf reads the library's errors. A token can be wrong in several ways; a wrong issuer tells more than its expiry.
func reasonOf(err error) Reason {
	for _, row := range []struct {
		is     error
		reason Reason
	}{
		{jwt.ErrTokenMalformed, Malformed},
		{jwt.ErrTokenSignatureInvalid, BadSignature},
		{jwt.ErrTokenInvalidIssuer, WrongIssuer},
		{jwt.ErrTokenExpired, Expired},
		{jwt.ErrTokenNotValidYet, NotYetValid},
		{jwt.ErrTokenRequiredClaimMissing, ClaimMissing},
		{jwt.ErrTokenUnverifiable, WrongAlgorithm},
	} {
		if errors.Is(err, row.is) {
			return row.reason
		}
	}
	return Malformed
}
