package mcptools_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"example.com/releases/shared/mcptools"
)

// Clients write their Accept header in many ways. All that accept JSON are answered.
func TestAccept_WhoTakesJSON_IsServed(t *testing.T) {
	w := newFixture(t)
	for accept, status := range map[string]int{
		"application/json, text/event-stream": 200, "application/json": 200, "APPLICATION/JSON;charset=utf-8": 200, "*/*": 200, "application/*;q=0.5, text/html": 200, "": 200,
		"text/event-stream, application/json": 200, "text/html": 400, "text/event-stream": 400,
	} {
		res := ask(t, w, "POST", mcptools.Path, ping, map[string]string{"Accept": accept})
		if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != status || !json.Valid(body) || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q: %d %s, want %d in JSON", accept, res.StatusCode, body, status)
		}
	}
}

// A client finds its call by the id that it sent, so an id comes back exactly as it was sent.
func TestID_OfAnyNumber_ComesBackAsItCame(t *testing.T) {
	w := newFixture(t)
	call := func(id string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"list_releases","arguments":{}}}`
	}
	for _, id := range []string{`1`, `-7`, `9007199254740993`, `18446744073709551617`, `1.5`, `1.0`, `1e3`, `"as-it-came"`, `"<a> & ü"`, `""`} {
		for what, body := range map[string]string{
			"an answer":                   call(id),
			"a refusal":                   `{"jsonrpc":"2.0","id":` + id + `,"method":"resources/list"}`,
			"another":                     `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"no_such_tool"}}`,
			"one by the SDK":              `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":7}`,
			"a message that is too large": `{"jsonrpc":"2.0","method":"ping","params":{"x":"` + strings.Repeat("x", 5<<20) + `"},"id":` + id + `}`,
		} {
			if strings.HasPrefix(what, "a message") && id != `1.5` {
				continue // one of them is enough
			}
			answer, err := io.ReadAll(ask(t, w, "POST", mcptools.Path, body, nil).Body)
			var got struct{ ID json.RawMessage }
			if err != nil || json.Unmarshal(answer, &got) != nil {
				t.Fatalf("%s to %s: %v %s", what, id, err, answer)
			}
			same := string(got.ID) == id
			if id[0] == '"' {
				var sent, received string
				same = json.Unmarshal([]byte(id), &sent) == nil && json.Unmarshal(got.ID, &received) == nil && sent == received
			}
			if !same {
				t.Errorf("%s to %s comes back as %s: %.300s", what, id, got.ID, answer)
			}
		}
	}
}

// Clients of the version 2025-03-26 do not send the version in a header after they have initialized.
func TestVersion20250326_WithoutTheHeader_IsServed(t *testing.T) {
	w := newFixture(t)
	for _, c := range []struct{ body, says string }{
		{`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`, `"protocolVersion":"2025-03-26"`},
		{`{"jsonrpc":"2.0","method":"notifications/initialized"}`, ``},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `"list_releases"`},
		{`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_releases"}}`, `{\"releases\":[]}`},
	} {
		res := ask(t, w, "POST", mcptools.Path, c.body, nil)
		if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode >= 300 || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s, want %q in it", c.body, res.StatusCode, body, c.says)
		}
	}
}
