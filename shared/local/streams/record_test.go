package streams

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

func TestRecord_OfTheStreamsAPI_BecomesLambdas(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	got := Record(types.Record{
		AwsRegion: aws.String("eu-central-1"), EventID: aws.String("e1"), EventName: types.OperationTypeRemove, EventVersion: aws.String("1.1"),
		UserIdentity: &types.Identity{Type: aws.String("Service"), PrincipalId: aws.String("dynamodb.amazonaws.com")},
		Dynamodb: &types.StreamRecord{
			ApproximateCreationDateTime: &at, SequenceNumber: aws.String("100"), SizeBytes: aws.Int64(42), StreamViewType: types.StreamViewTypeNewAndOldImages,
			Keys: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "REL#1"}},
			OldImage: map[string]types.AttributeValue{
				"s":    &types.AttributeValueMemberS{Value: "x"},
				"n":    &types.AttributeValueMemberN{Value: "1.5"},
				"b":    &types.AttributeValueMemberB{Value: []byte{1, 2}},
				"t":    &types.AttributeValueMemberBOOL{Value: true},
				"null": &types.AttributeValueMemberNULL{Value: true},
				"ss":   &types.AttributeValueMemberSS{Value: []string{"a", "b"}},
				"ns":   &types.AttributeValueMemberNS{Value: []string{"1"}},
				"bs":   &types.AttributeValueMemberBS{Value: [][]byte{{3}}},
				"l":    &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberN{Value: "7"}}},
				"m":    &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": &types.AttributeValueMemberS{Value: "v"}}},
			},
		},
	}, "arn:stream")
	// What Lambda would send for the same record, written by hand.
	const want = `{"awsRegion":"eu-central-1","eventID":"e1","eventName":"REMOVE","eventSource":"aws:dynamodb","eventVersion":"1.1","eventSourceARN":"arn:stream",
		"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},
		"dynamodb":{"ApproximateCreationDateTime":1777636800,"SequenceNumber":"100","SizeBytes":42,"StreamViewType":"NEW_AND_OLD_IMAGES",
			"Keys":{"pk":{"S":"REL#1"}},
			"OldImage":{"s":{"S":"x"},"n":{"N":"1.5"},"b":{"B":"AQI="},"t":{"BOOL":true},"null":{"NULL":true},"ss":{"SS":["a","b"]},"ns":{"NS":["1"]},"bs":{"BS":["Aw=="]},"l":{"L":[{"N":"7"}]},"m":{"M":{"k":{"S":"v"}}}}}}`
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	var back events.DynamoDBEventRecord
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.UserIdentity.PrincipalID != "dynamodb.amazonaws.com" {
		t.Errorf("got the identity %+v, want the principal dynamodb.amazonaws.com", back.UserIdentity)
	}
}

func TestRecord_Empty_IsTaken(t *testing.T) {
	if r := Record(types.Record{}, "arn"); r.UserIdentity != nil || r.Change.Keys != nil {
		t.Errorf("got %+v, want neither an identity nor keys", r)
	}
}
