package dynamo_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// cancelled is a transaction of which DynamoDB refused the second action for a reason.
func cancelled(code string) error {
	return &types.TransactionCanceledException{Message: aws.String("injected"), CancellationReasons: []types.CancellationReason{
		{Code: aws.String("None")}, {Code: &code},
	}}
}

// A transaction that DynamoDB cancelled for a passing reason is tried again under a new token,
// since nothing of the first was written. One that is still being carried out is asked for again
// under its own token. A wrong request is not tried again. The codes are those of
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func TestTransact_CancelledForAReasonThatPasses_RepeatedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		tries   int
		renewed bool
	}{
		"a conflict":              {cancelled("TransactionConflict"), 2, true},
		"a throttled table":       {cancelled("ThrottlingError"), 2, true},
		"a table out of capacity": {cancelled("ProvisionedThroughputExceeded"), 2, true},
		"one that is in progress": {&types.TransactionInProgressException{}, 2, false},
		"a wrong request":         {cancelled("ValidationError"), 1, false},
		"a full item collection":  {cancelled("ItemCollectionSizeLimitExceeded"), 1, false},
	} {
		l := newHarness(t)
		id := l.release()
		var tokens []string
		s := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
			in, ok := call.Input.(*dynamodb.TransactWriteItemsInput)
			if !ok {
				return do(ctx)
			}
			if tokens = append(tokens, aws.ToString(in.ClientRequestToken)); len(tokens) == 1 {
				return test.err
			}
			return do(ctx)
		}, nil)
		_, err := s.Transition(l.ctx, id, moveTo(release.Approved), l.write())
		if (err == nil) != (test.tries == 2) {
			t.Errorf("%s: %v", name, err)
		}
		if len(tokens) != test.tries || tokens[0] == "" || len(tokens) == 2 && (tokens[0] != tokens[1]) != test.renewed {
			t.Errorf("%s: tried under the tokens %q; want %d, renewed %v", name, tokens, test.tries, test.renewed)
		}
	}
}

// While somebody else's transaction is in progress on the same item, a write is repeated, but
// not for ever: sixty times where the invocation has time, and then the caller learns that
// nothing was changed.
func TestStore_ConflictWithoutEnd_GivenUpAfterSixty(t *testing.T) {
	for operation, c := range map[string]struct {
		refusal error
		write   func(*dynamo.Store, context.Context, dynamo.Write) error
	}{
		"UpdateItem": {inject.Refused("TransactionConflictException"), func(s *dynamo.Store, ctx context.Context, w dynamo.Write) error {
			_, err := s.AppendLog(ctx, "REL-2026-Q2-001", "words", "", w)
			return err
		}},
		"TransactWriteItems": {cancelled("TransactionConflict"), func(s *dynamo.Store, ctx context.Context, w dynamo.Write) error {
			_, err := s.CreateChange(ctx, newChange("CHG-1", release.DecisionPending), w)
			return err
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			s := dynamo.Open(aws.Config{Region: "eu-central-1"}, dynamo.Tables{Releases: "Releases", Changes: "Changes"}, inject.Option(func(_ context.Context, call inject.Call, _ func(context.Context) error) error {
				if call.Operation != operation {
					t.Errorf("%s instead of %s", call.Operation, operation)
				}
				tries++
				return c.refusal
			}, nil))
			err := c.write(s, t.Context(), dynamo.Write{Stamp: release.Stamp{By: ada, Request: "req"}})
			if !release.IsKind(err, release.KindThrottled) || tries != 60 {
				t.Errorf("%s: %d tries, %v; want 60, and that it is throttled", operation, tries, err)
			}
		})
	}
}
