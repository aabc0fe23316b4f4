package dynamo

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/releases/shared/release"
)

// The kind of an error decides what a caller is told: to wait, to look before repeating, or that
// there is nothing they can do.
func TestFailure_EachError_HasItsKind(t *testing.T) {
	answered := func(status int, err error) error {
		return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "UpdateItem", Err: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
		}}
	}
	cancelled := func(codes ...string) error {
		e := &types.TransactionCanceledException{}
		for _, code := range codes {
			e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
		}
		return answered(400, e)
	}
	for _, c := range []struct {
		name string
		err  error
		want release.ErrorKind
	}{
		{"throttled", answered(400, &types.ProvisionedThroughputExceededException{}), release.KindThrottled},
		{"throttled as an account", answered(400, &types.RequestLimitExceeded{}), release.KindThrottled},
		{"throttled otherwise", answered(400, &types.ThrottlingException{}), release.KindThrottled},
		{"still in progress", answered(400, &types.TransactionInProgressException{}), release.KindThrottled},
		{"beside a transaction", answered(400, &types.TransactionConflictException{}), release.KindThrottled},
		{"conflicting", cancelled("None", "TransactionConflict"), release.KindThrottled},
		{"a bad action", cancelled("None", "ValidationError"), release.KindInternal},
		{"a full collection", cancelled("ItemCollectionSizeLimitExceeded", "None"), release.KindInternal},
		{"a bad request", answered(400, &smithy.GenericAPIError{Code: "ValidationException"}), release.KindInternal},
		{"no right", answered(400, &smithy.GenericAPIError{Code: "AccessDeniedException"}), release.KindInternal},
		{"no table", answered(400, &types.ResourceNotFoundException{}), release.KindInternal},
		{"nothing to send", smithy.InvalidParamsError{Context: "GetItemInput"}, release.KindInternal},
		{"broken there", answered(500, &types.InternalServerError{}), release.KindUnavailable},
		{"an answer that is none", answered(200, &smithy.DeserializationError{Err: errors.New("cut off")}), release.KindUnavailable},
		{"no connection", &smithyhttp.RequestSendError{Err: errors.New("refused")}, release.KindUnavailable},
		{"no time", context.DeadlineExceeded, release.KindUnavailable},
	} {
		err := failure(c.err)
		kind := release.KindInternal
		var e *release.Error
		if errors.As(err, &e) {
			kind = e.Kind
		}
		if kind != c.want || !errors.Is(err, c.err) && c.name != "nothing to send" {
			t.Errorf("%s: %v has the kind %d, want %d", c.name, err, kind, c.want)
		}
	}
	if failure(nil) != nil {
		t.Error("failure(nil) is an error")
	}
}
