package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/releases/shared/jitter"
	"example.com/releases/shared/release"
)

// errConflict says that a condition failed because the item changed between read and
// write: read again and decide again.
var errConflict = errors.New("dynamo: the item changed between read and write")

// attempts bounds read-decide-write rounds. With the full-jitter delays below, 12 in a row
// take four to five seconds, nine at most: well within the 15 seconds of an API function.
const attempts = 12

// conflicts bounds how often a write is repeated because somebody else's transaction is in
// progress on the same item. Writers of one item take turns, each for as long as a
// transaction takes. In the test with the most contention (60 decide on change requests of
// one release, 50 write notes and 8 add change requests, all at once) 20 attempts were not
// enough on a loaded engine, and 40 not always. In practice the deadline ends it first: an
// API function has 15 seconds, which pause respects.
const conflicts = 60

// spare is the part of an invocation's time that a retry must leave for its own write and
// the answer.
const spare = 500 * time.Millisecond

var errNoTime = errors.New("dynamo: the invocation ends before another attempt would")

// pause waits before the n-th retry (n from 0), with full jitter: up to 10 ms at first,
// doubling to at most 1.6 s. Where many write to one item and each transaction takes long,
// they only get through if they try rarely enough; a longer wait would leave too few tries
// in the time of an invocation. It fails where that has no time left for a retry.
func pause(ctx context.Context, n int) error {
	most := min(1600*time.Millisecond, 10*time.Millisecond<<min(n, 10))
	wait := jitter.UpTo(most)
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait+spare {
		return errNoTime
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryOnConflict repeats a read-decide-write round while others change the item in between.
func retryOnConflict[T any](ctx context.Context, round func() (T, error)) (T, error) {
	var none T
	for n := range attempts {
		result, err := round()
		if !errors.Is(err, errConflict) {
			return result, err
		}
		if err := pause(ctx, n); err != nil {
			return none, failure(err)
		}
	}
	return none, release.Fail(release.KindUnavailable, "unavailable", "Too many other requests are changing the same data.").Unchanged()
}

// transact writes all items or none. It is the one place that repeats transactions
// which DynamoDB cancelled for a conflict with another (the SDK does not). By the client
// token DynamoDB recognises, for ten minutes, a repetition of a transaction whose
// acknowledgement was lost.
//
// A failed condition comes back as the index of the item (and its image, where the
// item asked for it).
func (s *Store) transact(ctx context.Context, items []types.TransactWriteItem) error {
	token := rand.Text()
	for n := 0; ; n++ {
		_, err := s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: &token})
		var cancelled *types.TransactionCanceledException
		if !errors.As(err, &cancelled) {
			var inProgress *types.TransactionInProgressException
			if !errors.As(err, &inProgress) {
				return failure(err)
			}
		}
		conflict := cancelled == nil
		if cancelled != nil {
			token = rand.Text() // nothing was written; one that is still in progress keeps its token
			for i, reason := range cancelled.CancellationReasons {
				switch aws.ToString(reason.Code) {
				case "ConditionalCheckFailed":
					return &conditionFailed{index: i, image: reason.Item}
				case "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
					conflict = true
				}
			}
		}
		// Where no time is left for a retry, the conflict is reported: nothing was changed.
		if !conflict || n+1 >= conflicts || pause(ctx, n) != nil {
			return failure(err)
		}
	}
}

// retryWrite repeats a write of one item while a transaction is in progress on that item,
// which the SDK does not do either.
func retryWrite(ctx context.Context, write func() error) error {
	for n := 0; ; n++ {
		err := write()
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "TransactionConflictException" || n+1 >= conflicts || pause(ctx, n) != nil {
			return failure(err)
		}
	}
}

// conditionFailed tells which item of a write did not meet its condition.
type conditionFailed struct {
	index int
	image item
}

func (c *conditionFailed) Error() string { return "dynamo: a condition was not met" }

// failedCondition returns the failed condition in err; a single-item write has index 0.
func failedCondition(err error) (*conditionFailed, bool) {
	var c *conditionFailed
	if errors.As(err, &c) {
		return c, true
	}
	var single *types.ConditionalCheckFailedException
	if errors.As(err, &single) {
		return &conditionFailed{image: single.Item}, true
	}
	return nil, false
}
