package streams

import (
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestFilter_ExactStrings_Match(t *testing.T) {
	record := events.DynamoDBEventRecord{EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		Keys:     map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("REL#1")},
		NewImage: map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("deployed"), "n": events.NewNumberAttribute("1")},
	}}
	removed := events.DynamoDBEventRecord{
		EventName:    "REMOVE",
		Change:       events.DynamoDBStreamRecord{OldImage: map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("deployed")}},
		UserIdentity: &events.DynamoDBUserIdentity{Type: "Service", PrincipalID: "dynamodb.amazonaws.com"},
	}
	for _, c := range []struct {
		pattern          string
		matches, removal bool
	}{
		{`{"dynamodb":{"NewImage":{"op":{"S":["deployed","rolled-back"]}}}}`, true, false},
		{`{"dynamodb":{"NewImage":{"op":{"S":["deploy"]}}}}`, false, false},
		{`{"dynamodb":{"NewImage":{"op":{"S":["Deployed"]}}}}`, false, false},
		{`{"dynamodb":{"NewImage":{"n":{"S":["1"]}}}}`, false, false},
		{`{"dynamodb":{"OldImage":{"op":{"S":["deployed"]}}}}`, false, true},
		{`{"dynamodb":{"Keys":{"pk":{"S":["REL#1"]}}}}`, true, false},
		{`{"eventName":["INSERT","MODIFY"],"dynamodb":{"NewImage":{"op":{"S":["deployed"]}}}}`, true, false},
		{`{"eventName":["INSERT"],"dynamodb":{"NewImage":{"op":{"S":["deployed"]}}}}`, false, false},
		{`{"userIdentity":{"type":["Service"],"principalId":["dynamodb.amazonaws.com"]}}`, false, true},
	} {
		f, err := ParseFilter(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := f.Match(record); got != c.matches {
			t.Errorf("%s matches the update: %v, want %v", c.pattern, got, c.matches)
		}
		if got := f.Match(removed); got != c.removal {
			t.Errorf("%s matches the removal: %v, want %v", c.pattern, got, c.removal)
		}
	}
}

func TestFilter_Unknown_Refused(t *testing.T) {
	for pattern, because := range map[string]string{
		`{"dynamodb":{"NewImage":{"op":{"S":[{"prefix":"de"}]}}}}`:    `operator "prefix"`,
		`{"dynamodb":{"NewImage":{"op":{"S":[{"exists":true}]}}}}`:    `operator "exists"`,
		`{"dynamodb":{"NewImage":{"n":{"N":["1"]}}}}`:                 "dynamodb.NewImage.n.N",
		`{"dynamodb":{"newImage":{"op":{"S":["x"]}}}}`:                "dynamodb.newImage.op.S",
		`{"eventname":["INSERT"]}`:                                    "eventname",
		`{"$or":[{"eventName":["INSERT"]},{"eventName":["REMOVE"]}]}`: "$or",
		`{"eventName":[]}`:           "empty list",
		`{"eventName":[1]}`:          "the value 1",
		`{"eventName":"INSERT"}`:     "must be an object or a list",
		`{"dynamodb":{}}`:            "is empty",
		`{}`:                         "at least one condition",
		`[]`:                         "must be a JSON object",
		`{"eventName":["INSERT"]} x`: "after its JSON",
		`{`:                          "not JSON",
		`{"dynamodb":{"NewImage":{"op":{"S":["a"],"prefix":["b"]}}}}`: "op.prefix",
	} {
		_, err := ParseFilter(pattern)
		if err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("%s: got %v, want an error with %q", pattern, err, because)
		}
	}
}

func TestFilter_Several_AreAlternatives(t *testing.T) {
	inserts, err := ParseFilter(`{"eventName":["INSERT"]}`)
	if err != nil {
		t.Fatal(err)
	}
	removals, err := ParseFilter(`{"eventName":["REMOVE"]}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"INSERT": true, "REMOVE": true, "MODIFY": false} {
		r := events.DynamoDBEventRecord{EventName: name}
		if got := matchAny([]Filter{inserts, removals}, r); got != want {
			t.Errorf("%s matches: %v, want %v", name, got, want)
		}
		if !matchAny(nil, r) {
			t.Errorf("%s does not match where there is no filter", name)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add(`{"dynamodb":{"NewImage":{"op":{"S":["deployed"]}}}}`)
	f.Add(`{"eventName":[{"prefix":"a"}]}`)
	f.Fuzz(func(t *testing.T, pattern string) {
		filter, err := ParseFilter(pattern)
		if err == nil && len(filter.conditions) == 0 {
			t.Errorf("%q was accepted and demands nothing", pattern)
		}
	})
}
