// Package bounded refuses requests to DynamoDB that read an unbounded number of items: with
// enough data, a function would run out of time or memory. All tests on the engine use it. It
// must not know what the items are for.
package bounded

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// byDomain lists the queries that need no limit, by the prefix of their partition key: the
// domain bounds their number of items.
var byDomain = map[string]string{
	"REL#": "a release, its log's counter and at most 100 links",
}

// Refuse returns the option (for a service's Options.APIOptions) that fails such requests. It
// checks the request that is sent, and so the limit that it really has.
func Refuse(fail func(format string, args ...any)) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("bounded", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			if err := unbounded(in.Parameters); err != nil {
				fail("%v", err)
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
}

// unbounded returns an error for an unbounded request; nil for others.
func unbounded(request any) error {
	switch in := request.(type) {
	case *dynamodb.ScanInput:
		return fmt.Errorf("bounded: a scan of %s: no function reads a table whole", aws.ToString(in.TableName))
	case *dynamodb.QueryInput:
		if aws.ToInt32(in.Limit) > 0 {
			return nil
		}
		for _, v := range in.ExpressionAttributeValues {
			if s, ok := v.(*types.AttributeValueMemberS); ok && in.IndexName == nil {
				for prefix := range byDomain {
					if strings.HasPrefix(s.Value, prefix) {
						return nil
					}
				}
			}
		}
		return fmt.Errorf("bounded: a query of %s %s without a limit, %s with %v: read it in pages, or say here what bounds it",
			aws.ToString(in.TableName), aws.ToString(in.IndexName), aws.ToString(in.KeyConditionExpression), in.ExpressionAttributeValues)
	}
	return nil
}
