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
	publicURL := publicURL()
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		ctx, cancel := beforeDeadline(ctx)
		defer cancel()
		r, err := request(ctx, event)
		if err != nil {
			slog.WarnContext(ctx, "unreadable event", "error", err.Error())
			return problem(publicURL, http.StatusBadRequest, "invalid-request", "The request is not valid",
				"The method or the encoding of the body cannot be read. Nothing was changed. Correct it and send the request again.", ""), nil
		}
		return answer(h, r, publicURL), nil
	}
}

// answer runs the handler. A panic becomes a 500 that reveals nothing; the log has the details.
func answer(h http.Handler, r *http.Request, publicURL string) (a events.APIGatewayProxyResponse) {
	defer func() {
		if p := recover(); p != nil {
			slog.ErrorContext(r.Context(), "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()),
				"method", r.Method, "path", r.URL.Path)
			a = problem(publicURL, http.StatusInternalServerError, "internal", "Something went wrong here",
				"Something went wrong here, not with your request. It is not known whether anything was changed: read before you "+
					"repeat it. If it happens again, quote the requestId to whoever runs this service.", r.Header.Get(requestIDHeader))
		}
	}()
	w := newResponseWriter()
	h.ServeHTTP(w, r)
	return w.response(r.Method)
}

// problem is an RFC 9457 document for failures outside the handlers, in the same form as the handlers' own.
func problem(publicURL string, status int, code, title, detail, requestID string) events.APIGatewayProxyResponse {
	body, err := json.Marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Detail    string `json:"detail"`
		Code      string `json:"code"`
		RequestID string `json:"requestId,omitempty"`
	}{publicURL + "/problems/" + code, title, status, detail, code, requestID})
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
