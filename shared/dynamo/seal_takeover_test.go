package dynamo_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// beforeSealing creates a release with a log from before sealing existed: old entries under the keys
// of that time, and the creation and a note in today's form, none of them in the index of what has to
// be sealed.
func (l *harness) beforeSealing(old int) string {
	l.t.Helper()
	id := l.release()
	_, err := l.AppendLog(l.ctx, id, "of yesterday", "", l.write())
	l.no(err)
	for _, i := range l.scan(l.Tables.Releases) {
		if textOf(i["pk"]) != "LOG#"+id {
			continue
		}
		_, err := l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
			TableName: &l.Tables.Releases, Key: attributes{"pk": i["pk"], "sk": i["sk"]}, UpdateExpression: aws.String("REMOVE unsealed, unsealedSince"),
		})
		l.no(err)
	}
	value := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for n := range old {
		sk := fmt.Sprintf("%012d", n+1)
		if n == 2 {
			sk = "000000000002#0001" // a transition after note 2
		}
		_, err := l.Client.PutItem(l.ctx, &dynamodb.PutItemInput{TableName: &l.Tables.Releases, Item: attributes{
			"pk": value("LOG#" + id), "sk": value(sk), "at": value(fmt.Sprintf("2026-11-25T09:%02d:%02d.000Z", n/60, n%60)),
			"author": value("Ada"), "email": value("ada@example.com"), "text": value(fmt.Sprintf("old %d", n)),
		}})
		l.no(err)
	}
	return id
}

// Entries from before sealing are taken over in the order of the log, and before everything that was
// written since, even if sealers die meanwhile. Afterwards the log reads as before.
func TestSeal_EntriesOfBefore_AreTakenOverFirst(t *testing.T) {
	l := newHarness(t)
	const old = 130
	id := l.beforeSealing(old)
	if n := l.seal(); n != 0 {
		t.Errorf("%d leaves were made of a log in which nothing was written since, want none", n)
	}
	before, err := l.Log(l.ctx, id)
	l.no(err)
	_, err = l.AppendLog(l.ctx, id, "new", "", l.write())
	l.no(err)
	for n := 1; n < 5; n++ {
		ctx, cancel := context.WithTimeout(l.ctx, 2*time.Second) // a dead sealer would go on trying
		_, _ = l.Under(dyingAfter("TransactWriteItems", 1), nil).Sealer(dynamo.Generation{Number: 1}).Seal(ctx, time.Now)
		cancel()
		l.judgeRecord()
	}
	l.seal()
	r := l.judgeRecord()
	if len(r.leaves) != old+3 || len(r.unsealed) > 0 {
		t.Errorf("%d leaves, want %d; not sealed are %v", len(r.leaves), old+3, r.unsealed)
	}
	last := ""
	for n := range len(r.leaves) {
		leaf := r.leaves[n]
		if leaf.K != n+1 || leaf.TakenOver != (n < old+2) || leaf.Key <= last {
			t.Errorf("leaf %d is %s, want number %d of its log, in order, taken over: %t", n, leaf.Bytes(), n+1, n < old+2)
		}
		last = leaf.Key
	}
	if third := r.leaves[2]; third.Kind != release.LogTransition || third.Key != "000000000002#0001" {
		t.Errorf("the transition's leaf is %s", third.Bytes())
	}
	after, err := l.Log(l.ctx, id)
	if l.no(err); !reflect.DeepEqual(after[:len(after)-1], before) {
		t.Errorf("the log reads otherwise:\n%+v\nwas\n%+v", after[:3], before[:3])
	}
	count := l.raw(l.Tables.Record, "RS#LOG#"+id, "M")
	if at, err := time.Parse(time.RFC3339Nano, textOf(count["sealedFrom"])); err != nil || time.Since(at) > 5*time.Minute {
		t.Errorf("sealed from %v: %v", count["sealedFrom"], err)
	}
	item := l.raw(l.Tables.Releases, "LOG#"+id, "000000000001")
	if item["text"] != nil || item["author"] != nil || item["email"] != nil {
		t.Errorf("the old attributes are still on the entry, and an erasure would leave them: %v", item)
	}
	if bytes := textOf(item["entry"]); record.SumOf(bytes) != r.leaves[0].Sum {
		t.Errorf("the sum in the first leaf is not that of the entry %s", bytes)
	}
}
