package send

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// What each answer of SES means, typed by hand: only what is certainly not accepted is tried
// again or given up, and everything else may have been accepted.
func TestJudge_EachAnswer_AsTyped(t *testing.T) {
	t.Parallel()
	api := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	status := func(n int) error {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: n}}, Err: errors.New("without a code")}
	}
	for _, c := range []struct {
		err  error
		want outcome
	}{
		{nil, accepted},
		{api("TooManyRequestsException", "Maximum sending rate exceeded."), later},
		{api("ThrottlingException", ""), later},
		{api("Throttling", ""), later},
		{api("TooManyRequestsException", "Daily message quota exceeded."), quota},
		{api("Throttling", "daily sending quota exceeded"), quota},
		{api("MessageRejected", ""), refused},
		{api("BadRequestException", ""), refused},
		{api("AccountSuspendedException", ""), stop},
		{api("SendingPausedException", ""), stop},
		{api("MailFromDomainNotVerifiedException", ""), stop},
		{api("LimitExceededException", ""), stop},
		{api("NotFoundException", ""), stop},
		{api("AccessDeniedException", ""), stop},
		{api("UnrecognizedClientException", ""), stop},
		{api("InvalidSignatureException", ""), stop},
		{api("ExpiredTokenException", ""), stop},
		{api("InternalServiceErrorException", ""), unclear},
		{api("SomethingNew", ""), unclear},
		{status(400), refused},
		{status(401), stop},
		{status(403), stop},
		{status(404), refused},
		{status(408), unclear},
		{status(429), later},
		{status(499), refused},
		{status(500), unclear},
		{status(503), unclear},
		{status(399), unclear},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, later},
		{&net.OpError{Op: "read", Err: errors.New("connection reset")}, unclear},
		{smithy.InvalidParamsError{}, refused},
		{context.DeadlineExceeded, unclear},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("operation error SESv2: SendEmail: %w", err)
		}
		if got, reason := judge(err); got != c.want || (reason == "") != (err == nil) {
			t.Errorf("%v: %v (%q), want %v", c.err, got, reason, c.want)
		}
		// What is repeated within a call is what is to be tried later, and nothing else: a
		// repetition of what was accepted is another mail.
		var coded smithy.APIError
		if errors.As(err, &coded) {
			if repeated := throttlesOnly(0).IsErrorRetryable(err); repeated != (c.want == later) {
				t.Errorf("%v: repeated %v", c.err, repeated)
			}
		}
	}
	for o, want := range map[outcome]string{accepted: "sent", later: "delayed", refused: "failed", stop: "stopped", quota: "stopped", unclear: "unknown"} {
		if o.String() != want {
			t.Errorf("%d is counted as %s, want %s", o, o, want)
		}
	}
	if n := throttlesOnly(0).MaxAttempts(); n != 3 {
		t.Errorf("a call is made %d times at most, want 3", n)
	}
}
