package dynamo_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// While somebody else's transaction is in progress on the same item, a write is repeated, but
// not for ever: sixty times where the invocation has time, and then the caller learns that
// nothing was changed.
func TestStore_ConflictWithoutEnd_GivenUpAfterSixty(t *testing.T) {
	code := "TransactionConflict"
	for operation, c := range map[string]struct {
		refusal error
		write   func(*dynamo.Store, context.Context, dynamo.Write) error
	}{
		"UpdateItem": {inject.Refused("TransactionConflictException"), func(s *dynamo.Store, ctx context.Context, w dynamo.Write) error {
			_, err := s.AppendLog(ctx, "REL-2026-Q2-001", "words", "", w)
			return err
		}},
		"TransactWriteItems": {&types.TransactionCanceledException{Message: aws.String("injected"), CancellationReasons: []types.CancellationReason{{Code: &code}}}, func(s *dynamo.Store, ctx context.Context, w dynamo.Write) error {
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
