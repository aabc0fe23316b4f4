// Package invoke runs a handler as Lambda runs a function: JSON in and out, a
// deadline, a request id, bounds on both payloads, and a panic that ends the
// invocation but not the process. It must not know what any function does.
package invoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Function is a Lambda function that can be invoked, wherever it runs.
type Function func(ctx context.Context, payload []byte) ([]byte, error)

// MaxPayload is Lambda's limit on the request and on the response of a synchronous invocation.
const MaxPayload = 6 << 20

// ErrTooLarge is the error of an invocation whose payload exceeds the limit.
var ErrTooLarge = errors.New("the payload is over Lambda's 6 MB")

// ErrTimeout is the error of an invocation that exceeds its timeout.
var ErrTimeout = errors.New("the function timed out")

// InProcess returns a function that runs a handler, with any of the signatures that
// aws-lambda-go supports.
func InProcess(name string, timeout time.Duration, handler any) Function {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		if len(payload) > MaxPayload {
			return nil, ErrTooLarge
		}
		// Lambda finishes an invocation even when the caller is gone.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
			AwsRequestID: RequestID(), InvokedFunctionArn: "arn:aws:lambda:local:" + Account + ":function:" + name,
		})
		type result struct {
			out []byte
			err error
		}
		answered := make(chan result, 1)
		go func() {
			var r result
			defer func() {
				if p := recover(); p != nil {
					r = result{err: fmt.Errorf("%s panicked: %v\n%s", name, p, debug.Stack())}
				}
				answered <- r
			}()
			// Each invocation gets its own handler: aws-lambda-go reuses the buffer of an
			// answer as soon as it has returned it, because a sandbox runs one invocation at a
			// time.
			r.out, r.err = lambda.NewHandler(handler).Invoke(ctx, payload)
		}()
		var r result
		select {
		case r = <-answered:
		case <-ctx.Done():
			// A goroutine cannot be killed; it may still do what a frozen sandbox may do when
			// it is resumed.
			return nil, fmt.Errorf("%s: %w after %s", name, ErrTimeout, timeout)
		}
		if r.err == nil && len(r.out) > MaxPayload {
			return nil, fmt.Errorf("the answer of %s: %w", name, ErrTooLarge)
		}
		return r.out, r.err
	}
}

// Typed wraps a function for callers that have values instead of JSON.
func Typed[In, Out any](f Function) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		payload, err := json.Marshal(in)
		if err != nil {
			return out, err
		}
		answer, err := f(ctx, payload)
		if err != nil {
			return out, err
		}
		if len(answer) == 0 || string(answer) == "null" {
			return out, nil
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return out, fmt.Errorf("the function answered what is not its kind of JSON: %w", err)
		}
		return out, nil
	}
}
