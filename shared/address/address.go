// Package address defines which e-mail addresses mail can be sent to, the key of an address
// that identifies a person, and its form in the header of a mail.
// It must know neither releases nor how mail is sent.
package address

import (
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"example.com/releases/shared/glyph"
)

// The bounds of an address in bytes, in the form in which it is sent.
const (
	Max       = 254 // RFC 5321, 4.5.3.1.3
	MaxLocal  = 64  // RFC 5321, 4.5.3.1.1
	maxLabel  = 63  // RFC 1035, 2.3.4
	MaxHeader = 320 // of an address with its name; SES refuses more (see the mailbox of the laptop host)
)

// plain says what is expected where a text is not an address at all.
const plain = "is not a plain e-mail address such as somebody@example.com (at most 254 bytes)"

// ASCII returns an address in the form in which mail is sent to it: the domain as
// A-labels (RFC 5890), the rest as it is. The error, to be read after the name of a field,
// says why no mail can be sent to it.
func ASCII(s string) (string, error) {
	for i, r := range s {
		switch h, hidden := glyph.Line(string(r)); {
		case joins(r) && i > strings.LastIndexByte(s, '@'):
			// In a host's name, whether it has its place is a matter of RFC 5892.
		case hidden && !unicode.IsSpace(r):
			return "", fmt.Errorf("contains %U, %s; remove it", h.Rune, h.Kind)
		case glyph.Blank(string(r)):
			return "", fmt.Errorf("contains %U, which is white space; remove it", r)
		}
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || strings.Contains(domain, "@") {
		return "", errors.New(plain)
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	host, err := hostOf(domain)
	if err != nil {
		return "", err
	}
	if n := len(local) + 1 + len(host); n > Max {
		return "", fmt.Errorf("has %d bytes in the form in which mail is sent; at most %d are allowed", n, Max)
	}
	return local + "@" + host, nil
}

func joins(r rune) bool { return r == '\u200C' || r == '\u200D' }

// checkLocal checks the part before the @: RFC 5321's Dot-string in ASCII. SES does not
// support RFC 6531, which would allow other letters.
func checkLocal(local string) error {
	switch {
	case local == "":
		return errors.New(plain)
	case len(local) > MaxLocal:
		return fmt.Errorf("has %d bytes before the @; at most %d are allowed", len(local), MaxLocal)
	case local[0] == '.', local[len(local)-1] == '.', strings.Contains(local, ".."):
		return errors.New("has a dot before the @ that stands at an end or beside another; remove it")
	}
	for _, r := range local {
		switch {
		case r >= 0x80:
			return fmt.Errorf("has %q before the @, where mail can be sent to plain ASCII letters only; use another address of theirs", r)
		case !letterOrDigit(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r):
			return fmt.Errorf("has %q before the @, which has no place in a plain address", r)
		}
	}
	return nil
}

func letterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// hostOf checks the part after the @ and returns it as A-labels.
func hostOf(domain string) (string, error) {
	if domain == "" {
		return "", errors.New(plain)
	}
	if strings.HasPrefix(domain, "[") {
		return "", errors.New("names a host by its IP address; use the host's name")
	}
	labels := strings.Split(domain, ".")
	for i, label := range labels {
		a, err := labelOf(label)
		if err != nil {
			return "", fmt.Errorf("names no host after the @: %w", err)
		}
		labels[i] = a
	}
	if len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", errors.New("names no host after the @ that mail could be sent to: such a name has a dot and does not end in a number")
	}
	return strings.Join(labels, "."), nil
}

// labelOf checks one label of a host name and returns it as an A-label.
func labelOf(label string) (string, error) {
	a := fold(label)
	if !ascii(label) || strings.HasPrefix(a, "xn--") {
		var err error
		if a, err = idna.Lookup.ToASCII(label); err == nil && strings.HasPrefix(a, "xn--") {
			_, err = idna.Lookup.ToASCII(a) // what it is read back as may be none itself
		}
		if err != nil {
			return "", fmt.Errorf("%q is no part of an internationalised name", label)
		}
		if !strings.HasPrefix(a, "xn--") {
			// Letters that only look like others, or are ignored, made a name of plain letters.
			return "", fmt.Errorf("%q would be %q; write it so", label, a)
		}
	}
	switch {
	case a == "":
		return "", errors.New("there is nothing between two dots, or at an end")
	case len(a) > maxLabel:
		return "", fmt.Errorf("a part of it has %d bytes; at most %d are allowed", len(a), maxLabel)
	case a[0] == '-', a[len(a)-1] == '-':
		return "", fmt.Errorf("%q begins or ends with a hyphen", label)
	case strings.ContainsFunc(a, func(r rune) bool { return !letterOrDigit(r) && r != '-' }):
		return "", fmt.Errorf("%q holds more than letters, digits and hyphens", label)
	}
	return a, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// Header writes an address with a name before it, for the header of a mail. Where both are
// too long for SES, the name is cut.
func Header(name, s string) (string, error) {
	to, err := ASCII(s)
	if err != nil {
		return "", err
	}
	for name = strings.TrimSpace(name); name != ""; name = strings.TrimSpace(glyph.Cut(name, len(name)-1)) {
		if h := named(name, to); len(h) <= MaxHeader {
			return h, nil
		}
	}
	return to, nil
}

// named encodes the name, so that nothing in it is taken for syntax, in the shorter of the
// two encodings of RFC 2047.
func named(name, to string) string {
	q := (&mail.Address{Name: name, Address: to}).String()
	if b := mime.BEncoding.Encode("utf-8", name) + " <" + to + ">"; !ascii(name) && len(b) < len(q) {
		return b
	}
	return q
}
