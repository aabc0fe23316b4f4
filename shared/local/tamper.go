package local

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/engine"
)

// tamper changes the last byte of what an entry of a release's log says, in the table and
// behind everybody's back, so that one can see what the verifier makes of it. The second
// time it changes it back. There is nothing like it but on a laptop.
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
