package mcptools_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/testkit"
)

// nowhere is a DynamoDB that cannot be reached.
type nowhere struct{}

func (nowhere) Do(*http.Request) (*http.Response, error) { return nil, errors.New("nowhere") }

// panicked is a log's writer that fails the test at a line about a panic.
type panicked struct{ t *testing.T }

func (p panicked) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "panic") {
		p.t.Errorf("%s", line)
	}
	return len(line), nil
}

// FuzzMessageOfAClient: whatever an agent's client sends, and whatever arguments it gives to a tool, the
// endpoint answers with JSON or with nothing, and nothing panics.
func FuzzMessageOfAClient(f *testing.F) {
	config := testkit.AWS("http://127.0.0.1:1")
	config.HTTPClient = nowhere{}
	config.RetryMaxAttempts = 1
	config.Retryer = nil
	handler := mcptools.Handler(operations.New(dynamo.Open(config, dynamo.Tables{})), mcptools.Config{PublicURL: "https://releases.example"})
	for _, tool := range mcptools.Rows() {
		for _, arguments := range []string{`{}`, `null`, `[]`, `{"id":1}`, `{"id":"REL-2026-Q2-001","name":"B","text":"x","status":"approved","plan":"rollout","order":"1","add":[null]}`, `{"name":"A","name":"B"}`, `{"\ud800":1}`} {
			f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool.Name + `","arguments":` + arguments + `}}`))
		}
	}
	for _, seed := range []string{
		``, `[]`, `{}`, `{"jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":1e400,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}`,
		`{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"cursor":{}}}`, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(panicked{t}, nil)))
		defer slog.SetDefault(before)
		r := httptest.NewRequest(http.MethodPost, mcptools.Path, strings.NewReader(string(message)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set(mcptools.ToolsetsHeader, "core,planning,execution")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(as("admin")))
		if w.Code < 200 || w.Code >= 600 || w.Code == http.StatusInternalServerError {
			t.Errorf("%q: %d %s", message, w.Code, w.Body)
		}
		if body := w.Body.Bytes(); len(body) > 0 && !json.Valid(body) {
			t.Errorf("%q is answered %q", message, body)
		}
	})
}
