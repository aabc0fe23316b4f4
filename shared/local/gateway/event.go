package gateway

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/invoke"
)

// match compares a path with the route's, segment by segment. Both are still escaped, so that
// an id with %2F is one segment.
func (r *route) match(segments []string) (map[string]string, bool) {
	parameters := map[string]string{}
	for i, want := range r.segments {
		name, isParameter := strings.CutPrefix(want, "{")
		name = strings.TrimSuffix(name, "}")
		greedy, isGreedy := strings.CutSuffix(name, "+")
		switch {
		case i >= len(segments):
			return nil, false
		case isParameter && isGreedy:
			rest := strings.Join(segments[i:], "/")
			parameters[greedy] = unescape(rest)
			return parameters, rest != ""
		case isParameter:
			if segments[i] == "" {
				return nil, false
			}
			parameters[name] = unescape(segments[i])
		case want != unescape(segments[i]):
			return nil, false
		}
	}
	return parameters, len(segments) == len(r.segments)
}

func unescape(s string) string {
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// headers returns the request's headers and those that API Gateway adds, in both forms of the
// event.
func headers(r *http.Request) (single map[string]string, multi map[string][]string) {
	multi = r.Header.Clone()
	multi["Host"] = []string{r.Host}
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
	}
	multi["X-Forwarded-For"] = append(multi["X-Forwarded-For"], sourceIP(r))
	multi["X-Forwarded-Port"], multi["X-Forwarded-Proto"] = []string{port}, []string{"http"}
	single = make(map[string]string, len(multi))
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	return single, multi
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "127.0.0.1"
	}
	return host
}

func query(r *http.Request) (single map[string]string, multi map[string][]string) {
	// A semicolon splits the query (API Gateway's guide, "Important notes for REST APIs").
	multi, _ = url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "&"))
	if len(multi) == 0 {
		return nil, nil // null in the event, as on AWS
	}
	single = make(map[string]string, len(multi))
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	return single, multi
}

// orNull keeps an empty map out of the event: API Gateway writes null.
func orNull(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}

// event returns the event for the function.
func (g *Gateway) event(c *call, r route, authorizer map[string]any) events.APIGatewayProxyRequest {
	e := events.APIGatewayProxyRequest{
		Resource: r.Path, Path: c.r.URL.EscapedPath(), HTTPMethod: c.r.Method,
		PathParameters: orNull(c.parameters), Body: string(c.body),
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID: invoke.Account, ResourceID: "local", APIID: apiID, Stage: g.stage, DomainName: c.r.Host, DomainPrefix: apiID,
			RequestID: c.id, ExtendedRequestID: c.id, Protocol: c.r.Proto, HTTPMethod: c.r.Method,
			ResourcePath: r.Path, Path: "/" + g.stage + c.r.URL.EscapedPath(),
			RequestTime: c.at.UTC().Format("02/Jan/2006:15:04:05 -0700"), RequestTimeEpoch: c.at.UnixMilli(),
			Identity:   events.APIGatewayRequestIdentity{SourceIP: sourceIP(c.r), UserAgent: c.r.UserAgent()},
			Authorizer: authorizer,
		},
	}
	e.Headers, e.MultiValueHeaders = headers(c.r)
	e.QueryStringParameters, e.MultiValueQueryStringParameters = query(c.r)
	// Bodies are text in UTF-8, and invalid bytes in them are lost; only a media type that the
	// API lists as binary arrives as the bytes that were sent, in base64 (API Gateway's guide,
	// "Working with binary media types for REST APIs").
	if g.takesBytes(c.r.Header.Get("Content-Type")) && len(c.body) > 0 {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(c.body), true
	} else {
		e.Body = strings.ToValidUTF8(e.Body, "\ufffd")
	}
	return e
}

// takesBytes reports whether a media type is listed as binary. A request without one is
// treated as JSON.
func (g *Gateway) takesBytes(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind == "" {
		kind = "application/json"
	}
	class, _, _ := strings.Cut(kind, "/")
	return slices.ContainsFunc(g.binary, func(b string) bool { return b == "*/*" || b == class+"/*" || b == kind })
}

// authorizerEvent returns the event for a REQUEST authorizer: everything but the body.
func (g *Gateway) authorizerEvent(c *call, r route) events.APIGatewayCustomAuthorizerRequestTypeRequest {
	e := events.APIGatewayCustomAuthorizerRequestTypeRequest{
		Type:      "REQUEST",
		MethodArn: "arn:aws:execute-api:local:" + invoke.Account + ":" + apiID + "/" + g.stage + "/" + c.r.Method + c.r.URL.EscapedPath(),
		Resource:  r.Path, Path: c.r.URL.EscapedPath(), HTTPMethod: c.r.Method, PathParameters: orNull(c.parameters),
		RequestContext: events.APIGatewayCustomAuthorizerRequestTypeRequestContext{
			Path: "/" + g.stage + c.r.URL.EscapedPath(), AccountID: invoke.Account, ResourceID: "local", Stage: g.stage, RequestID: c.id,
			Identity:     events.APIGatewayCustomAuthorizerRequestTypeRequestIdentity{SourceIP: sourceIP(c.r)},
			ResourcePath: r.Path, HTTPMethod: c.r.Method, APIID: apiID,
		},
	}
	e.Headers, e.MultiValueHeaders = headers(c.r)
	e.QueryStringParameters, e.MultiValueQueryStringParameters = query(c.r)
	return e
}
