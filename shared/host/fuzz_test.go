package host

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// panics tells of a log line that a handler has panicked.
type panics struct{ t *testing.T }

func (p panics) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "panic") {
		p.t.Errorf("%s", line)
	}
	return len(line), nil
}

// FuzzEvent: whatever JSON an event is made of, the function answers, and the handler gets a
// request that can be read to its end.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"create-release", "list-releases", "mcp"} {
		payload, err := os.ReadFile("../../events/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte(`{"httpMethod":"POST","path":"/a","isBase64Encoded":true,"body":"!!"}`))
	f.Add([]byte(`{"httpMethod":"G ET","path":"\u0000","multiValueHeaders":{"a b":["\r\nx: y"],"":null},"multiValueQueryStringParameters":{"a":null,"b":["","%zz"]}}`))
	f.Add([]byte(`{"httpMethod":"GET","path":"/","requestContext":{"authorizer":{"role":["Admin"],"sub":1,"name":null,"emailVerified":true}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(panics{t}, nil)))
		defer slog.SetDefault(before)
		var event events.APIGatewayProxyRequest
		if json.Unmarshal(raw, &event) != nil {
			return
		}
		answer, err := APIHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				t.Errorf("the body cannot be read: %v", err)
			}
			w.WriteHeader(http.StatusNoContent)
		}))(t.Context(), event)
		if err != nil || answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%d, %v", answer.StatusCode, err)
		}
	})
}

// FuzzBearer: a token is taken from a header as it stands there, or there is none.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer a", "bearer a", "Bearer", "Bearer  a b", "Basic eA==", "Bearer a, Bearer b", "\x00", "BEARER\ta"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, single, several string) {
		event := events.APIGatewayCustomAuthorizerRequestTypeRequest{Headers: map[string]string{"authorization": single}, MultiValueHeaders: map[string][]string{"Authorization": {several}}}
		token, ok := bearer(event)
		if ok && (token == "" || !strings.Contains(single, token) && !strings.Contains(several, token)) {
			t.Errorf("%q and %q give %q", single, several, token)
		}
	})
}
