package identity

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/release"
)

// Bounds of what is taken over from a token. Names and addresses end up in logs, items and mails.
const (
	maxName  = 200
	maxEmail = 254 // RFC 5321, 4.5.3.1.3
)

// callerOf reads a verified token's claims. An unusable optional claim is left out, not refused: the person can still
// work, as a caller without a name or without the permissions that depend on an e-mail address.
func callerOf(claims jwt.MapClaims, c Config) (release.Caller, error) {
	subject, _ := claims["sub"].(string)
	if subject == "" || len(subject) > release.MaxSubject || !plain(subject) {
		return release.Caller{}, refuse(ClaimMissing, errors.New("sub is missing, too long or not plain text"))
	}
	if subject == release.System.Subject {
		return release.Caller{}, refuse(ClaimMissing, errors.New("sub is the one that the system uses for itself"))
	}
	who := release.Caller{Person: release.Person{Subject: subject}}
	if name, ok := claims["name"].(string); ok && plain(name) && len(name) <= maxName {
		who.Name = strings.TrimSpace(strings.ReplaceAll(glyph.Clean(name), "\n", " "))
	}
	if email, ok := claims["email"].(string); ok && visible(email) && len(email) <= maxEmail && strings.Contains(email, "@") {
		who.Email = strings.TrimSpace(email)
		who.EmailVerified = isTrue(lookUp(claims, c.EmailVerifiedClaim))
	}
	for _, name := range roleNames(claims, c.RolesClaim) {
		who.Role = max(who.Role, release.ParseRole(name))
	}
	return who, nil
}

// isTrue accepts what issuers really send for a claim that is true or false: Cognito sends the word, Microsoft Entra
// ID's xms_edov is seen as true, "1" and 1. Anything else, or a missing claim, is false.
func isTrue(claim any) bool {
	switch b := claim.(type) {
	case bool:
		return b
	case string:
		return strings.EqualFold(b, "true") || b == "1"
	case float64:
		return b == 1
	}
	return false
}

// values reads a claim that is one value or a list of values. A value is never split: "portal releases" is one
// audience (RFC 7519, 4.1.3) and "Helpdesk Admin" one group, with a space in its name.
func values(claim any) []string {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// roleNames reads the roles. Only scopes are several values in one text, with spaces between (RFC 8693, 4.2; Entra ID
// calls them scp): no scope can have a space in it.
func roleNames(claims jwt.MapClaims, claim string) []string {
	found := lookUp(claims, claim)
	if scopes, ok := found.(string); ok && slices.Contains([]string{"scope", "scp"}, claim) {
		return strings.Fields(scopes)
	}
	return values(found)
}

// isAccessToken tells whether a verified token was issued to call an API. Issuers sign other kinds of tokens with the
// same keys, and one kind must not pass for another (RFC 8725, 3.11).
func isAccessToken(header map[string]any, claims jwt.MapClaims) error {
	if typ, named := header["typ"]; named && !slices.Contains([]string{"jwt", "at+jwt"}, mediaSubtype(typ)) {
		return errors.New("the header's typ is neither JWT nor at+jwt (RFC 9068, 2.1)")
	}
	if use, named := claims["token_use"]; named && use != "access" {
		return errors.New("token_use is not access (Amazon Cognito)")
	}
	// Keycloak names the kind among the claims too, and its access tokens are of the kind Bearer.
	if typ, ok := claims["typ"].(string); ok && slices.Contains([]string{"id", "refresh", "offline", "logout"}, strings.ToLower(typ)) {
		return errors.New("the claim typ is that of another kind of token (Keycloak)")
	}
	// An ID token binds itself to a sign-in with the first three (OIDC core, 2 and 3.3.2.11); events makes a token a
	// security event, such as a logout (RFC 8417, 2.2; OIDC back-channel logout, 2.4), even without a typ.
	for _, name := range []string{"at_hash", "c_hash", "nonce", "events"} {
		if _, has := claims[name]; has {
			return errors.New("it has the claim " + name + ", which no access token has")
		}
	}
	return nil
}

// mediaSubtype is a typ header in lower case, without the application/ that may be left out (RFC 7515, 4.1.9).
func mediaSubtype(typ any) string {
	s, _ := typ.(string)
	return strings.TrimPrefix(strings.ToLower(s), "application/")
}

// lookUp finds a claim by name or by a path of names with dots between them. A name may have dots of its own
// (namespaced claims are URLs), so the longest match is tried first.
func lookUp(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	for i := len(path) - 1; i > 0; i-- {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v := lookUp(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// plain tells whether a text has no control characters: it will appear in logs, mail headers and calendars.
func plain(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }

// visible tells whether an address has no invisible characters: it is shown beside what its owner did.
func visible(email string) bool {
	_, found := glyph.Line(email)
	return !found
}
