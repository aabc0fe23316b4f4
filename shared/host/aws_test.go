package host

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/version"
)

// hanging is a DynamoDB that takes the first so many requests and never answers them.
func hanging(t *testing.T, first int32) (*dynamodb.Client, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= first {
			select {
			case <-r.Context().Done():
			case <-over:
			}
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte(`{"Item":{"pk":{"S":"here"}}}`))
	}))
	t.Cleanup(func() {
		close(over)
		server.Close()
	})
	return dynamodb.NewFromConfig(Config{Region: "us-east-1"}.AWS(server.URL)), &asked
}

func get(ctx context.Context, db *dynamodb.Client) error {
	_, err := db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("Releases"), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "x"}},
	})
	return err
}

// CloudTrail and the laptop's log of requests tell which version made a call.
func TestAWS_UserAgent_NamesTheVersion(t *testing.T) {
	t.Parallel()
	var agent atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent.Store(r.UserAgent())
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	if err := get(t.Context(), dynamodb.NewFromConfig(Config{Region: "us-east-1"}.AWS(server.URL))); err != nil {
		t.Fatal(err)
	}
	if got := agent.Load().(string); !strings.Contains(got, " app/releases-"+version.Number) {
		t.Errorf("the user agent is %q", got)
	}
}

// One request that hangs does not cost a caller the answer, nor the time that a function has.
func TestAWS_OneRequestHangs_TheNextAttemptAnswers(t *testing.T) {
	t.Parallel()
	db, asked := hanging(t, 1)
	// What an API function has: 15 s in template.yaml, less the margin.
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second-deadlineMargin)
	defer cancel()
	if err := get(ctx, db); err != nil || asked.Load() != 2 {
		t.Errorf("after %d attempts: %v", asked.Load(), err)
	}
}

// Where all of them hang there is time left to say so.
func TestAWS_AllRequestsHang_ThereIsTimeToAnswer(t *testing.T) {
	t.Parallel()
	db, asked := hanging(t, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second-deadlineMargin)
	defer cancel()
	if err := get(ctx, db); err == nil || ctx.Err() != nil || asked.Load() != 3 {
		t.Errorf("after %d attempts: %v, and the context: %v", asked.Load(), err, ctx.Err())
	}
}
