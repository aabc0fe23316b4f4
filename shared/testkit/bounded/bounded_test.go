package bounded_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/bounded"
)

// Every request of every test on the engine passes here.
func TestRefuse_QueryWithoutLimit_Refused(t *testing.T) {
	t.Parallel()
	h := testkit.New(t)
	failures := 0
	cfg := testkit.AWS(h.Endpoint)
	cfg.APIOptions = append(cfg.APIOptions, bounded.Refuse(func(string, ...any) { failures++ }))
	db := dynamodb.NewFromConfig(cfg)
	query := func(pk string, limit int32) *dynamodb.QueryInput {
		in := &dynamodb.QueryInput{
			TableName: &h.Tables.Releases, KeyConditionExpression: aws.String("pk = :p"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: pk}},
		}
		if limit > 0 {
			in.Limit = &limit
		}
		return in
	}
	for name, c := range map[string]struct {
		in   *dynamodb.QueryInput
		want int
	}{
		"no limit": {query("LOG#1", 0), 1}, "a limit": {query("LOG#1", 1), 0}, "what the domain bounds": {query("REL#1", 0), 0},
	} {
		failures = 0
		if _, err := db.Query(t.Context(), c.in); failures != c.want || (err != nil) != (c.want > 0) {
			t.Errorf("%s: %d failures, %v", name, failures, err)
		}
	}
	failures = 0
	if _, err := db.Scan(t.Context(), &dynamodb.ScanInput{TableName: &h.Tables.Mail, Limit: aws.Int32(1)}); err == nil || failures != 1 {
		t.Errorf("a scan: %d failures, %v", failures, err)
	}
	if len(h.Config.APIOptions) == 0 {
		t.Error("the stores of tests do not pass it")
	}
}
