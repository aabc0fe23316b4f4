package meter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/meter"
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// The examples of the DynamoDB Developer Guide, worked out by hand: each step goes on from
// the item that the step before left. The changes table has two indexes of keys only,
// each over createdAt: byCreation by kind, byApproval by approvalStatus.
func TestMeter_EachKindOfWrite_CostsWhatAWSCharges(t *testing.T) {
	h := testkit.New(t)
	m := meter.New(h.Client)
	options := h.Client.Options()
	m.Option(&options)
	db := dynamodb.New(options)
	table := &h.Tables.Changes
	key := meter.Item{"pk": text("A"), "sk": text("M")}
	item := func(kind, approval string, size int) meter.Item {
		return meter.Item{"pk": text("A"), "sk": text("M"), "kind": text(kind), "approvalStatus": text(approval), "createdAt": text("1"), "fill": text(strings.Repeat("x", size))}
	}
	put := func(i meter.Item) error {
		_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: table, Item: i})
		return err
	}
	transact := func(actions ...types.TransactWriteItem) error {
		_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: actions})
		return err
	}
	update := func(expression string, value string) types.TransactWriteItem {
		u := &types.Update{TableName: table, Key: key, UpdateExpression: &expression}
		if value != "" {
			u.ExpressionAttributeValues = meter.Item{":v": text(value)}
		}
		return types.TransactWriteItem{Update: u}
	}
	for _, step := range []struct {
		name                   string
		run                    func() error
		read, written, indexes float64
	}{
		{"a new item, in both indexes", func() error { return put(item("c", "Pending", 100)) }, 0, 1, 2},
		{"the same again", func() error { return put(item("c", "Pending", 100)) }, 0, 1, 0},
		{"larger, in no index", func() error { return put(item("c", "Pending", 2500)) }, 0, 3, 0},
		{"smaller: what it was counts", func() error { return put(item("c", "Pending", 100)) }, 0, 3, 0},
		{"another key of one index: one goes, one comes", func() error { return put(item("c", "Approved", 100)) }, 0, 1, 2},
		{"in a transaction: twice, the index once", func() error { return transact(update("SET approvalStatus = :v", "Pending")) }, 0, 2, 2},
		{"out of one index", func() error { return transact(update("REMOVE approvalStatus", "")) }, 0, 2, 1},
		{"a condition that holds", func() error {
			return transact(types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: table, Key: key, ConditionExpression: aws.String("attribute_exists(pk)")}})
		}, 0, 2, 0},
		{"a condition that fails", func() error {
			_, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: table, Key: key, UpdateExpression: aws.String("SET kind = pk"), ConditionExpression: aws.String("attribute_not_exists(pk)")})
			if err == nil {
				return fmt.Errorf("it held")
			}
			return nil
		}, 0, 1, 0},
		{"strongly consistent", func() error {
			_, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: key, ConsistentRead: aws.Bool(true)})
			return err
		}, 1, 0, 0},
		{"by an index", func() error {
			_, err := db.Query(t.Context(), &dynamodb.QueryInput{TableName: table, IndexName: aws.String("byCreation"), KeyConditionExpression: aws.String("kind = :k"), ExpressionAttributeValues: meter.Item{":k": text("c")}, Limit: aws.Int32(1)})
			return err
		}, .5, 0, 0},
		{"gone", func() error {
			_, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: key})
			return err
		}, 0, 1, 1},
		{"what is not there", func() error {
			_, err := db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: table, Key: key})
			return err
		}, 0, 1, 0},
	} {
		if err := step.run(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := m.Take()
		if got.Total() != 1 || got.Read != step.read || got.Written != step.written || got.Indexes != step.indexes {
			t.Errorf("%s: %+v, want read %v, written %v, indexes %v", step.name, got, step.read, step.written, step.indexes)
		}
	}
}

// Names and values count, as the guide says, with what lists, maps and numbers add.
func TestSize_EachKindOfValue(t *testing.T) {
	t.Parallel()
	for size, v := range map[int]types.AttributeValue{
		4:  text("äö"),
		1:  &types.AttributeValueMemberBOOL{},
		2:  &types.AttributeValueMemberN{Value: "100"}, // one significant digit
		3:  &types.AttributeValueMemberN{Value: "1234"},
		5:  &types.AttributeValueMemberN{Value: "-12.345"},
		6:  &types.AttributeValueMemberSS{Value: []string{"abc", "def"}},
		7:  &types.AttributeValueMemberL{Value: []types.AttributeValue{text("a"), text("b")}},
		8:  &types.AttributeValueMemberM{Value: meter.Item{"ab": text("cd")}},
		10: &types.AttributeValueMemberB{Value: make([]byte, 10)},
	} {
		if got := meter.Size(meter.Item{"n": v}); got != size+1 {
			t.Errorf("%#v: %d bytes, want %d", v, got-1, size)
		}
	}
}
