package host

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/identity"
	"example.com/releases/shared/release"
)

// The names under which the authorizer passes the caller to the functions, as strings: API Gateway passes no other
// type unchanged.
const (
	keySubject       = "sub"
	keyName          = "name"
	keyEmail         = "email"
	keyEmailVerified = "emailVerified"
	keyRole          = "role"
)

// refusal is what a GatewayResponse may show. Whoever sends a bad token is not told why it is bad; the log says so.
type refusal struct{ code, detail string }

var (
	noToken = refusal{
		"token-missing",
		"This needs an access token. Send it in the header: Authorization: Bearer <token>.",
	}
	badToken = refusal{
		"token-invalid",
		"The access token is not valid here. It may have expired or be meant for another service. Get a new one and repeat the request.",
	}
)

// errNoKeys is the one failure of the authorizer that is not the client's: a Deny would be cached for a good token,
// would tell its owner to get another, and would raise no alarm. An error lets nobody in either; API Gateway answers
// with AUTHORIZER_FAILURE and Lambda counts it.
var errNoKeys = errors.New("host: the issuer's keys cannot be had; tokens cannot be checked")

// Authorize is the function that decides who a request comes from.
func Authorize(c Config) Function { return Events(Authorizer(c.Verifier())) }

// Authorizer is the REST API's REQUEST authorizer. It answers every request with a policy, except where the issuer's
// keys cannot be had: that is an error, and nobody is let in.
func Authorizer(v *identity.Verifier) func(context.Context, events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	return func(ctx context.Context, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
		ctx = context.WithValue(ctx, requestIDKey{}, event.RequestContext.RequestID)
		resource, ok := stageARN(event.MethodArn)
		if !ok {
			slog.ErrorContext(ctx, "authorizer called with an unusable methodArn", "methodArn", event.MethodArn)
			return deny("*", badToken), nil
		}
		token, ok := bearer(event)
		if !ok {
			return deny(resource, noToken), nil
		}
		caller, err := v.Verify(ctx, token)
		switch why := reasonOf(err); {
		case err == nil:
			return allow(resource, caller), nil
		case why == identity.KeysUnavailable:
			slog.ErrorContext(ctx, "the issuer's keys cannot be had; requests are refused", "error", err.Error())
			return events.APIGatewayCustomAuthorizerResponse{}, errNoKeys
		default:
			slog.InfoContext(ctx, "token refused", "reason", string(why), "error", err.Error())
			return deny(resource, badToken), nil
		}
	}
}

// reasonOf tells why a token was refused.
func reasonOf(err error) identity.Reason {
	if refused := (*identity.Error)(nil); errors.As(err, &refused) {
		return refused.Reason
	}
	return identity.Malformed
}

// stageARN widens the method that is called to the whole API. API Gateway caches the policy by token, so one that
// names a single method would refuse the same person's next request to another.
func stageARN(methodARN string) (string, bool) {
	part := strings.SplitN(methodARN, "/", 3)
	if len(part) < 3 || part[1] == "" || !strings.HasPrefix(methodARN, "arn:") || !strings.Contains(part[0], ":execute-api:") {
		return "", false
	}
	return part[0] + "/" + part[1] + "/*/*", true
}

// bearer finds the token. Header names come as the client wrote them. Two different headers count as none: which of
// them applies must not be left to chance.
func bearer(event events.APIGatewayCustomAuthorizerRequestTypeRequest) (string, bool) {
	values := merged(event.MultiValueHeaders, event.Headers).Values("Authorization")
	if len(values) == 0 {
		return "", false
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return "", false
		}
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	return token, token != "" && strings.EqualFold(scheme, "Bearer")
}

// merged is an event's headers as net/http has them. Events made by hand often have one form only.
func merged(multi map[string][]string, single map[string]string) http.Header {
	h := make(http.Header, len(multi)+1)
	for name, values := range multi {
		for _, value := range values {
			h.Add(name, value)
		}
	}
	for name, value := range single {
		if _, have := h[http.CanonicalHeaderKey(name)]; !have {
			h.Set(name, value)
		}
	}
	return h
}

func allow(resource string, c release.Caller) events.APIGatewayCustomAuthorizerResponse {
	return policy("Allow", c.Subject, resource, map[string]any{
		keySubject:       c.Subject,
		keyName:          c.Name,
		keyEmail:         c.Email,
		keyEmailVerified: strconv.FormatBool(c.EmailVerified),
		keyRole:          c.Role.String(),
	})
}

func deny(resource string, why refusal) events.APIGatewayCustomAuthorizerResponse {
	return policy("Deny", "nobody", resource, map[string]any{"code": why.code, "detail": why.detail})
}

func policy(effect, principal, resource string, about map[string]any) events.APIGatewayCustomAuthorizerResponse {
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: principal,
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version: "2012-10-17",
			Statement: []events.IAMPolicyStatement{{
				Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{resource},
			}},
		},
		Context: about,
	}
}

// callerOf reads what allow wrote, after API Gateway handed it on.
func callerOf(authorizer map[string]any) (release.Caller, bool) {
	text := func(key string) string {
		s, _ := authorizer[key].(string)
		return s
	}
	c := release.Caller{
		Person: release.Person{
			Subject: text(keySubject), Name: text(keyName), Email: text(keyEmail), EmailVerified: text(keyEmailVerified) == "true",
		},
		Role: release.ParseRole(text(keyRole)),
	}
	return c, c.Subject != ""
}
