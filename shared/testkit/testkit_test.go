package testkit_test

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/testkit"
)

// The template's tables as they are on the engine.
func TestNew_WithStreams_TablesAreThoseOfTheTemplate(t *testing.T) {
	h := testkit.New(t, testkit.WithStreams)
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range tmpl.Tables {
		name := h.Names[want.LogicalID]
		out, err := h.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		got := out.Table
		if got.TableStatus != types.TableStatusActive || len(got.GlobalSecondaryIndexes) != len(want.Indexes) || (got.LatestStreamArn == nil) != (want.StreamView == "") {
			t.Errorf("%s: %+v", want.LogicalID, got)
		}
		if s := got.StreamSpecification; s != nil && string(s.StreamViewType) != want.StreamView {
			t.Errorf("the stream of %s shows %s", want.LogicalID, s.StreamViewType)
		}
		ttl, err := h.Client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
		if err != nil || aws.ToString(ttl.TimeToLiveDescription.AttributeName) != want.TTL {
			t.Errorf("%s expires by %v (%v), not by %s", want.LogicalID, ttl, err, want.TTL)
		}
	}
	if len(tmpl.Tables) == 0 || len(tmpl.Tables) != len(h.Names) || h.Tables.Mail != h.Names["MailTable"] {
		t.Errorf("%d tables, %v", len(tmpl.Tables), h.Names)
	}
	if other := testkit.New(t); other.Tables.Releases == h.Tables.Releases {
		t.Error("two tests get the same tables")
	}
}
