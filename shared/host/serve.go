package host

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// deadlineMargin is kept free before Lambda's deadline, so that there is time to answer, or to report how far a batch
// got, before the process is frozen.
const deadlineMargin = 500 * time.Millisecond

// Function is a Lambda function: a handler made by HTTP or by Events.
type Function struct{ handler any }

// HTTP is the function that answers API Gateway's requests with an ordinary handler.
func HTTP(h http.Handler) Function { return Function{APIHandler(h)} }

// Events is the function that takes the events of a stream, a schedule or an authorizer.
func Events[In, Out any](fn func(context.Context, In) (Out, error)) Function {
	return Function{func(ctx context.Context, in In) (Out, error) {
		ctx, cancel := beforeDeadline(ctx)
		defer cancel()
		return fn(ctx, in)
	}}
}

// Handler returns a function with a signature that aws-lambda-go knows, for another host.
func (f Function) Handler() any { return f.handler }

// Serve runs the function on Lambda. It does not return.
func Serve(f Function) {
	logJSON()
	lambda.Start(f.handler)
}

// beforeDeadline moves the deadline forward by the margin, or by a quarter of what is left if that is less.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, d.Add(-min(deadlineMargin, time.Until(d)/4)))
}
