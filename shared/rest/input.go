package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// MaxBody bounds a request's body in bytes: far above any release that people plan,
// and below the size of a DynamoDB item.
const MaxBody = 256 << 10

// maxKey bounds an Idempotency-Key.
const maxKey = 255

// request is one call of a route, with what was sent.
type request struct {
	*http.Request
	route  *Route
	params map[string]string
	body   []byte
	pre    operations.Precondition
}

// read takes in the body and the Idempotency-Key.
func (q *request) read() error {
	if q.route.Query == nil {
		// A write takes no parameters: one that was ignored would have been meant to do
		// something.
		if _, err := operations.DecodeParameters[struct{}](q.URL.Query()); err != nil {
			return err
		}
	}
	if q.route.Body == nil {
		return nil
	}
	if coding := strings.Join(q.Header.Values("Content-Encoding"), ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return release.Fail(release.KindUnsupportedMedia, "unsupported-media-type",
			"The body is sent with Content-Encoding: %s, and only bodies without a coding are read.", shorten(coding))
	}
	kind, params, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(q.route.Accepts(), kind) || !isUTF8(params["charset"]) {
		return release.Fail(release.KindUnsupportedMedia, "unsupported-media-type",
			"The body is not JSON in UTF-8 with the header Content-Type: %s.", strings.Join(q.route.Accepts(), " or "))
	}
	q.body, err = io.ReadAll(io.LimitReader(q.Body, MaxBody+1))
	if err != nil {
		return release.Fail(release.KindInvalid, "invalid-json", "The body ended too early.").Because(err)
	}
	if len(q.body) > MaxBody {
		return release.Fail(release.KindTooLarge, "too-large",
			"The body is larger than %d KiB.", MaxBody>>10)
	}
	// A byte order mark is not part of the JSON, but some editors and PowerShell write one
	// (RFC 8259, 8.1: it may be ignored).
	q.body = bytes.TrimPrefix(q.body, []byte("\ufeff"))
	return q.readKey()
}

// notUTF8 refuses a path segment whose escapes are not UTF-8.
func notUTF8(name string) error {
	var f release.ValidationErrors
	f.Add(name, "is not UTF-8")
	return f.Err()
}

// isUTF8 tells whether a charset is that of JSON, or empty, since JSON has no other. Some
// clients write utf8, which is not registered but clear.
func isUTF8(charset string) bool {
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// setAcceptHeaders says with a 415 what would be accepted: content codings (RFC 9110,
// 12.5.3) and patch formats (RFC 5789, 2.2).
func (q *request) setAcceptHeaders(header http.Header) {
	if q.Header.Get("Content-Encoding") != "" {
		header.Set("Accept-Encoding", "identity")
	}
	if q.route.Method == http.MethodPatch {
		header.Set("Accept-Patch", strings.Join(q.route.Accepts(), ", "))
	}
}

// readKey reads the Idempotency-Key. The stored key is a hash that includes the caller and
// the route, so that callers cannot use each other's keys.
func (q *request) readKey() error {
	sent := q.Header.Values("Idempotency-Key")
	if len(sent) == 0 || q.Method != http.MethodPost {
		return nil
	}
	key := sent[0]
	if len(sent) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return headerError("Idempotency-Key", "must be one value of 1 to "+strconv.Itoa(maxKey)+" visible ASCII characters without spaces, such as a UUID")
	}
	who, _ := release.CallerFrom(q.Context())
	h := sha256.New()
	for _, part := range []string{who.Subject, q.Method, q.URL.EscapedPath(), key} {
		io.WriteString(h, strconv.Itoa(len(part))+":"+part) //nolint:errcheck // a hash takes everything
	}
	digest := sha256.Sum256(q.body)
	q.pre.IdempotencyKey = &operations.IdempotencyKey{Key: hex.EncodeToString(h.Sum(nil)), Body: hex.EncodeToString(digest[:])}
	return nil
}

func headerError(name, message string) error {
	return &release.Error{
		Kind: release.KindInvalid, Code: "invalid-header",
		Detail: "The header " + name + " " + message + ".",
		Fields: []release.FieldError{{Field: name, Message: message}},
	}
}

// id is the path's parameter; the operations check it.
func (q *request) id() string { return q.params["id"] }

// query decodes the query's parameters.
func query[T any](q *request) (T, error) {
	return operations.DecodeParameters[T](q.URL.Query())
}

// body decodes the body.
func body[T any](q *request) (T, error) { return operations.Decode[T](q.body) }
