// Package rest is the REST surface: routes, decoding, problem documents, entity tags
// and idempotency keys over the operations. It must know neither storage nor Lambda,
// and holds no rule of its own about releases.
package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// Base is the path that every route begins with.
const Base = "/api"

// API serves some routes: one in a Lambda function, all of them in a test.
type API struct {
	operations *operations.Operations
	routes     []Route
	publicURL  string // the base of problem types
	prefix     string // the path of publicURL, with which every Location begins
	origins    []string
}

// Handler serves the routes on the operations. Any other path or method is a 404 problem,
// as in API Gateway.
func Handler(ops *operations.Operations, routes ...Route) *API {
	return &API{operations: ops, routes: routes}
}

// WithPublicURL sets the public URL, with which the types of problems and every Location
// begin, and the origins whose pages may read the answers.
func (a *API) WithPublicURL(publicURL string, origins []string) *API {
	b := *a
	b.publicURL, b.origins = strings.TrimSuffix(publicURL, "/"), origins
	if u, err := url.Parse(publicURL); err == nil {
		b.prefix = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	return &b
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.allowOrigin(w.Header(), r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	route, params, ok := a.match(r)
	if !ok {
		a.writeProblem(w, r, release.Fail(release.KindNotFound, "not-found",
			"There is no %s %s.", r.Method, shorten(r.URL.Path)))
		return
	}
	q := &request{Request: r, route: route, params: params}
	answer, err := a.call(q)
	if err == nil {
		err = a.write(w, q, answer)
	}
	if err != nil {
		if release.IsKind(err, release.KindUnsupportedMedia) {
			q.setAcceptHeaders(w.Header())
		}
		a.writeProblem(w, r, err)
	}
}

// call reads the request and runs its operation. The role is checked first, so that a
// caller without it learns nothing from the validation of their input.
func (a *API) call(q *request) (reply, error) {
	if err := operations.Admit(q.Context(), q.route.Operation); err != nil {
		return reply{}, err
	}
	for name, value := range q.params {
		if !utf8.ValidString(value) {
			return reply{}, notUTF8(name)
		}
	}
	if err := q.read(); err != nil {
		return reply{}, err
	}
	revisions, err := q.revisions()
	if err != nil {
		return reply{}, err
	}
	none, err := q.wantsNone()
	if err != nil {
		return reply{}, err
	}
	if none {
		revisions = []int{noRevision}
	}
	// A write is conditioned on one revision, but If-Match may list several. At most one of
	// them can be current, so they are tried in turn.
	var answer reply
	for _, revision := range revisions {
		q.pre.IfRevision = revision
		answer, err = q.route.serve(a.operations, q)
		if !release.IsKind(err, release.KindPreconditionFailed) {
			break
		}
	}
	if none && release.IsKind(err, release.KindPreconditionFailed) {
		err = errThere()
	}
	return answer, err
}

// reply is the answer of an operation.
type reply struct {
	value    any    // becomes the body; nil for none
	revision int    // of what the body shows; 0 where it has none
	location string // of what was created, below Base
}

func (a *API) write(w http.ResponseWriter, q *request, answer reply) error {
	if answer.value == nil {
		w.WriteHeader(q.route.Status)
		return nil
	}
	header := w.Header()
	body, err := encode(answer.value)
	contentType := "application/json"
	switch text := answer.value.(type) {
	case operations.Markdown:
		body, contentType = []byte(text), "text/markdown; charset=utf-8" // RFC 7763
	case operations.PlainText:
		body, contentType = []byte(text), "text/plain; charset=utf-8"
	}
	if err != nil {
		return err
	}
	reads := q.route.Method == http.MethodGet
	if reads || answer.revision > 0 {
		header.Set("ETag", entityTag(answer.revision, body))
	}
	if answer.location != "" {
		header.Set("Location", a.prefix+Base+answer.location)
	}
	if reads {
		// Only the caller's own cache may store it, and must revalidate it each time.
		header.Set("Cache-Control", "private, no-cache")
		unchanged, err := q.unchanged(answer.revision, header.Get("ETag"))
		if err != nil {
			return err
		}
		if unchanged {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	header.Set("Content-Type", contentType)
	w.WriteHeader(q.route.Status)
	_, err = w.Write(body)
	if err != nil {
		return errAborted
	}
	return nil
}

// errAborted says that the client went away after the header was sent.
var errAborted = errors.New("the client went away")

// encode writes JSON without escaping <, > and &: escaped, 500 log entries full of them
// would take six times their size and exceed what a Lambda function may answer.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// allowOrigin lets pages of the configured origins read the answer. Preflights are
// answered by the gateway.
func (a *API) allowOrigin(header http.Header, r *http.Request) {
	if len(a.origins) == 0 {
		return
	}
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	for _, allowed := range a.origins {
		if allowed == "*" || origin != "" && allowed == origin {
			header.Set("Access-Control-Allow-Origin", allowed)
			header.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, WWW-Authenticate")
			return
		}
	}
}

// shorten keeps a caller's input from filling an error's detail.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
