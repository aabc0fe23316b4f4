package identity

import (
	"errors"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/release"
)

// Bounds of what is taken over from a token. Names and addresses end up in logs, items and mails.
const (
	maxSubject = 255 // OIDC core, 2
	maxName    = 200
	maxEmail   = 254 // RFC 5321, 4.5.3.1.3
)

// callerOf reads a verified token's claims. What is optional and unusable is left out, not refused: the person can
// still work, as a caller without a name or without rights that rest on an e-mail.
func callerOf(claims jwt.MapClaims, rolesClaim string) (release.Caller, error) {
	subject, _ := claims["sub"].(string)
	if subject == "" || len(subject) > maxSubject || !plain(subject) {
		return release.Caller{}, refuse(ClaimMissing, errors.New("sub is missing, too long or not plain text"))
	}
	c := release.Caller{Person: release.Person{Subject: subject}}
	if name, ok := claims["name"].(string); ok && plain(name) && len(name) <= maxName {
		c.Name = strings.TrimSpace(name)
	}
	if email, ok := claims["email"].(string); ok && plain(email) && len(email) <= maxEmail && strings.Contains(email, "@") {
		c.Email = strings.TrimSpace(email)
		c.EmailVerified = isTrue(claims["email_verified"])
	}
	for _, name := range texts(lookUp(claims, rolesClaim)) {
		c.Role = max(c.Role, release.ParseRole(name))
	}
	return c, nil
}

// isTrue accepts the word too: some issuers send email_verified as a string.
func isTrue(claim any) bool {
	switch b := claim.(type) {
	case bool:
		return b
	case string:
		return strings.EqualFold(b, "true")
	}
	return false
}

// texts reads a claim that is a list of strings or one string with spaces or commas between the values, as issuers
// send roles, scopes and audiences in either form.
func texts(claim any) []string {
	switch v := claim.(type) {
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, strings.TrimSpace(s))
			}
		}
		return list
	}
	return nil
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

// plain tells whether a text has no control characters: it will stand in logs, mail headers and calendars.
func plain(s string) bool { return !strings.ContainsFunc(s, unicode.IsControl) }
