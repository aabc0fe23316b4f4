package host

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"example.com/releases/shared/release"
)

// requestIDHeader tells a handler the request's id. What a client sends under this name is replaced.
const requestIDHeader = "X-Request-Id"

// request turns a REST API's event into the request that net/http's server would have made of the same bytes. It fails
// only for a body that is not the base64 it claims to be, or a method that is not a token.
func request(ctx context.Context, event events.APIGatewayProxyRequest) (*http.Request, error) {
	if strings.ContainsFunc(event.HTTPMethod, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
		return nil, fmt.Errorf("method %.20q", event.HTTPMethod) // core would print it, line breaks and all
	}
	header := merged(event.MultiValueHeaders, event.Headers)
	query := url.Values(event.MultiValueQueryStringParameters)
	if len(query) == 0 {
		query = url.Values{}
		for name, value := range event.QueryStringParameters {
			query.Set(name, value)
		}
	}
	domain, source := event.RequestContext.DomainName, event.RequestContext.Identity.SourceIP

	// core builds a URL from these by joining text. It gets only what survives that; the rest is set below.
	event.Path = escaped(withoutBasePath(event.Path, event.Resource))
	event.RequestContext.DomainName = ""
	event.MultiValueQueryStringParameters, event.QueryStringParameters = nil, nil
	event.MultiValueHeaders, event.Headers = nil, nil
	r, err := (&core.RequestAccessor{}).EventToRequest(event)
	if err != nil {
		return nil, err
	}

	r.Header = header
	if r.Host = header.Get("Host"); r.Host == "" {
		r.Host = domain
	}
	header.Del("Host")
	r.URL.Scheme, r.URL.Host = "", ""
	r.URL.RawQuery = query.Encode()
	r.RequestURI = r.URL.RequestURI()
	if source != "" {
		r.RemoteAddr = net.JoinHostPort(source, "0")
	}

	id := event.RequestContext.RequestID
	if lc, ok := lambdacontext.FromContext(ctx); ok && id == "" {
		id = lc.AwsRequestID
	}
	header.Del(requestIDHeader)
	if id != "" {
		header.Set(requestIDHeader, id)
		ctx = context.WithValue(ctx, requestIDKey{}, id)
	}
	if caller, ok := callerOf(event.RequestContext.Authorizer); ok {
		ctx = release.WithCaller(ctx, caller)
	}
	return r.WithContext(ctx), nil
}

// withoutBasePath drops what a custom domain's base path mapping puts in front of the resource: routes do not know
// under which address an organisation mounts the API.
func withoutBasePath(path, resource string) string {
	fixed, _, _ := strings.Cut(resource, "{")
	if fixed == "" || strings.HasPrefix(path, fixed) {
		return path
	}
	if i := strings.Index(path, fixed); i > 0 {
		return path[i:]
	}
	return path
}

// escaped makes a path safe for use in a URL. REST APIs pass paths percent-encoded, as the client sent them; sam local
// and some test events decode them. So escapes stay as they are, and only characters that a URL cannot contain are
// escaped: an id with %2F stays one segment, and a stray ? or # cannot cut the path short.
func escaped(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]) || literal(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// literal tells whether a byte may appear in a path unescaped (RFC 3986, 3.3).
func literal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("/-._~!$&'()*+,;=:@", c) >= 0
}
