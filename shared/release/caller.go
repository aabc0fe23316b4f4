package release

import (
	"context"
	"strings"

	"example.com/releases/shared/address"
)

// Role is what a caller may do. Each role includes the ones below it; the zero
// value is a caller with a valid token but no role of ours.
type Role int

// The roles, lowest first.
const (
	NoRole Role = iota
	Viewer
	Auditor
	Admin
)

var roleNames = [...]string{"", "Viewer", "Auditor", "Admin"}

// String returns the role's name as tokens and documents spell it.
func (r Role) String() string {
	if r < NoRole || r > Admin {
		return ""
	}
	return roleNames[r]
}

// ParseRole matches a role's name without regard to case. An unknown name is
// NoRole: identity providers put groups of other systems in the same claim.
func ParseRole(name string) Role {
	for r := Viewer; r <= Admin; r++ {
		if strings.EqualFold(name, roleNames[r]) {
			return r
		}
	}
	return NoRole
}

// Person is who did something, as the token names them.
type Person struct {
	Subject string `json:"sub"`
	Name    string `json:"name,omitempty"`
	Email   string `json:"email,omitempty"`
	// EmailVerified tells whether the token says that the address is the person's own.
	EmailVerified bool `json:"-"`
}

// Author is the name shown beside what the person did: the name, else the
// e-mail, else the subject (a Cognito access token carries nothing else).
func (p Person) Author() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Email != "":
		return p.Email
	}
	return p.Subject
}

// System is the author of what Releases does by itself.
var System = Person{Subject: "system", Name: "Releases"}

// Caller is a person with the role that their token grants.
type Caller struct {
	Person
	Role Role
}

// Owns tells whether the address is the caller's own. Permissions that depend on an e-mail
// address need a verified one, and addresses are compared by their key.
func (c Caller) Owns(email string) bool {
	return c.EmailVerified && c.Email != "" && AddressKey(c.Email) == AddressKey(email)
}

type callerKey struct{}

// WithCaller puts the caller into the context of their request.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of the request; false when nobody was authenticated.
func CallerFrom(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// AddressKey is the form of an e-mail address that identifies a person.
func AddressKey(email string) string { return address.Key(email) }

// Mailable tells whether mail can be sent to an address at all.
func Mailable(email string) bool {
	_, err := address.ASCII(email)
	return err == nil
}

// OlderAddressKeys are the forms under which rows about an address may have been stored
// before AddressKey was what it is.
func OlderAddressKeys(email string) []string { return address.OlderKeys(email) }
