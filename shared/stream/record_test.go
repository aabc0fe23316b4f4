package stream

import (
	"reflect"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Each type of an attribute is read as the SDK would have read it.
func TestValue_EachType_AsTheSDKReadsIt(t *testing.T) {
	for name, c := range map[string]struct {
		given events.DynamoDBAttributeValue
		want  types.AttributeValue
	}{
		"text":       {events.NewStringAttribute("a"), &types.AttributeValueMemberS{Value: "a"}},
		"number":     {events.NewNumberAttribute("1.5"), &types.AttributeValueMemberN{Value: "1.5"}},
		"yes or no":  {events.NewBooleanAttribute(true), &types.AttributeValueMemberBOOL{Value: true}},
		"bytes":      {events.NewBinaryAttribute([]byte{1}), &types.AttributeValueMemberB{Value: []byte{1}}},
		"texts":      {events.NewStringSetAttribute([]string{"a", "b"}), &types.AttributeValueMemberSS{Value: []string{"a", "b"}}},
		"numbers":    {events.NewNumberSetAttribute([]string{"1", "2"}), &types.AttributeValueMemberNS{Value: []string{"1", "2"}}},
		"many bytes": {events.NewBinarySetAttribute([][]byte{{1}, {2}}), &types.AttributeValueMemberBS{Value: [][]byte{{1}, {2}}}},
		"nothing":    {events.NewNullAttribute(), &types.AttributeValueMemberNULL{Value: true}},
		"a map": {
			events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{"k": events.NewNumberAttribute("1")}),
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": &types.AttributeValueMemberN{Value: "1"}}},
		},
		"a list": {
			events.NewListAttribute([]events.DynamoDBAttributeValue{events.NewStringAttribute("a"), events.NewNullAttribute()}),
			&types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberS{Value: "a"}, &types.AttributeValueMemberNULL{Value: true}}},
		},
	} {
		if got := value(c.given); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, want %#v", name, got, c.want)
		}
	}
}
