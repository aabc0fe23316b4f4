package send

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// outcome is what an answer of SES means for a mail.
type outcome int

const (
	accepted outcome = iota
	later            // not accepted; may be tried again
	refused          // not accepted; never will be
	stop             // not accepted, and no other mail will be for now
	quota            // not accepted, because the account's quota of 24 hours is used up
	unclear          // may have been accepted
)

// String is the outcome's name in metrics.
func (o outcome) String() string {
	return [...]string{accepted: "sent", later: "delayed", refused: "failed", stop: "stopped", quota: "stopped", unclear: "unknown"}[o]
}

// errorCodes are SES's answers that say for certain that a mail was not accepted.
var errorCodes = map[string]outcome{
	"TooManyRequestsException": later,
	"ThrottlingException":      later,
	"Throttling":               later,

	"MessageRejected":     refused,
	"BadRequestException": refused,

	"AccountSuspendedException":          stop,
	"SendingPausedException":             stop,
	"MailFromDomainNotVerifiedException": stop,
	// A limit of the account. The SDK treats it as throttling, but SES does not mean that.
	"LimitExceededException": stop,
	// The configuration set is missing, or the function may not send: it is not this mail's
	// fault, and marking all of them as failed would lose them.
	"NotFoundException":           stop,
	"AccessDeniedException":       stop,
	"UnrecognizedClientException": stop,
	"InvalidSignatureException":   stop,
	"ExpiredTokenException":       stop,
}

const (
	// calls bounds how often a call is made where SES throttles it.
	calls        = 3
	longestPause = 2 * time.Second
)

// throttlesOnly repeats a call only where SES has said that it did not accept the mail.
// The SDK's own retryer repeats after 500s and broken connections too, and each
// repetition of an accepted mail is another mail.
func throttlesOnly(pause time.Duration) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = calls
		o.MaxBackoff = pause
		o.RateLimiter = ratelimit.None
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(code(err) == later)
		})}
	})
}

// within limits the time of each call, not of all together: otherwise a throttled one could
// end while it waits to be repeated, and look as if its outcome were unclear.
func within(timeout time.Duration) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("MailTimeout", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
	}
}

// code classifies an answer of SES by its error code, where it has one that we know.
//
// The daily quota has no code of its own: SES reports it with the codes of throttling (Amazon
// SES Developer Guide, "Errors related to the sending quotas for your Amazon SES account";
// seen as 429 TooManyRequestsException), with which it also says "Maximum sending rate
// exceeded". Only the message tells them apart.
func code(err error) outcome {
	var api smithy.APIError
	if errors.As(err, &api) {
		known, ok := errorCodes[api.ErrorCode()]
		message := strings.ToLower(api.ErrorMessage())
		switch {
		case strings.Contains(message, "daily message quota exceeded"), strings.Contains(message, "daily sending quota exceeded"):
			return quota
		case ok:
			return known
		}
	}
	return unclear
}

// judge returns what the result of a call means, and the reason in words.
func judge(err error) (outcome, string) {
	if err == nil {
		return accepted, ""
	}
	if known := code(err); known != unclear {
		return known, brief(err)
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		switch status := response.HTTPStatusCode(); {
		case status == 401 || status == 403:
			return stop, brief(err)
		case status == 429:
			return later, brief(err)
		case status >= 400 && status < 500 && status != 408:
			return refused, brief(err)
		}
		return unclear, brief(err)
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return later, brief(err) // no connection, so nothing was sent
	}
	var params smithy.InvalidParamsError
	if errors.As(err, &params) {
		return refused, brief(err)
	}
	return unclear, brief(err)
}

// brief is an error without the SDK's wrapping, for people.
func brief(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	case errors.Is(err, context.DeadlineExceeded):
		return "SES did not answer in time"
	}
	return err.Error()
}
