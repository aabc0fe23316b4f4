package dynamo

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"example.com/releases/shared/release"
)

// failure turns an error of the SDK into one of the domain's, with the SDK's as its
// cause. A failed condition is passed through: its meaning depends on the caller. What a
// retry cannot fix (a request that DynamoDB does not accept, a missing permission or
// table) is a fault of ours and stays what it is.
func failure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := failedCondition(err); ok {
		return err
	}
	switch {
	case throttled(err):
		return release.Fail(release.KindThrottled, "throttled",
			"Too many requests at once.").Because(err)
	case isInvalidRequest(err):
		return fmt.Errorf("dynamo: %w", err)
	}
	return release.Fail(release.KindUnavailable, "unavailable",
		"The data store did not answer in time.").Because(err)
}

func throttled(err error) bool {
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		// Conflicts and lack of capacity pass; any other reason is in the request itself.
		return !slices.ContainsFunc(cancelled.CancellationReasons, func(r types.CancellationReason) bool {
			return slices.Contains([]string{"ValidationError", "ItemCollectionSizeLimitExceeded"}, aws.ToString(r.Code))
		})
	}
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{
		"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
		"TransactionInProgressException", "TransactionConflictException",
	}, api.ErrorCode())
}

// isInvalidRequest tells whether DynamoDB, or the SDK before sending, refused the request
// as such. Without an answer, or with a 5xx, the fault is not in the request.
func isInvalidRequest(err error) bool {
	var invalid smithy.InvalidParamsError
	var unwritable *smithy.SerializationError
	if errors.As(err, &invalid) || errors.As(err, &unwritable) {
		return true
	}
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	status := answer.HTTPStatusCode()
	return status >= http.StatusBadRequest && status < http.StatusInternalServerError
}
