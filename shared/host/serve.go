package host

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// deadlineMargin is kept back from Lambda's deadline, so that there is time to answer, or to report how far a batch
// got, before the process is frozen.
const deadlineMargin = 500 * time.Millisecond

// ServeHTTP serves API Gateway's requests with an ordinary handler. It does not return.
func ServeHTTP(h http.Handler) {
	logJSON()
	lambda.StartHandlerFunc(APIHandler(h))
}

// ServeEvents serves the events of a stream, a schedule or an authorizer. It does not return.
func ServeEvents[In, Out any](fn func(context.Context, In) (Out, error)) {
	logJSON()
	lambda.StartHandlerFunc(func(ctx context.Context, in In) (Out, error) {
		ctx, cancel := beforeDeadline(ctx)
		defer cancel()
		return fn(ctx, in)
	})
}

// beforeDeadline moves the deadline forward by the margin, or by a quarter of what is left if that is less.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, d.Add(-min(deadlineMargin, time.Until(d)/4)))
}
