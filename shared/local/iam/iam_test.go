package iam

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/testkit"
)

func TestIAM_EachRequest_NeedsItsRight(t *testing.T) {
	tables := map[string]string{"r": "ReleasesTable", "c": "ChangesTable"}
	for _, tt := range []struct{ operation, body, want string }{
		{"GetItem", `{"TableName":"r","Key":{}}`, "dynamodb:GetItem on ReleasesTable.Arn"},
		{"Query", `{"TableName":"r","IndexName":"byStatus"}`, "dynamodb:Query on ReleasesTable.Arn/index/byStatus"},
		{"BatchGetItem", `{"RequestItems":{"c":{"Keys":[]}}}`, "dynamodb:BatchGetItem on ChangesTable.Arn"},
		{
			"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"r"}},{"ConditionCheck":{"TableName":"c"}},{"Put":{"TableName":"r"}}]}`,
			"dynamodb:PutItem on ReleasesTable.Arn, dynamodb:ConditionCheckItem on ChangesTable.Arn",
		},
		// Nobody may do what the guard does not understand.
		{"TransactWriteItems", `{"TransactItems":[{"Conjure":{"TableName":"r"}}]}`, "error"},
		{"GetItem", `{"TableName":"x"}`, "error"},
		{"ListTables", `{}`, "error"},
		{"GetItem", `[]`, "error"},
	} {
		needed, err := Needed("DynamoDB_20120810."+tt.operation, []byte(tt.body), tables)
		var words []string
		for _, n := range needed {
			words = append(words, n.String())
		}
		got := strings.Join(words, ", ")
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s %s needs %s (%v), want %s", tt.operation, tt.body, got, err, tt.want)
		}
	}
}

// Through the guard, the SDK gets the answers that AWS would give, granted or not.
func TestIAM_Granted_IsHandedOn(t *testing.T) {
	h := testkit.New(t)
	tmpl := &template.Template{Functions: []template.Function{{Name: "reader", Policies: []template.Statement{
		{Actions: []string{"dynamodb:GetItem"}, Resources: []string{"TasksTable.Arn"}},
	}}}}
	g, err := New(tmpl, h.Names, h.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g)
	defer server.Close()
	key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "a"}, "sk": &types.AttributeValueMemberS{Value: "b"}}
	get := func(function, table string) error {
		_, err := engine.Client(server.URL+Path(function)).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(h.Names[table]), Key: key})
		return err
	}
	if err := get("reader", "TasksTable"); err != nil {
		t.Error(err)
	}
	for _, refused := range [][2]string{{"reader", "ReleasesTable"}, {"stranger", "TasksTable"}} {
		if err := get(refused[0], refused[1]); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("%v: got %v, want AccessDeniedException", refused, err)
		}
	}
	if used := g.Used("reader"); !slices.Equal(used, []Right{{"dynamodb:GetItem", "TasksTable.Arn"}}) {
		t.Errorf("used: %v, want GetItem on TasksTable", used)
	}
	if len(g.Denied()) != 2 {
		t.Errorf("denied: %v, want both refusals", g.Denied())
	}
}
