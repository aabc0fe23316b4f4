package strict_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/testkit"
)

type item = map[string]types.AttributeValue

// bench is a client that reaches tables of its own through a layer. Where shut is set, the next
// transaction stops between the layer and the engine: it tells waits, and goes on at gate.
type bench struct {
	t     *testing.T
	db    *dynamodb.Client
	table string
	layer *strict.Layer
	shut  atomic.Bool
	waits chan struct{}
	gate  chan struct{}
}

func newBench(t *testing.T, o strict.Options) *bench {
	t.Helper()
	h := testkit.New(t)
	plain := h.Client
	b := &bench{t: t, table: h.Tables.Releases, waits: make(chan struct{}), gate: make(chan struct{})}
	send := plain.Options().HTTPClient.Do
	b.layer = strict.New(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") && b.shut.CompareAndSwap(true, false) {
			b.waits <- struct{}{}
			<-b.gate
		}
		return send(r)
	}, o)
	options := plain.Options()
	options.HTTPClient = b.layer
	options.Retryer = retry.AddWithMaxAttempts(retry.NewStandard(), 1)
	b.db = dynamodb.New(options)
	return b
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func key(pk string) item { return item{"pk": text(pk), "sk": text("M")} }

func thing(pk, status string) item {
	i := key(pk)
	i["status"], i["createdAt"] = text(status), text("2026-01-01T00:00:00Z")
	return i
}

func sized(pk string, bytes int) item {
	i := key(pk)
	i["text"] = text(strings.Repeat("x", bytes))
	return i
}

func (b *bench) put(i item) error {
	_, err := b.db.PutItem(b.t.Context(), &dynamodb.PutItemInput{TableName: &b.table, Item: i})
	return err
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) puts(items ...item) []types.TransactWriteItem {
	var all []types.TransactWriteItem
	for _, i := range items {
		all = append(all, types.TransactWriteItem{Put: &types.Put{TableName: &b.table, Item: i}})
	}
	return all
}

func (b *bench) transact(token string, items ...types.TransactWriteItem) error {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items}
	if token != "" {
		in.ClientRequestToken = &token
	}
	_, err := b.db.TransactWriteItems(b.t.Context(), in)
	return err
}

// get returns the status of an item; it is empty where there is no such item.
func (b *bench) get(pk string, consistent bool) string {
	b.t.Helper()
	out, err := b.db.GetItem(b.t.Context(), &dynamodb.GetItemInput{TableName: &b.table, Key: key(pk), ConsistentRead: &consistent})
	b.must(err)
	s, _ := out.Item["status"].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// code returns the error code of DynamoDB's answer.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

// reasons returns why a transaction was cancelled: a code for each of its items.
func reasons(err error) string {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return fmt.Sprint(err)
	}
	var all []string
	for _, r := range cancelled.CancellationReasons {
		all = append(all, aws.ToString(r.Code))
	}
	return strings.Join(all, " ")
}

// whileOneIsUnderWay starts a transaction on a and b, and calls then before the engine gets it.
func (b *bench) whileOneIsUnderWay(token string, then func()) {
	b.t.Helper()
	b.shut.Store(true)
	first := make(chan error, 1)
	go func() { first <- b.transact(token, b.puts(thing("a", "first"), thing("b", "first"))...) }()
	<-b.waits
	then()
	b.gate <- struct{}{}
	if err := <-first; err != nil {
		b.t.Errorf("the transaction under way: got %v, want it to succeed", err)
	}
}

func TestTransaction_OverlapsAnother_Conflict(t *testing.T) {
	b := newBench(t, strict.Options{})
	b.must(b.put(thing("b", "before")))
	b.whileOneIsUnderWay("", func() {
		if got := reasons(b.transact("", b.puts(thing("c", "second"), thing("b", "second"))...)); got != "None TransactionConflict" {
			t.Errorf("a second transaction: got %s, want a conflict for its second item", got)
		}
		if got := code(b.put(thing("b", "second"))); got != "TransactionConflictException" {
			t.Errorf("a put: got %s, want TransactionConflictException", got)
		}
		_, err := b.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &b.table, Key: key("a"), UpdateExpression: aws.String("REMOVE x")})
		if got := code(err); got != "TransactionConflictException" {
			t.Errorf("an update: got %s, want TransactionConflictException", got)
		}
		_, err = b.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &b.table, Key: key("a")})
		if got := code(err); got != "TransactionConflictException" {
			t.Errorf("a delete: got %s, want TransactionConflictException", got)
		}
		_, err = b.db.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
			{Get: &types.Get{TableName: &b.table, Key: key("a")}}, {Get: &types.Get{TableName: &b.table, Key: key("z")}},
		}})
		if got := reasons(err); got != "TransactionConflict None" {
			t.Errorf("a read in a transaction: got %s, want a conflict for its first item", got)
		}
		if got := b.get("b", true); got != "before" {
			t.Errorf("a read: got %q, want before", got)
		}
		b.must(b.put(thing("c", "else")))
		out, err := b.db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{b.table: {
			{PutRequest: &types.PutRequest{Item: thing("a", "batch")}}, {PutRequest: &types.PutRequest{Item: thing("d", "batch")}},
		}}})
		b.must(err)
		if left := out.UnprocessedItems[b.table]; len(left) != 1 || left[0].PutRequest == nil || left[0].PutRequest.Item["pk"].(*types.AttributeValueMemberS).Value != "a" {
			t.Errorf("a batch leaves %v unprocessed, want the put of a", left)
		}
	})
	if got := b.get("b", true) + " " + b.get("c", true) + " " + b.get("d", true); got != "first else batch" {
		t.Errorf("in the end b, c and d are %s, want first else batch", got)
	}
	b.must(b.put(thing("b", "after")))
	b.must(b.transact("", b.puts(thing("a", "after"), thing("b", "again"))...))
}

func TestTransaction_SameToken_InProgressThenNothing(t *testing.T) {
	b := newBench(t, strict.Options{})
	b.whileOneIsUnderWay("one", func() {
		if got := code(b.transact("one", b.puts(thing("a", "first"), thing("b", "first"))...)); got != "TransactionInProgressException" {
			t.Errorf("the same token at the same time: got %s, want TransactionInProgressException", got)
		}
	})
	b.must(b.put(thing("b", "later")))
	b.must(b.transact("one", b.puts(thing("a", "first"), thing("b", "first"))...))
	if got := b.get("b", true); got != "later" {
		t.Errorf("the transaction wrote again when it was repeated: b is %q, want later", got)
	}
	// A repetition has nothing to write, so it does not conflict with what is under way.
	b.whileOneIsUnderWay("two", func() {
		b.must(b.transact("one", b.puts(thing("a", "first"), thing("b", "first"))...))
	})
}

func TestTransaction_Over4MB_Refused(t *testing.T) {
	b := newBench(t, strict.Options{})
	const large = 390 << 10
	var items []item
	for n := range 11 {
		items = append(items, sized(fmt.Sprint("p", n), large))
	}
	if got := code(b.transact("", b.puts(items...)...)); got != "ValidationException" {
		t.Errorf("eleven puts of 390 KB: got %s, want ValidationException", got)
	}
	b.must(b.transact("", b.puts(items[:10]...)...))
	b.must(b.put(items[10]))
	// The items as they are stored count, also those that only a condition reads.
	var touches []types.TransactWriteItem
	for n := range 11 {
		touches = append(touches, types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: &b.table, Key: key(fmt.Sprint("p", n)), ConditionExpression: aws.String("attribute_exists(pk)"),
		}})
	}
	if got := code(b.transact("", touches...)); got != "ValidationException" {
		t.Errorf("eleven checks of 390 KB: got %s, want ValidationException", got)
	}
	b.must(b.transact("", touches[:10]...))
}

// The limits that DynamoDB Local keeps itself, so that the layer need not: should a new version
// drop one, this test fails.
func TestEngine_HoldsTo_400KBAnd100Actions(t *testing.T) {
	b := newBench(t, strict.Options{})
	if got := code(b.put(sized("a", 400<<10))); got != "ValidationException" {
		t.Errorf("an item of over 400 KB: got %s, want ValidationException", got)
	}
	var items []item
	for n := range 101 {
		items = append(items, key(fmt.Sprint("p", n)))
	}
	if got := code(b.transact("", b.puts(items...)...)); got != "ValidationException" {
		t.Errorf("a transaction of 101 actions: got %s, want ValidationException", got)
	}
	b.must(b.transact("", b.puts(items[:100]...)...))
	if got := code(b.transact("", b.puts(items[0], items[0])...)); got != "ValidationException" {
		t.Errorf("one item twice in a transaction: got %s, want ValidationException", got)
	}
}

// soon calls see until it returns want, for ten seconds at most.
func soon(t *testing.T, want string, see func() string) {
	t.Helper()
	var got string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got = see(); got == want {
			return
		}
	}
	t.Errorf("after ten seconds: got %q, want %q", got, want)
}
