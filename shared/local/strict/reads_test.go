package strict_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/strict"
)

// behind is a lag that no test lives to see the end of.
const behind = time.Hour

// listed returns the keys in the index byStatus under a status, read page by page.
func (b *bench) listed(status string, limit int32, backwards bool) string {
	b.t.Helper()
	in := &dynamodb.QueryInput{
		TableName: &b.table, IndexName: aws.String("byStatus"), Limit: &limit, ScanIndexForward: aws.Bool(!backwards),
		KeyConditionExpression: aws.String("#s = :s AND #c > :c"), ExpressionAttributeNames: map[string]string{"#s": "status", "#c": "createdAt"},
		ExpressionAttributeValues: item{":s": text(status), ":c": text("2026")},
	}
	var all []string
	for {
		out, err := b.db.Query(b.t.Context(), in)
		b.must(err)
		if int(out.Count) != len(out.Items) {
			b.t.Errorf("a page has %d items and a count of %d, want the same", len(out.Items), out.Count)
		}
		for _, i := range out.Items {
			all = append(all, i["pk"].(*types.AttributeValueMemberS).Value)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return strings.Join(all, " ")
		}
	}
}

func releaseOn(pk, status string, day int) item {
	i := thing(pk, status)
	i["createdAt"] = text(fmt.Sprintf("2026-01-%02d", day))
	return i
}

func TestIndex_AfterWrites_StillAsBefore(t *testing.T) {
	b := newBench(t, strict.Options{})
	for n, pk := range []string{"a", "b", "c", "d"} {
		b.must(b.put(releaseOn(pk, "planned", n+1)))
	}
	b.layer.Adjust(strict.Options{Lag: behind, Behind: 1})
	b.must(b.put(releaseOn("e", "planned", 5)))
	_, err := b.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &b.table, Key: key("b"), UpdateExpression: aws.String("SET #s = :s"),
		ExpressionAttributeNames: map[string]string{"#s": "status"}, ExpressionAttributeValues: item{":s": text("approved")},
	})
	b.must(err)
	b.must(b.transact("", types.TransactWriteItem{Delete: &types.Delete{TableName: &b.table, Key: key("c")}}))
	for _, limit := range []int32{1, 2, 3, 100} {
		for _, backwards := range []bool{false, true} {
			want := []string{"a", "b", "c", "d"}
			if backwards {
				slices.Reverse(want)
			}
			if got := b.listed("planned", limit, backwards); got != strings.Join(want, " ") {
				t.Errorf("planned, %d a page, backwards %t: got %s, want %s", limit, backwards, got, strings.Join(want, " "))
			}
		}
	}
	if got := b.listed("approved", 10, false); got != "" {
		t.Errorf("approved: got %s, want nothing yet", got)
	}
	// Reads of the table lag as well, unless they are strongly consistent.
	for pk, want := range map[string]string{"b": "planned approved", "c": "planned ", "e": " planned"} {
		if got := b.get(pk, false) + " " + b.get(pk, true); got != want {
			t.Errorf("%s, eventually and strongly consistent: got %q, want %q", pk, got, want)
		}
	}
}

func TestIndex_AfterItsLag_AsItIs(t *testing.T) {
	b := newBench(t, strict.Options{Lag: 200 * time.Millisecond, Behind: 1})
	b.must(b.put(releaseOn("a", "planned", 1)))
	soon(t, "a", func() string { return b.listed("planned", 10, false) })
	soon(t, "planned", func() string { return b.get("a", false) })
}

func TestBatchGet_NotConsistent_AsBefore(t *testing.T) {
	b := newBench(t, strict.Options{Lag: behind, Behind: 1})
	b.must(b.put(thing("a", "planned")))
	for consistent, want := range map[bool]int{true: 1, false: 0} {
		out, err := b.db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			b.table: {Keys: []item{key("a")}, ConsistentRead: aws.Bool(consistent)},
		}})
		b.must(err)
		if len(out.Responses[b.table]) != want {
			t.Errorf("consistent %t: %d items, want %d", consistent, len(out.Responses[b.table]), want)
		}
	}
}

func TestPartitionKey_TooManyUnits_Throttled(t *testing.T) {
	b := newBench(t, strict.Options{WriteUnits: 100, ReadUnits: 20})
	// DynamoDB knows what a write costs only when it is done. So one write may go over the rate,
	// and the next ones are throttled until that is made up for.
	for n := range 2 {
		if err := b.put(sized("hot", 60<<10)); err != nil {
			t.Fatalf("write %d: %v", n, err)
		}
	}
	if got := code(b.put(sized("hot", 1))); got != "ThrottlingException" {
		t.Errorf("a write over 100 units in a second: got %s, want ThrottlingException", got)
	}
	if got := reasons(b.transact("", b.puts(sized("cold", 1), sized("hot", 1))...)); got != "None ThrottlingError" {
		t.Errorf("a transaction on the same key: got %s, want its second item throttled", got)
	}
	b.must(b.put(sized("cold", 1)))
	read := func() error {
		_, err := b.db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key("hot"), ConsistentRead: aws.Bool(true)})
		return err
	}
	b.must(read())
	b.must(read())
	if got := code(read()); got != "ThrottlingException" {
		t.Errorf("a read over 20 units in a second: got %s, want ThrottlingException", got)
	}
	out, err := b.db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
		b.table: {Keys: []item{key("hot"), key("cold")}, ConsistentRead: aws.Bool(true)},
	}})
	b.must(err)
	if len(out.Responses[b.table]) != 1 || len(out.UnprocessedKeys[b.table].Keys) != 1 {
		t.Errorf("a batch: %d items and %d keys unprocessed, want one each", len(out.Responses[b.table]), len(out.UnprocessedKeys[b.table].Keys))
	}
	soon(t, "<nil>", func() string { return fmt.Sprint(b.put(sized("hot", 1))) })
}

// A transaction costs twice the units of single writes, by the size of the items as they are
// stored.
func TestTransaction_HotItem_PaysTwice(t *testing.T) {
	b := newBench(t, strict.Options{WriteUnits: 100})
	b.must(b.put(sized("hot", 30<<10)))
	touch := types.TransactWriteItem{Update: &types.Update{TableName: &b.table, Key: key("hot"), UpdateExpression: aws.String("REMOVE x")}}
	b.must(b.transact("", touch)) // 31 + 62 of 100
	b.must(b.transact("", touch))
	if got := reasons(b.transact("", touch)); got != "ThrottlingError" {
		t.Errorf("a third transaction: got %s, want ThrottlingError", got)
	}
}

func TestBatch_PartComesBack_AllInTheEnd(t *testing.T) {
	b := newBench(t, strict.Options{Unprocessed: 1})
	var writes []types.WriteRequest
	var keys []item
	for n := range 10 {
		writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: thing(fmt.Sprint("p", n), "planned")}})
		keys = append(keys, key(fmt.Sprint("p", n)))
	}
	rounds := 0
	for pending := map[string][]types.WriteRequest{b.table: writes}; len(pending) > 0; rounds++ {
		out, err := b.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: pending})
		b.must(err)
		pending = out.UnprocessedItems
	}
	if rounds < 2 {
		t.Errorf("all writes were done in %d round, want some unprocessed at first", rounds)
	}
	rounds = 0
	found := 0
	for pending := map[string]types.KeysAndAttributes{b.table: {Keys: keys, ConsistentRead: aws.Bool(true)}}; len(pending) > 0; rounds++ {
		out, err := b.db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: pending})
		b.must(err)
		found += len(out.Responses[b.table])
		pending = out.UnprocessedKeys
	}
	if rounds < 2 || found != 10 {
		t.Errorf("%d items in %d rounds, want 10 in more than one", found, rounds)
	}
}
