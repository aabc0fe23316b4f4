package engine

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/template"
)

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// A transaction that was answered survives a kill right afterwards. Without Durable it need
// not, as make kill once found.
func TestDurable_KilledAfterTheAnswer_HasTheTransaction(t *testing.T) {
	dir := t.TempDir()
	tables := []template.Table{{LogicalID: "Table", Key: template.Key{Hash: "pk"}, Attributes: []template.Attribute{{Name: "pk", Type: "S"}}}}
	begin := func() (*Engine, *dynamodb.Client) {
		t.Helper()
		e, err := Start(t.Context(), Options{Dir: dir, Log: &bytes.Buffer{}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Stop)
		if err := CreateTables(t.Context(), Client(e.Endpoint()), tables, func(id string) string { return id }); err != nil {
			t.Fatal(err)
		}
		o := Client(e.Endpoint()).Options()
		o.HTTPClient = doer(Durable((&http.Transport{}).RoundTrip))
		return e, dynamodb.New(o)
	}
	e, db := begin()
	in := &dynamodb.TransactWriteItemsInput{}
	for n := range 50 { // a commit that takes its time
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: aws.String("Table"), Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: fmt.Sprint(n)}, "text": &types.AttributeValueMemberS{Value: strings.Repeat("x", 40_000)},
		}}})
	}
	if _, err := db.TransactWriteItems(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(e.child.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-e.Done()
	_, db = begin()
	out, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("Table"), Select: types.SelectCount})
	if err != nil {
		t.Fatal(err)
	}
	n := out.Count
	for out.LastEvaluatedKey != nil {
		if out, err = db.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("Table"), Select: types.SelectCount, ExclusiveStartKey: out.LastEvaluatedKey}); err != nil {
			t.Fatal(err)
		}
		n += out.Count
	}
	if n != 50 {
		t.Errorf("of a transaction that was acknowledged, %d of 50 items are there", n)
	}
}
