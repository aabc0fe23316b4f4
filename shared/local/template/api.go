package template

import (
	"regexp"
	"strings"
)

func readAPI(o *object, id string) API {
	a := API{LogicalID: id, Stage: o.need("StageName"), GatewayResponses: make(map[string]GatewayResponse)}
	for _, kind := range o.strs("BinaryMediaTypes") {
		a.BinaryMediaTypes = append(a.BinaryMediaTypes, strings.ReplaceAll(kind, "~1", "/"))
	}
	if o.has("Auth") {
		auth := o.object("Auth")
		a.DefaultAuthorizer = auth.str("DefaultAuthorizer")
		auth.each("Authorizers", func(name string, x *object) {
			a.Authorizers = append(a.Authorizers, readAuthorizer(name, x))
		})
		auth.ignore("AddDefaultAuthorizerToCorsPreflight")
		auth.done()
	}
	o.each("GatewayResponses", func(name string, g *object) {
		a.GatewayResponses[name] = readGatewayResponse(g)
	})
	// These harden or observe the API on AWS; they change no answer that matters to a function.
	o.ignore("Name", "Description", "EndpointConfiguration", "TracingEnabled", "AccessLogSetting", "MethodSettings",
		"Tags", "PropagateTags", "AlwaysDeploy", "OpenApiVersion", "MinimumCompressionSize", "SecurityPolicy")
	o.done()
	return a
}

func readAuthorizer(name string, x *object) Authorizer {
	a := Authorizer{Name: name, Function: x.function("FunctionArn")}
	x.oneOf("FunctionPayloadType", "REQUEST")
	identity := x.object("Identity")
	a.Headers = identity.strs("Headers")
	a.CacheFor = identity.seconds("ReauthorizeEvery", 300)
	identity.done()
	x.done()
	return a
}

var quoted = regexp.MustCompile(`^'(.*)'$`)

func readGatewayResponse(g *object) GatewayResponse {
	r := GatewayResponse{StatusCode: g.integer("StatusCode", 0), Headers: make(map[string]string), Templates: g.texts("ResponseTemplates")}
	parameters := g.object("ResponseParameters")
	for name, value := range parameters.texts("Headers") {
		// API Gateway wants static values in single quotes; the rest are references.
		m := quoted.FindStringSubmatch(value)
		if m == nil && !strings.HasPrefix(value, "context.") && !strings.HasPrefix(value, "method.") {
			g.problems.add(g.path+".ResponseParameters.Headers."+name, "is %q; a static value stands in single quotes", value)
			continue
		}
		if m == nil {
			g.problems.add(g.path+".ResponseParameters.Headers."+name, "is %q; a reference is not understood here", value)
			continue
		}
		r.Headers[name] = m[1]
	}
	parameters.done()
	g.done()
	return r
}
