package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// Route is one endpoint: a value of its own that holds its handler, so that a binary
// which serves one route links one operation. Everything that serves, describes or
// tests the endpoint reads it from here.
type Route struct {
	Operation operations.Name // also the name of its function's folder
	Method    string
	Path      string // with {parameters}, below Base
	Status    int    // of success
	Summary   string // one line, for people
	About     string // what else a caller has to know, as Markdown

	// What goes in and out, as nil pointers of the types: data only, for the document.
	Query, Body, Answer any

	// Guarded tells that the write is conditioned on If-Match.
	Guarded bool

	// Refusals are the codes of problems that this route has besides those that every
	// route of its shape has, for the document.
	Refusals []string

	serve func(*operations.Operations, *request) (reply, error)
}

// Routes lists every endpoint, from a list beside each noun's routes. It is for the laptop
// host, the document and tests: a function that called it would link them all.
func Routes() []Route {
	return slices.Concat(releaseRoutes(), rolloutRoutes(), changeRoutes(), taskRoutes(), recordRoutes())
}

// Accepts lists the media types of the route's body.
func (r Route) Accepts() []string {
	if r.Method == http.MethodPatch {
		return []string{"application/merge-patch+json", "application/json"}
	}
	return []string{"application/json"}
}

// Methods lists the methods of the route: HEAD wherever GET is (RFC 9110, 9.1).
func (r Route) Methods() []string {
	if r.Method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.Method}
}

// Role is the role that the route needs.
func (r Route) Role() release.Role { return operations.Roles[r.Operation] }

// match finds the route of a request and the parameters in its path. It compares
// segment by segment before unescaping, so that an id with an escaped slash in it
// stays one id; net/http's ServeMux would redirect unclean paths and answer 405.
// HEAD is GET without the body (RFC 9110, 9.3.2), which net/http and API Gateway leave
// out. One slash at the end is ignored.
func (a *API) match(r *http.Request) (*Route, map[string]string, bool) {
	path, below := strings.CutPrefix(r.URL.EscapedPath(), Base+"/")
	if !below {
		return nil, nil, false
	}
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range a.routes {
		route := &a.routes[i]
		if route.Method != method {
			continue
		}
		if params, ok := route.bind(segments); ok {
			return route, params, true
		}
	}
	return nil, nil, false
}

func (r *Route) bind(segments []string) (map[string]string, bool) {
	pattern := strings.Split(r.Path[1:], "/")
	if len(pattern) != len(segments) {
		return nil, false
	}
	params := make(map[string]string, 2)
	for i, p := range pattern {
		if name, isParam := parameter(p); isParam {
			value, err := url.PathUnescape(segments[i])
			if err != nil || value == "" {
				return nil, false
			}
			params[name] = value
		} else if p != segments[i] {
			return nil, false
		}
	}
	return params, true
}

// Parameters lists the names of the path's parameters in order.
func (r Route) Parameters() []string {
	var names []string
	for p := range strings.SplitSeq(r.Path, "/") {
		if name, isParam := parameter(p); isParam {
			names = append(names, name)
		}
	}
	return names
}

func parameter(segment string) (string, bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return "", false
}

// Find returns the route of an operation among some.
func Find(routes []Route, op operations.Name) (Route, bool) {
	i := slices.IndexFunc(routes, func(r Route) bool { return r.Operation == op })
	if i < 0 {
		return Route{}, false
	}
	return routes[i], true
}
