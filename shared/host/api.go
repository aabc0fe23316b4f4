package host

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/events"
)

// APIHandler lets an ordinary handler answer a REST API's proxy events. In the request's context are the caller that
// the authorizer let through, and a deadline that leaves time to answer. The error is always nil: whatever goes
// wrong, the client gets a problem document.
func APIHandler(h http.Handler) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		ctx, cancel := beforeDeadline(ctx)
		defer cancel()
		r, err := request(ctx, event)
		if err != nil {
			slog.WarnContext(ctx, "unreadable event", "error", err.Error())
			return problem(http.StatusBadRequest, "invalid-request", "The request could not be read. Check its method and body."), nil
		}
		return answer(h, r), nil
	}
}

// answer runs the handler. A panic becomes a 500 that says nothing of what happened; the log says all.
func answer(h http.Handler, r *http.Request) (a events.APIGatewayProxyResponse) {
	defer func() {
		if p := recover(); p != nil {
			id := r.Header.Get(requestIDHeader)
			slog.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()),
				"method", r.Method, "path", r.URL.Path)
			detail := "Something failed on our side. Check whether your change was made before you repeat it."
			if id != "" {
				detail += " If it happens again, report the request id " + id + "."
			}
			a = problem(http.StatusInternalServerError, "internal", detail)
		}
	}()
	w := newResponseWriter()
	h.ServeHTTP(w, r)
	return w.response(r.Method)
}

// problem is an RFC 9457 document for what happens before or below every handler.
func problem(status int, code, detail string) events.APIGatewayProxyResponse {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, code, detail})
	if err != nil {
		panic(err) // strings and a number
	}
	return events.APIGatewayProxyResponse{
		StatusCode: status,
		MultiValueHeaders: map[string][]string{
			"Content-Type":  {"application/problem+json"},
			"Cache-Control": {"no-store"},
		},
		Body: string(body),
	}
}
