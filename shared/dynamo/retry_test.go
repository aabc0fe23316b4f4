package dynamo_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// A transaction that DynamoDB cancelled for a passing reason is tried again under a new token,
// since nothing of the first was written. One that is still being carried out is asked for again
// under its own token. A wrong request is not tried again. The codes are those of
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func TestTransact_CancelledForAReasonThatPasses_RepeatedOnce(t *testing.T) {
	cancelled := func(code string) error {
		return &types.TransactionCanceledException{Message: aws.String("injected"), CancellationReasons: []types.CancellationReason{
			{Code: aws.String("None")}, {Code: &code},
		}}
	}
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
