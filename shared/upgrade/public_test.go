package upgrade_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/settle"
	"example.com/releases/shared/trustcenter"
)

// publicIndex is the index that the recorded version did not have.
const publicIndex = "byPublicStart"

// shown returns what the public sees of each release, by id, from the feed.
func (w *fixture) shown() map[string]object {
	w.t.Helper()
	var feed struct{ Releases []object }
	w.no(json.Unmarshal([]byte(w.public()), &feed))
	all := map[string]object{}
	for _, r := range feed.Releases {
		all[r["id"].(string)] = r
	}
	return all
}

// An upgrade, step by step: the table of the recorded version has no such index yet, then it is
// created, then the sweep runs. At every moment the page shows every release.
func TestRecordedPage_NewIndex_NoMomentWithoutThePage(t *testing.T) {
	w := newFixture(t)
	ctx := t.Context()
	want := w.shown()
	if len(want) < 9 {
		t.Fatalf("only %d releases are shown, want 9 or more", len(want))
	}
	complete := func(when string) {
		t.Helper()
		now := w.shown()
		for id, r := range want {
			if is := now[id]; is == nil || is["status"] != r["status"] || is["scheduledStart"] != r["scheduledStart"] {
				t.Fatalf("%s: %s is shown as %v, want as %v", when, id, is, r)
			}
		}
	}

	// The table is made again as the recorded version had it.
	table := w.Tables.Releases
	was := must(w.Client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table}))(t).Table
	must(w.Client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}))(t)
	in := &dynamodb.CreateTableInput{TableName: &table, KeySchema: was.KeySchema, AttributeDefinitions: was.AttributeDefinitions, BillingMode: types.BillingModePayPerRequest}
	var added *types.CreateGlobalSecondaryIndexAction
	for _, x := range was.GlobalSecondaryIndexes {
		if *x.IndexName == publicIndex {
			added = &types.CreateGlobalSecondaryIndexAction{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection}
			continue
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection})
	}
	if added == nil {
		t.Fatalf("the table has no index %s any more", publicIndex)
	}
	must(w.Client.CreateTable(ctx, in))(t)
	w.load()
	complete("before the index is there")

	must(w.Client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: &table, AttributeDefinitions: was.AttributeDefinitions,
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: added}},
	}))(t)
	for ready := false; !ready; time.Sleep(20 * time.Millisecond) {
		complete("while the index is made")
		out := must(w.Client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)}))(t)
		ready = slices.ContainsFunc(out.Table.GlobalSecondaryIndexes, func(x types.GlobalSecondaryIndexDescription) bool {
			return *x.IndexName == publicIndex && x.IndexStatus == types.IndexStatusActive
		})
	}
	complete("with the index")
	now := w.shown()
	if now[deployed]["actualStart"] == nil || now[deployed]["actualEnd"] == nil || now[rolledBack]["rolledBackAt"] == nil {
		t.Errorf("the actual times are not shown: %v %v", now[deployed], now[rolledBack])
	}
	if now[cancelled]["cancelledAt"] != nil {
		t.Errorf("the recorded version did not keep when %s was cancelled, and before the sweep it is shown: %v", cancelled, now[cancelled])
	}

	for range 2 {
		w.no((&settle.Sweep{Settler: settle.New(w.Store)}).KeepForPublic(ctx, w.now()))
		complete("after the sweep")
	}
	now = w.shown()
	if now[cancelled]["cancelledAt"] == nil {
		t.Errorf("the sweep did not add when %s was cancelled: %v", cancelled, now[cancelled])
	}
	for id, r := range now {
		if valueAt(r, "history", 0, "event") != "scheduled" {
			t.Errorf("%s: the public history begins with %v, want scheduled", id, valueAt(r, "history", 0))
		}
	}
	for id := range want {
		got := httptest.NewRecorder()
		trustcenter.Handler(w.Store.Published, trustcenter.Options{On: true, Zone: "Europe/Berlin", Now: w.now}).
			ServeHTTP(got, httptest.NewRequest("GET", "/trust-center/"+id, nil))
		if got.Code != 200 {
			t.Errorf("the page of %s answers %d, want 200", id, got.Code)
		}
	}
}
