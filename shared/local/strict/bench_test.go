package strict_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/testkit"
)

// What the layer adds to each request, and what the engine below it takes, measured on the
// same requests.
func BenchmarkLayer(b *testing.B) {
	for name, o := range map[string]strict.Options{"plain": {}, "as AWS": {WriteUnits: 1000, ReadUnits: 3000}} {
		b.Run(name, func(b *testing.B) {
			h := testkit.New(b)
			plain, table := h.Client, h.Tables.Releases
			options := plain.Options()
			var below time.Duration
			layer := strict.New(func(r *http.Request) (*http.Response, error) {
				began := time.Now()
				defer func() { below += time.Since(began) }()
				return plain.Options().HTTPClient.Do(r)
			}, o)
			var total time.Duration
			options.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
				began := time.Now()
				defer func() { total += time.Since(began) }()
				return layer.Do(r)
			})
			db := dynamodb.New(options)
			write := types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: sized("b", 2000)}}
			for b.Loop() {
				if _, err := db.TransactWriteItems(b.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write}}); err != nil {
					b.Fatal(err)
				}
				if _, err := db.GetItem(b.Context(), &dynamodb.GetItemInput{TableName: aws.String(table), Key: key("b"), ConsistentRead: aws.Bool(true)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((total-below).Microseconds())/float64(2*b.N), "µs-layer/request")
			b.ReportMetric(float64(below.Microseconds())/float64(2*b.N), "µs-engine/request")
		})
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
