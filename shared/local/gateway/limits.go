package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"example.com/releases/shared/local/invoke"
)

// API Gateway's quotas for REST APIs, of which only the last can be raised:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
const (
	maxBody    = 10 << 20         // a request's payload
	maxHeaders = 10_240           // the request line and all header values together
	maxTime    = 29 * time.Second // from the invocation to the answer
)

// headersTooLarge reports whether the request line and header values exceed the quota. The
// page does not say what the answer is; here it is the same as for a body that is too large.
func headersTooLarge(r *http.Request) bool {
	size := len(r.Method) + 1 + len(r.URL.RequestURI()) + 1 + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	return size > maxHeaders
}

var errIntegrationTimeout = errors.New("the function did not answer in the time that API Gateway gives it")

// within waits for a function only as long as API Gateway would. The invocation continues, as
// on Lambda.
func within(most time.Duration, f invoke.Function) invoke.Function {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		type result struct {
			out []byte
			err error
		}
		answered := make(chan result, 1)
		go func() {
			out, err := f(ctx, payload)
			answered <- result{out, err}
		}()
		timer := time.NewTimer(most)
		defer timer.Stop()
		select {
		case r := <-answered:
			return r.out, r.err
		case <-timer.C:
			return nil, errIntegrationTimeout
		}
	}
}
