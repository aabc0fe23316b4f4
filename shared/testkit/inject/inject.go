// Package inject lets tests put faults into the requests of the SDK's clients: around a whole
// call, above the SDK's retries, or around each attempt, below them. It must not know what a
// fault is meant to show.
package inject

import (
	"context"
	"errors"
	"slices"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Call is what a client is about to do.
type Call struct {
	Operation string // "UpdateItem"
	Input     any    // such as *dynamodb.UpdateItemInput; around an attempt it is the call's
}

// Around wraps a call. It may fail without calling do, fail although do succeeded (a lost
// answer), wait, or do other things first.
type Around func(ctx context.Context, call Call, do func(context.Context) error) error

// Option puts call around every call of a DynamoDB client and attempt around every attempt;
// either may be nil.
func Option(call, attempt Around) func(*dynamodb.Options) {
	return func(o *dynamodb.Options) { o.APIOptions = append(slices.Clone(o.APIOptions), Into(call, attempt)) }
}

// Into returns the option (a service's Options.APIOptions) that puts call around every call
// and attempt around every attempt; either may be nil.
func Into(call, attempt Around) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		outermost := middleware.InitializeMiddlewareFunc("inject-call", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (out middleware.InitializeOutput, md middleware.Metadata, err error) {
			ctx = middleware.WithStackValue(ctx, inputKey{}, in.Parameters)
			do := func(ctx context.Context) error {
				out, md, err = next.HandleInitialize(ctx, in)
				return err
			}
			if call == nil {
				return out, md, do(ctx)
			}
			err = call(ctx, callOf(ctx), do)
			return out, md, err
		})
		if err := stack.Initialize.Add(outermost, middleware.Before); err != nil {
			return err
		}
		if attempt == nil {
			return nil
		}
		belowRetry := middleware.FinalizeMiddlewareFunc("inject-attempt", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (out middleware.FinalizeOutput, md middleware.Metadata, err error) {
			err = attempt(ctx, callOf(ctx), func(ctx context.Context) error {
				out, md, err = next.HandleFinalize(ctx, in)
				return err
			})
			return out, md, err
		})
		return stack.Finalize.Insert(belowRetry, "Retry", middleware.After)
	}
}

type inputKey struct{}

func callOf(ctx context.Context) Call {
	return Call{Operation: awsmiddleware.GetOperationName(ctx), Input: middleware.GetStackValue(ctx, inputKey{})}
}

// Lost is the error of a connection that broke before the answer came. The SDK repeats
// such an attempt, not knowing whether it was carried out.
func Lost() error {
	return &smithyhttp.RequestSendError{Err: errors.New("injected: the connection broke before the answer")}
}

// Refused is an error answer of the service with a code, such as ThrottlingException.
func Refused(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "injected", Fault: smithy.FaultClient}
}

// Counter counts attempts by operation, that is, the requests that are really sent.
type Counter struct {
	mu sync.Mutex
	n  map[string]int
}

// Count is an Around for attempts.
func (c *Counter) Count(ctx context.Context, call Call, do func(context.Context) error) error {
	c.mu.Lock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[call.Operation]++
	c.mu.Unlock()
	return do(ctx)
}

// Take returns the counts so far and resets them.
func (c *Counter) Take() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

// Counts is how often each operation was sent.
type Counts map[string]int

// Total is the number of all requests.
func (c Counts) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// Writes is the number of requests that may change something.
func (c Counts) Writes() int {
	return c["PutItem"] + c["UpdateItem"] + c["DeleteItem"] + c["BatchWriteItem"] + c["TransactWriteItems"]
}
