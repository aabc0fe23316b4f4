// Package crowd simulates more tasks than can be written to an engine in a test: it answers
// queries for a change request's tasks and reads of the tasks themselves. All other requests
// go to the engine. It must not know what the tasks are read for.
package crowd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Crowd is a number of tasks of a number of people: task n is linked to the change request n %
// len(Changes), and its requester is person n % People.
type Crowd struct {
	Tasks, People int
	Changes       []string
	Table         string // of tasks
	// Like is the stored item of a task; the others differ from it only in their ids, links
	// and requesters.
	Like map[string]types.AttributeValue
}

func id(n int) string { return fmt.Sprintf("REQ-%07d", n) }

// Address is the n-th person's.
func Address(n int) string { return fmt.Sprintf("person-%06d@example.com", n) }

// Option puts the crowd in front of a client.
func (c Crowd) Option(o *dynamodb.Options) {
	o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("crowd", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			switch request := in.Parameters.(type) {
			case *dynamodb.QueryInput:
				if at := c.change(request); at >= 0 {
					return middleware.InitializeOutput{Result: c.rows(request, at)}, middleware.Metadata{}, nil
				}
			case *dynamodb.BatchGetItemInput:
				if asked, ok := request.RequestItems[c.Table]; ok {
					return middleware.InitializeOutput{Result: c.tasks(asked)}, middleware.Metadata{}, nil
				}
			}
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	})
}

// change returns the index of the change request whose tasks a query asks for; -1 for other
// queries.
func (c Crowd) change(in *dynamodb.QueryInput) int {
	if aws.ToString(in.TableName) != c.Table || in.IndexName != nil {
		return -1
	}
	return slices.IndexFunc(c.Changes, func(change string) bool {
		for _, v := range in.ExpressionAttributeValues {
			if s, ok := v.(*types.AttributeValueMemberS); ok && s.Value == "CR#"+change {
				return true
			}
		}
		return false
	})
}

// rowBytes is the approximate size of a row.
const rowBytes = 40

func (c Crowd) rows(in *dynamodb.QueryInput, at int) *dynamodb.QueryOutput {
	first := at
	if start, ok := in.ExclusiveStartKey["sk"].(*types.AttributeValueMemberS); ok {
		_, _ = fmt.Sscanf(start.Value, "T#REQ-%d", &first)
		first += len(c.Changes)
	}
	most := 1 << 20 / rowBytes
	if in.Limit != nil {
		most = min(most, int(*in.Limit))
	}
	out := &dynamodb.QueryOutput{}
	for n := first; n < c.Tasks && len(out.Items) < most; n += len(c.Changes) {
		out.Items = append(out.Items, map[string]types.AttributeValue{"pk": text("CR#" + c.Changes[at]), "sk": text("T#" + id(n))})
	}
	if len(out.Items) == most {
		out.LastEvaluatedKey = out.Items[most-1]
	}
	out.ConsumedCapacity = c.units(in.ConsistentRead, float64((len(out.Items)*rowBytes+4095)/4096))
	return out
}

func (c Crowd) tasks(asked types.KeysAndAttributes) *dynamodb.BatchGetItemOutput {
	var items []map[string]types.AttributeValue
	for _, key := range asked.Keys {
		n := 0
		pk, _ := key["pk"].(*types.AttributeValueMemberS)
		if _, err := fmt.Sscanf(pk.Value, "TASK#REQ-%d", &n); err != nil || n >= c.Tasks {
			continue
		}
		i := maps.Clone(c.Like)
		who := Address(n % c.People)
		i["pk"], i["changeRequestId"] = text(strings.Clone(pk.Value)), text(c.Changes[n%len(c.Changes)])
		i["requesterEmail"], i["requesterKey"] = text(who), text(who)
		items = append(items, i)
	}
	return &dynamodb.BatchGetItemOutput{
		Responses:        map[string][]map[string]types.AttributeValue{c.Table: items},
		ConsumedCapacity: []types.ConsumedCapacity{*c.units(asked.ConsistentRead, float64(len(items)))},
	}
}

// units returns the capacity that reading blocks of 4 KB consumes.
func (c Crowd) units(consistent *bool, blocks float64) *types.ConsumedCapacity {
	if !aws.ToBool(consistent) {
		blocks /= 2
	}
	return &types.ConsumedCapacity{TableName: &c.Table, CapacityUnits: &blocks, Table: &types.Capacity{CapacityUnits: &blocks}}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
