package release

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/address"
	"example.com/releases/shared/glyph"
)

// ValidationErrors collects every wrong field of a request, so that one answer names them all.
type ValidationErrors struct {
	Fields []FieldError

	bounds map[string]Bound // the bounds of each field, while BoundsOf runs a check
}

// Add notes a wrong field.
func (f *ValidationErrors) Add(field, format string, args ...any) {
	f.Fields = append(f.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// AddFor notes a field that another operation changes.
func (f *ValidationErrors) AddFor(operation, field, format string, args ...any) {
	f.Fields = append(f.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...), Use: operation})
}

// Err returns the collected errors as one, or nil.
func (f *ValidationErrors) Err() error {
	if len(f.Fields) == 0 {
		return nil
	}
	names := make([]string, 0, len(f.Fields))
	for _, e := range f.Fields {
		names = append(names, e.Field)
	}
	return &Error{
		Kind: KindInvalid, Code: "invalid-request", Fields: f.Fields,
		Detail: "What is wrong with the request: " + strings.Join(names, ", ") + ".",
	}
}

// Line checks a text of one line: bounded, valid UTF-8, and nothing in it that cannot be
// seen (a line break in a name would end up in mail subjects and feeds).
func (f *ValidationErrors) Line(field, s string, minBytes, maxBytes int) {
	f.note(field, Bound{Form: FormLine, Least: minBytes, Most: maxBytes})
	f.text(field, s, minBytes, maxBytes, glyph.Line)
}

// Prose checks a text of several lines.
func (f *ValidationErrors) Prose(field, s string, minBytes, maxBytes int) {
	f.note(field, Bound{Form: FormProse, Least: minBytes, Most: maxBytes})
	f.text(field, s, minBytes, maxBytes, glyph.Prose)
}

func (f *ValidationErrors) text(field, s string, minBytes, maxBytes int, find func(string) (glyph.Hidden, bool)) {
	switch {
	case minBytes > 0 && glyph.Blank(s):
		f.Add(field, "is required and must not be blank (at most %d bytes)", maxBytes)
		return
	case len(s) > maxBytes:
		f.Add(field, "has %d bytes of UTF-8; at most %d are allowed", len(s), maxBytes)
		return
	case !utf8.ValidString(s):
		f.Add(field, "is not valid UTF-8")
		return
	}
	if hidden, found := find(s); found {
		f.Add(field, "contains %v; remove it", hidden)
	} else if strings.TrimSpace(s) != "" && glyph.Blank(s) {
		f.Add(field, "holds nothing that can be seen; leave it out")
	}
}

// Email checks a plain address such as somebody@example.com, to which mail can be sent.
// Empty is allowed where it is not required.
func (f *ValidationErrors) Email(field, s string, required bool) {
	f.note(field, Bound{Form: FormEmail, Most: MaxEmail})
	switch _, err := address.ASCII(s); {
	case s == "" && !required:
	case s == "":
		f.Add(field, "is required: an e-mail address such as somebody@example.com")
	case len(s) > MaxEmail:
		f.Add(field, "has %d bytes of UTF-8; at most %d are allowed", len(s), MaxEmail)
	case err != nil:
		f.Add(field, "%s", err)
	}
}

// Identifier checks an id that people or other systems chose.
func (f *ValidationErrors) Identifier(field, s string) {
	f.note(field, Bound{Form: FormIdentifier, Most: MaxID})
	if !validID(s) {
		f.Add(field, "must be 1 to %d characters, letters, digits, '.', '_', '-' or ':', beginning with a letter or digit", MaxID)
	}
}

// IdentifierOrNone is Identifier for a field that may be left out.
func (f *ValidationErrors) IdentifierOrNone(field, s string) {
	f.note(field, Bound{Form: FormIdentifier, Most: MaxID})
	if s != "" {
		f.Identifier(field, s)
	}
}

// Number checks a whole number, and tells whether it is within its bounds.
func (f *ValidationErrors) Number(field string, n, least, most int) bool {
	f.note(field, Bound{Form: FormNumber, Least: least, Most: most})
	if n < least || n > most {
		f.Add(field, "must be a number from %d to %d", least, most)
		return false
	}
	return true
}

// OneOf checks a word without regard to case. Empty is allowed where it is not required.
func OneOf[T ~string](f *ValidationErrors, field, s string, choices []T, required bool) {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	f.note(field, Bound{Form: FormChoice, Choices: words})
	switch _, known := parseEnum(s, choices); {
	case known:
	case s != "":
		f.Add(field, "must be one of %s%s", Join(choices), meant(s, words))
	case required:
		f.Add(field, "is required, one of %s", Join(choices))
	}
}

// SomeOf checks a list of words without regard to case: at least one, and each at most once.
// what says what they are.
func SomeOf[T ~string](f *ValidationErrors, field, what string, words, choices []T) {
	f.noteList(field, len(choices), func(field, word string) { OneOf(f, field, word, choices, true) })
	if b, recorded := f.bounds[field]; recorded {
		b.MinItems = 1
		f.bounds[field] = b
	}
	if len(words) == 0 || len(words) > len(choices) {
		f.Add(field, "names 1 to %d %s", len(choices), what)
		return
	}
	for n, word := range words {
		at := fmt.Sprintf("%s[%d]", field, n)
		OneOf(f, at, string(word), choices, true)
		if slices.Contains(words[:n], word) {
			f.Add(at, "repeats %s", word)
		}
	}
}

// Only checks a field that accepts a single value, since another operation changes it.
func (f *ValidationErrors) Only(field, s, choice, operation, why string) {
	f.note(field, Bound{Form: FormChoice, Choices: []string{choice}})
	if s != "" && !strings.EqualFold(s, choice) {
		f.AddFor(operation, field, "%s", why)
	}
}

func validID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._-:", rune(c))) {
			return false
		}
	}
	return true
}

// ConfigurationItem checks the id of a configuration item as CMDBs have them: entity
// references, ARNs, GUIDs in braces. It appears in no URL path, so any visible text will do.
func (f *ValidationErrors) ConfigurationItem(field, s string) {
	f.note(field, Bound{Form: FormConfigurationItem, Least: 1, Most: MaxCI})
	if glyph.Blank(s) {
		f.Add(field, "must be 1 to %d bytes of UTF-8", MaxCI)
		return
	}
	f.text(field, s, 1, MaxCI, glyph.Line)
	if strings.TrimSpace(s) != s {
		f.Add(field, "begins or ends with white space; remove it")
	}
}

// ConfigurationItemOrNone is ConfigurationItem for a field that may be left out.
func (f *ValidationErrors) ConfigurationItemOrNone(field, s string) {
	f.note(field, Bound{Form: FormConfigurationItem, Least: 1, Most: MaxCI})
	if s != "" {
		f.ConfigurationItem(field, s)
	}
}

// Identifiers checks a list of ids, each at most once.
func (f *ValidationErrors) Identifiers(field string, ids []string, most int) {
	f.list(field, nil, ids, most, f.Identifier)
}

// list checks the ids of a list that it did not have before.
func (f *ValidationErrors) list(field string, was, is []string, most int, check func(field, id string)) {
	f.noteList(field, most, check)
	if len(is) > most && len(is) > len(was) {
		f.Add(field, "has %d entries; at most %d are allowed", len(is), most)
		return
	}
	seen := make(map[string]bool, len(is))
	for i, id := range is {
		name := fmt.Sprintf("%s[%d]", field, i)
		if !slices.Contains(was, id) {
			check(name, id)
		}
		if seen[id] {
			f.Add(name, "repeats %s", id)
		}
		seen[id] = true
	}
}
