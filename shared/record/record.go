// Package record defines the form in which log entries can still be proved years later: the
// bytes of an entry and, beside them, the texts and names that the bytes contain only as
// salted hashes, so that a text can be erased and the entry still be proved. It also verifies
// such proofs. It knows the domain's log entries; it must know neither storage nor transport.
package record

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Entry is an entry as it is stored. What is proved is the hash of Bytes, so they are never
// re-encoded.
type Entry struct {
	Bytes string
	// Values are the texts and names by their role in the entry: saltSize random bytes
	// followed by the value. Bytes contains the SHA-256 of both together, in base64. A missing
	// value was erased.
	Values map[string][]byte
}

// saltSize is how many random bytes precede a value, so that a short text cannot be guessed
// from its hash.
const saltSize = 16

const timeLayout = "2006-01-02T15:04:05.000Z"

// form is the JSON form of an entry's bytes. A field of type hash refers to a value in
// Values.
type form struct {
	Version    int                       `json:"v"`
	Of         string                    `json:"of"`
	Key        string                    `json:"key"`
	Kind       release.LogKind           `json:"kind"`
	At         string                    `json:"at"`
	Subject    hash                      `json:"subject,omitempty"`
	Author     hash                      `json:"author,omitempty"`
	Email      hash                      `json:"email,omitempty"`
	Unverified bool                      `json:"unverified,omitempty"`
	Text       hash                      `json:"text,omitempty"`
	Status     release.Status            `json:"status,omitempty"`
	Release    string                    `json:"release,omitempty"`
	Change     string                    `json:"change,omitempty"`
	Decision   release.CABDecision       `json:"decision,omitempty"`
	Digest     string                    `json:"digest,omitempty"`
	Changes    []changeForm              `json:"changes,omitempty"`
	Added      []release.ScopedChange    `json:"added,omitempty"`
	Removed    []release.ScopedChange    `json:"removed,omitempty"`
	Step       *release.StepCompletion   `json:"step,omitempty"`
	Settlement *release.SettlementCounts `json:"settlement,omitempty"`
	Erased     *release.ErasedWords      `json:"erased,omitempty"`
	Hold       *holdForm                 `json:"hold,omitempty"`
}

// holdForm says that a hold was placed or lifted. The holder is a hash because it identifies a
// person.
type holdForm struct {
	Placed bool `json:"placed"`
	Holder hash `json:"holder"`
}

// changeForm is a field that was written. Was is the fingerprint of the old value; it is
// salted too, because a short value could be guessed from an unsalted one.
type changeForm struct {
	Field string `json:"field"`
	To    hash   `json:"to,omitempty"`
	Was   hash   `json:"was,omitempty"`
}

type hash string

// Encode puts an entry into its form. of is the release or change request whose log it is in;
// key is its key there. Salts are random, so encoding the same entry twice gives different
// bytes.
func Encode(of, key string, e release.LogEntry) Entry {
	values := map[string][]byte{}
	salted := func(name, value string) hash {
		if value == "" {
			return ""
		}
		v := make([]byte, saltSize, saltSize+len(value))
		_, _ = rand.Read(v) // never fails: https://pkg.go.dev/crypto/rand#Read
		values[name] = append(v, value...)
		return hashOf(values[name])
	}
	f := form{
		Version: 1, Of: of, Key: key, Kind: e.Kind, At: e.Timestamp.UTC().Format(timeLayout),
		Subject: salted("subject", e.Subject), Author: salted("author", e.Author), Email: salted("email", e.AuthorEmail),
		Unverified: e.AuthorEmailVerified != nil && !*e.AuthorEmailVerified, Text: salted("text", e.Text), Status: e.Status,
		Release: e.ReleaseID, Change: e.ChangeRequestID, Decision: e.Decision, Digest: e.Digest,
		Added: e.Added, Removed: e.Removed, Step: e.Step, Settlement: e.Settlement, Erased: e.Erased,
	}
	if e.Hold != nil {
		f.Hold = &holdForm{Placed: e.Hold.Placed, Holder: salted("holder", e.Hold.Holder)}
	}
	for n, c := range e.Changes {
		f.Changes = append(f.Changes, changeForm{
			Field: c.Field, To: salted(toName(n), c.To), Was: salted(wasName(n), encodeFingerprint(c.Was)),
		})
	}
	return Entry{Bytes: marshal(f), Values: values}
}

// Decode reads an entry back, without what was erased from it. The ID it returns is the key in
// the log, which callers may convert to another form.
func (e Entry) Decode() (release.LogEntry, error) {
	var f form
	if err := json.Unmarshal([]byte(e.Bytes), &f); err != nil {
		return release.LogEntry{}, fmt.Errorf("record: an entry is not in its form: %w", err)
	}
	at, err := time.Parse(timeLayout, f.At)
	if err != nil {
		return release.LogEntry{}, fmt.Errorf("record: the time of an entry: %w", err)
	}
	d := release.LogEntry{
		ID: f.Key, Kind: f.Kind, Timestamp: at, Subject: e.value("subject"), Author: e.value("author"), AuthorEmail: e.value("email"),
		Text: e.value("text"), Status: f.Status, ReleaseID: f.Release, ChangeRequestID: f.Change, Decision: f.Decision, Digest: f.Digest,
		Added: f.Added, Removed: f.Removed, Step: f.Step, Settlement: f.Settlement, Erased: f.Erased,
	}
	if f.Unverified {
		d.AuthorEmailVerified = new(bool)
	}
	if f.Hold != nil {
		d.Hold = &release.HoldChange{Placed: f.Hold.Placed, Holder: e.value("holder")}
	}
	for n, c := range f.Changes {
		d.Changes = append(d.Changes, release.FieldChange{Field: c.Field, To: e.value(toName(n)), Was: decodeFingerprint(e.value(wasName(n)))})
	}
	return d, nil
}

func (e Entry) value(name string) string {
	v := e.Values[name]
	if len(v) <= saltSize {
		return ""
	}
	return string(v[saltSize:])
}

func toName(n int) string  { return "to" + strconv.Itoa(n) }
func wasName(n int) string { return "was" + strconv.Itoa(n) }

func hashOf(v []byte) hash {
	sum := sha256.Sum256(v)
	return hash(base64.RawStdEncoding.EncodeToString(sum[:]))
}

// fingerprint returns the fingerprint of a value; nil for an empty one.
func fingerprint(value string) *release.Fingerprint {
	if value == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(value))
	return &release.Fingerprint{SHA256: hex.EncodeToString(sum[:]), Bytes: len(value)}
}

func encodeFingerprint(f *release.Fingerprint) string {
	if f == nil {
		return ""
	}
	return f.SHA256 + " " + strconv.Itoa(f.Bytes)
}

func decodeFingerprint(s string) *release.Fingerprint {
	sum, size, written := strings.Cut(s, " ")
	n, err := strconv.Atoi(size)
	if !written || err != nil {
		return nil
	}
	return &release.Fingerprint{SHA256: sum, Bytes: n}
}

// marshal encodes JSON as it is hashed and stored: without HTML escaping.
func marshal(v any) string {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		panic("record: " + err.Error()) // a type that JSON cannot encode: a mistake in the code
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// ValueNames translates the parts of an entry that callers can erase into the names of its
// values: author, authorEmail, subject, text, and changes, which covers every changed field's
// new value and the fingerprint of its old one.
func ValueNames(entryBytes string, shown []release.Erasable) []string {
	var f form
	_ = json.Unmarshal([]byte(entryBytes), &f) // bytes that cannot be parsed have no known values
	var names []string
	for _, name := range shown {
		switch name {
		case "authorEmail":
			names = append(names, "email")
		case "subject":
			names = append(names, "subject", "holder") // the holder is identified by the same subject
		case "changes":
			for n := range f.Changes {
				names = append(names, toName(n), wasName(n))
			}
		default:
			names = append(names, string(name))
		}
	}
	return names
}
