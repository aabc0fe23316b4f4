package gateway

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

// authorizer is one of the template's authorizers, with a cache of its answers like API
// Gateway's: one for each value of the identity sources, whatever the method and path, both
// Allow and Deny, for as long as ReauthorizeEvery says. So a policy that names only one method
// blocks all others, and a revoked token still works for a while. Failures are not cached.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
// and https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html
// (authorizerResultTtlInSeconds, identitySource).
type authorizer struct {
	headers       []string
	ask           func(context.Context, events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error)
	cacheDecision time.Duration

	mu    sync.Mutex
	known map[string]remembered
}

type remembered struct {
	answer events.APIGatewayCustomAuthorizerResponse
	until  time.Time
}

func newAuthorizer(a template.Authorizer, f invoke.Function) *authorizer {
	return &authorizer{
		headers: a.Headers, cacheDecision: a.CacheFor, known: map[string]remembered{},
		ask: invoke.Typed[events.APIGatewayCustomAuthorizerRequestTypeRequest, events.APIGatewayCustomAuthorizerResponse](f),
	}
}

// answer returns the cached answer, or asks the function.
func (a *authorizer) answer(r *http.Request, now time.Time, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	values := make([]string, 0, len(a.headers))
	for _, name := range a.headers {
		values = append(values, strings.Join(r.Header.Values(name), ","))
	}
	key := strings.Join(values, "\n") // no header has a line end
	a.mu.Lock()
	known, ok := a.known[key]
	a.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.answer, nil
	}
	answer, err := a.ask(r.Context(), event)
	if err != nil || a.cacheDecision <= 0 || len(a.headers) == 0 {
		return answer, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	const many = 1000
	if len(a.known) >= many {
		clear(a.known)
	}
	a.known[key] = remembered{answer, now.Add(a.cacheDecision)}
	return answer, nil
}
