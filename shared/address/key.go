package address

import (
	"strings"

	"golang.org/x/net/idna"
)

// fold lower-cases A to Z and nothing else: Unicode folds the Kelvin sign to k and the
// long s to s, which would turn two people into one.
func fold(s string) string {
	folded := []byte(s)
	for i, c := range folded {
		if c >= 'A' && c <= 'Z' {
			folded[i] = c + ('a' - 'A')
		}
	}
	return string(folded)
}

// Key is the form of an address that identifies a person: A to Z folded, and the domain as
// A-labels where it is valid. It also accepts what is not an address, so that rows with
// such a text still have a key.
func Key(s string) string {
	key := fold(s)
	i := strings.LastIndexByte(key, '@')
	if i < 0 || ascii(key[i:]) {
		return key
	}
	if host, err := hostOf(key[i+1:]); err == nil {
		return key[:i+1] + host
	}
	return key
}

// OlderKeys are the other forms under which a row about the address may have been
// stored, when Unicode's lower case was the key.
func OlderKeys(s string) []string {
	var older []string
	key := Key(s)
	add := func(form string) {
		if form = strings.ToLower(form); form != key && (len(older) == 0 || older[0] != form) {
			older = append(older, form)
		}
	}
	add(s)
	if i := strings.LastIndexByte(key, '@'); i >= 0 && strings.Contains(key[i:], "xn--") {
		if host, err := idna.Lookup.ToUnicode(key[i+1:]); err == nil {
			add(s[:strings.LastIndexByte(s, '@')+1] + host)
		}
	}
	return older
}
