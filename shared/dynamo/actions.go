package dynamo

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// key is the primary key of an item.
func key(pk, sk string) item { return item{"pk": text(pk), "sk": text(sk)} }

func updateAction(table string, k item, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &table, Key: k, UpdateExpression: e.update(), ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
	}}
}

func putAction(table string, i item, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: &table, Item: i, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
	}}
}

func deleteAction(table string, k item, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName: &table, Key: k, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
	}}
}

func checkAction(table string, k item, e *expression) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &table, Key: k, ConditionExpression: e.condition(),
		ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
	}}
}

// update makes a single conditional update. It returns the updated item, or the failed
// condition with the item as it is stored.
func (s *Store) update(ctx context.Context, table string, k item, e *expression) (item, error) {
	return s.updateReturning(ctx, types.ReturnValueAllNew, table, k, e)
}

// updateQuietly is update for callers that need not see the updated item: when ten thousand
// tasks are settled, returning the items would be most of the traffic.
func (s *Store) updateQuietly(ctx context.Context, table string, k item, e *expression) error {
	_, err := s.updateReturning(ctx, types.ReturnValueNone, table, k, e)
	return err
}

func (s *Store) updateReturning(ctx context.Context, values types.ReturnValue, table string, k item, e *expression) (item, error) {
	var after item
	err := retryWrite(ctx, func() error {
		out, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &table, Key: k, UpdateExpression: e.update(), ConditionExpression: e.condition(),
			ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
			ReturnValues:                        values,
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		if err == nil {
			after = out.Attributes
		}
		return err
	})
	return after, err
}

func (s *Store) put(ctx context.Context, table string, i item, e *expression) error {
	return retryWrite(ctx, func() error {
		_, err := s.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &table, Item: i, ConditionExpression: e.condition(),
			ExpressionAttributeNames: e.boundNames(), ExpressionAttributeValues: e.boundValues(),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		})
		return err
	})
}

// get reads one item, strongly consistent unless the store is EventuallyConsistent; nil
// where there is none.
func (s *Store) get(ctx context.Context, table string, k item) (item, error) {
	out, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: k, ConsistentRead: aws.Bool(!s.eventuallyConsistent)})
	if err != nil {
		return nil, failure(err)
	}
	return out.Item, nil
}

// batchGet reads items by key, strongly consistent unless the store is
// EventuallyConsistent, 100 per request; what does not exist is left out.
func (s *Store) batchGet(ctx context.Context, table string, keys []item) ([]item, error) {
	var all []item
	for chunk := range slices.Chunk(keys, 100) {
		found, err := s.batchGetTables(ctx, map[string]types.KeysAndAttributes{table: {Keys: chunk, ConsistentRead: aws.Bool(!s.eventuallyConsistent)}})
		if err != nil {
			return nil, err
		}
		all = append(all, found[table]...)
	}
	return all, nil
}

// batchGetTables reads from several tables with BatchGetItem, repeating it for unprocessed
// keys until everything has been read.
func (s *Store) batchGetTables(ctx context.Context, request map[string]types.KeysAndAttributes) (map[string][]item, error) {
	all := map[string][]item{}
	for round := 0; len(request) > 0; round++ {
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return nil, failure(err)
		}
		for table, found := range out.Responses {
			all[table] = append(all[table], found...)
		}
		request = out.UnprocessedKeys
		if len(request) > 0 {
			if round >= attempts {
				return nil, failure(&types.ProvisionedThroughputExceededException{})
			}
			if err := pause(ctx, round); err != nil {
				return nil, failure(err)
			}
		}
	}
	return all, nil
}

// pageSize is how many items one request reads from a range of unbounded length.
const pageSize = 1000

// pages reads a range and calls each for every page, with the key at which the next one
// begins, until the range ends or each returns false. size is the number of items per request,
// 0 for no limit.
//
// A range of unbounded length must have a size; where the domain bounds the number of items,
// it needs none. The tests' tables refuse unbounded queries: see testkit/bounded.
func (s *Store) pages(ctx context.Context, in *dynamodb.QueryInput, size int, each func(page []item, next item) (goOn bool, err error)) error {
	if s.eventuallyConsistent {
		in.ConsistentRead = nil
	}
	if size > 0 {
		in.Limit = aws.Int32(int32(size))
	}
	for {
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return failure(err)
		}
		goOn, err := each(out.Items, out.LastEvaluatedKey)
		if err != nil || !goOn || len(out.LastEvaluatedKey) == 0 {
			return err
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// items calls each for every item of a range.
func (s *Store) items(ctx context.Context, in *dynamodb.QueryInput, size int, each func(item)) error {
	return s.pages(ctx, in, size, func(page []item, _ item) (bool, error) {
		for _, i := range page {
			each(i)
		}
		return true, nil
	})
}

// rangeOf returns the strongly consistent query for the items of a partition whose sort key
// meets a condition.
func rangeOf(table, pk, operator string, bounds ...string) *dynamodb.QueryInput {
	e := newExpression()
	condition := e.name("pk") + " = " + e.value(text(pk)) + " AND "
	switch operator {
	case "begins":
		condition += "begins_with(" + e.name("sk") + ", " + e.value(text(bounds[0])) + ")"
	case "between":
		condition += e.name("sk") + " BETWEEN " + e.value(text(bounds[0])) + " AND " + e.value(text(bounds[1]))
	default:
		condition += e.name("sk") + " " + operator + " " + e.value(text(bounds[0]))
	}
	return &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: &condition, ConsistentRead: aws.Bool(true),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
}
