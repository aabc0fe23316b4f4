package local

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/engine"
)

// tamper changes the last byte of a release's log entry directly in the table, so that one can
// see how the verifier reacts. Called again, it restores the byte. It exists only on a laptop.
func tamper(endpoint, table string) http.HandlerFunc {
	db := engine.Client(endpoint)
	return func(w http.ResponseWriter, r *http.Request) {
		where := map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "LOG#" + r.URL.Query().Get("release")}, "sk": &types.AttributeValueMemberS{Value: r.URL.Query().Get("key")},
		}
		out, err := db.GetItem(r.Context(), &dynamodb.GetItemInput{TableName: &table, Key: where})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		values, _ := out.Item["values"].(*types.AttributeValueMemberM)
		if values == nil {
			http.Error(w, "The release has no entry with this key, or one without words.", http.StatusNotFound)
			return
		}
		text, _ := values.Value["text"].(*types.AttributeValueMemberB)
		if text == nil || len(text.Value) == 0 {
			http.Error(w, "The entry has no text.", http.StatusNotFound)
			return
		}
		text.Value[len(text.Value)-1] ^= 1
		if _, err := db.PutItem(r.Context(), &dynamodb.PutItemInput{TableName: &table, Item: out.Item}); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
