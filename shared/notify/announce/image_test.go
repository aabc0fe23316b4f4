package announce

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
)

// Whatever stands in a record, reading it neither panics nor invents a history.
func FuzzImage(f *testing.F) {
	example, err := os.ReadFile("../../../events/announce.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(`{"Records":[{"dynamodb":{"Keys":{"pk":{"N":"1"}},"NewImage":{"history":{"L":[{"S":"x"},{"M":{}}]},"changeIds":{"BS":["YQ=="]},"x":{"NULL":true}}}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var batch events.DynamoDBEvent
		if json.Unmarshal(raw, &batch) != nil {
			return
		}
		for _, r := range batch.Records {
			_ = releaseID(r)
			_ = number(r.Change.NewImage)
			if s, err := dynamo.ReleaseInRecord(image(r.Change.NewImage)); err == nil && (s.ID == "" || s.Epoch() == 0) {
				t.Errorf("taken for a release: %s", raw)
			}
		}
	})
}
