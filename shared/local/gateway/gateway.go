// Package gateway stands in for API Gateway's REST API on a laptop: it finds the route of a
// request, asks the authorizer, invokes the function with the event that API Gateway would
// send, and gives the answers of the template's GatewayResponses. It must not know any route,
// role or function of the product except from the template.
package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

// apiID is the id of the API in ARNs and events.
const apiID = "laptop"

// Gateway is the handler of the whole API.
type Gateway struct {
	stage       string
	binary      []string
	routes      []route
	authorizers map[string]*authorizer
	responses   map[string]template.GatewayResponse
	log         *slog.Logger
	now         func() time.Time
}

type route struct {
	template.Route
	segments []string
	function string
	invoke   invoke.Function
}

// New returns a gateway for the template's API. Functions are found by the name of their
// folder; a route without its function is an error.
func New(t *template.Template, functions map[string]invoke.Function, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{stage: t.API.Stage, binary: t.API.BinaryMediaTypes, responses: t.API.GatewayResponses, authorizers: map[string]*authorizer{}, log: log, now: time.Now}
	var missing []error
	names := map[string]string{}
	for _, f := range t.Functions {
		names[f.LogicalID] = f.Name
		for _, r := range f.Routes {
			fn := functions[f.Name]
			if fn == nil {
				missing = append(missing, fmt.Errorf("%s %s needs the function %s, which the laptop host does not have", r.Method, r.Path, f.Name))
				continue
			}
			g.routes = append(g.routes, route{r, strings.Split(strings.Trim(r.Path, "/"), "/"), f.Name, within(maxTime, fn)})
		}
	}
	for _, a := range t.API.Authorizers {
		fn := functions[names[a.Function]]
		if fn == nil {
			missing = append(missing, fmt.Errorf("the authorizer %s needs the function %s, which the laptop host does not have", a.Name, a.Function))
			continue
		}
		g.authorizers[a.Name] = newAuthorizer(a, fn)
	}
	// More specific paths are tried first: /releases/open before /releases/{id}.
	slices.SortStableFunc(g.routes, func(a, b route) int { return strings.Compare(rank(a), rank(b)) })
	return g, errors.Join(missing...)
}

// rank sorts fixed segments before parameters before greedy ones.
func rank(r route) string {
	var key strings.Builder
	for _, s := range r.segments {
		switch {
		case strings.HasSuffix(s, "+}"):
			key.WriteString("2")
		case strings.HasPrefix(s, "{"):
			key.WriteString("1")
		default:
			key.WriteString("0")
		}
	}
	return key.String()
}

// call is one request and what is known about it so far.
type call struct {
	r          *http.Request
	body       []byte
	parameters map[string]string
	id         string
	at         time.Time
}

// ServeHTTP answers a request as the deployed API would.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{r: r, id: invoke.RequestID(), at: time.Now()}
	w.Header().Set("X-Amzn-Requestid", c.id)
	recorded := &recorder{ResponseWriter: w}
	function := g.serve(recorded, &c)
	g.log.Info(r.Method+" "+r.URL.EscapedPath(), "status", recorded.status, "took", time.Since(c.at).Round(time.Millisecond), "function", function)
}

// serve answers a request and returns the name of the function that it invoked, if any.
func (g *Gateway) serve(w http.ResponseWriter, c *call) string {
	if headersTooLarge(c.r) {
		g.refuse(w, c, "REQUEST_TOO_LARGE", "Request Too Long", nil)
		return ""
	}
	found := g.find(c)
	if found == nil {
		g.refuse(w, c, "MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token", nil)
		return ""
	}
	if !readable(c.r.URL.RawQuery) {
		g.refuse(w, c, "BAD_REQUEST_PARAMETERS", "Bad Request", nil)
		return ""
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		g.refuse(w, c, "REQUEST_TOO_LARGE", "Request Too Long", nil)
		return ""
	case err != nil:
		return "" // the client went away in the middle of its request
	}
	c.body = body
	context, ok := g.admit(w, c, *found)
	if !ok {
		return ""
	}
	payload, err := json.Marshal(g.event(c, *found, context))
	if err != nil {
		panic(err) // strings and maps of them
	}
	out, err := found.invoke(c.r.Context(), payload)
	switch {
	case errors.Is(err, invoke.ErrTooLarge) && len(payload) > invoke.MaxPayload:
		g.refuse(w, c, "REQUEST_TOO_LARGE", "Request Too Long", nil)
		return found.function
	case err != nil:
		g.fail(w, c, found.function, err)
		return found.function
	}
	if err := write(w, out); err != nil {
		g.fail(w, c, found.function, err)
	}
	return found.function
}

// readable reports whether a query can be passed on. API Gateway requires pipes and braces to
// be escaped (its guide, "Important notes for REST APIs"). The guide does not say what happens
// to escapes that are not UTF-8; the event is JSON and could not carry them, so they are
// refused here.
func readable(rawQuery string) bool {
	if strings.ContainsAny(rawQuery, "|{}") {
		return false
	}
	values, err := url.ParseQuery(strings.ReplaceAll(rawQuery, ";", "&"))
	for name, all := range values {
		for _, value := range append(all, name) {
			if !utf8.ValidString(value) {
				return false
			}
		}
	}
	return err == nil
}

// fail gives API Gateway's answer for a function that failed.
func (g *Gateway) fail(w http.ResponseWriter, c *call, function string, err error) {
	g.log.Error("a function failed", "function", function, "request", c.id, "error", err)
	if errors.Is(err, errIntegrationTimeout) {
		g.refuse(w, c, "INTEGRATION_TIMEOUT", "Endpoint request timed out", nil)
		return
	}
	g.refuse(w, c, "DEFAULT_5XX", "Internal server error", nil)
}

// find returns the route of a request, if there is one. A slash at the end is ignored, but
// stays in the event's path: AWS's own framework says so of API Gateway and does the same in
// its local server (aws/chalice, chalice/local.py, RouteMatcher).
func (g *Gateway) find(c *call) *route {
	path := c.r.URL.EscapedPath()
	segments := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	for i := range g.routes {
		r := &g.routes[i]
		if r.Method != "ANY" && r.Method != c.r.Method {
			continue
		}
		if parameters, ok := r.match(segments); ok {
			c.parameters = parameters
			return r
		}
	}
	return nil
}

// admit asks the route's authorizer and answers the request if it is refused.
func (g *Gateway) admit(w http.ResponseWriter, c *call, r route) (map[string]any, bool) {
	if r.Authorizer == "" {
		return nil, true
	}
	a := g.authorizers[r.Authorizer]
	for _, name := range a.headers {
		if c.r.Header.Get(name) == "" {
			g.refuse(w, c, "UNAUTHORIZED", "Unauthorized", nil)
			return nil, false
		}
	}
	request := g.authorizerEvent(c, r)
	answer, err := a.answer(c.r, g.now(), request)
	if err != nil {
		g.log.Error("the authorizer failed", "request", c.id, "error", err)
		g.refuse(w, c, "AUTHORIZER_FAILURE", "Internal server error", nil)
		return nil, false
	}
	context := make(map[string]any, len(answer.Context)+1)
	for name, v := range answer.Context {
		context[name] = fmt.Sprint(v) // API Gateway passes everything on as text
	}
	if !allows(answer.PolicyDocument, request.MethodArn) {
		g.refuse(w, c, "ACCESS_DENIED", "User is not authorized to access this resource with an explicit deny", context)
		return nil, false
	}
	context["principalId"] = answer.PrincipalID
	return context, true
}

// allows evaluates a policy for one method: a Deny wins, and whatever is not allowed
// explicitly is denied.
func allows(p events.APIGatewayCustomAuthorizerPolicy, method string) bool {
	allowed := false
	for _, s := range p.Statement {
		if !slices.ContainsFunc(s.Action, func(a string) bool { return wildcard(a, "execute-api:Invoke") }) ||
			!slices.ContainsFunc(s.Resource, func(r string) bool { return wildcard(r, method) }) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = allowed || s.Effect == "Allow"
	}
	return allowed
}

// wildcard matches IAM's * against any text.
func wildcard(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	for text = text[len(head):]; ; text = text[1:] {
		if wildcard(rest, text) {
			return true
		}
		if text == "" {
			return false
		}
	}
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
