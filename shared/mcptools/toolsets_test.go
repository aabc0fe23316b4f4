package mcptools_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"example.com/releases/shared/mcptools"
)

// listed returns the names of the tools that a caller is shown who asks for toolsets, and the whole
// answer. The odd id must not be taken for a list of tools.
func listed(t *testing.T, w *fixture, who, sets string) (names, body string) {
	t.Helper()
	headers := map[string]string{"Authorization": "Bearer " + who}
	if sets != "" {
		headers[mcptools.ToolsetsHeader] = sets
	}
	res := ask(t, w, "POST", mcptools.Path, `{"jsonrpc":"2.0","id":"\"tools\":[]","method":"tools/list"}`, headers)
	text, err := io.ReadAll(res.Body)
	var answer struct {
		Result struct{ Tools []struct{ Name string } }
	}
	if err != nil || res.StatusCode != 200 || json.Unmarshal(text, &answer) != nil {
		t.Fatalf("%s %q: %d %.300s", who, sets, res.StatusCode, text)
	}
	all := []string{}
	for _, tool := range answer.Result.Tools {
		all = append(all, tool.Name)
	}
	return strings.Join(all, " "), string(text)
}

// Which tools are shown depends on the toolsets in the header and on the role; the table is typed by
// hand. The answer has the same bytes each time.
func TestToolsets_ByHeaderAndRole_ShowTheirTools(t *testing.T) {
	w := newFixture(t)
	const (
		reads = "list_releases get_release"
		core  = reads + " create_release append_release_log transition_release_status"
		plan  = "update_release add_changes list_change_requests"
	)
	for _, c := range []struct{ who, sets, want string }{
		{"admin", "", core},
		{"admin", "core", core},
		{"admin", " Core , PLANNING,core", core + " " + plan},
		{"admin", "core,planning,execution", core + " " + plan + " complete_step"},
		{"admin", "execution", "complete_step"},
		{"admin", "readonly", reads},
		{"admin", "core,planning,execution,readonly", reads + " list_change_requests"},
		{"admin", "execution,readonly", ""},
		{"auditor", "core,planning,execution", reads + " append_release_log list_change_requests complete_step"},
		{"viewer", "core,planning,execution", reads + " list_change_requests"},
		{"viewer", "", reads},
		{"nobody", "core,planning,execution", ""},
	} {
		names, body := listed(t, w, c.who, c.sets)
		if names != c.want {
			t.Errorf("%s with %q is shown %q, want %q", c.who, c.sets, names, c.want)
		}
		if _, repeated := listed(t, w, c.who, c.sets); repeated != body {
			t.Errorf("%s with %q: the answer has other bytes the second time", c.who, c.sets)
		}
	}
}

func TestToolsets_Unknown_AreRefusedWithThoseThereAre(t *testing.T) {
	w := newFixture(t)
	for _, method := range []string{"tools/list", "initialize", "tools/call"} {
		res := ask(t, w, "POST", mcptools.Path, `{"jsonrpc":"2.0","id":7,"method":"`+method+`"}`, map[string]string{mcptools.ToolsetsHeader: "core,everything"})
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 400 || !strings.Contains(string(body), `"id":7`) || !strings.Contains(string(body), `\"everything\"`) || !strings.Contains(string(body), "core, planning, execution, readonly") {
			t.Errorf("%s: %d %s, want 400 that names the unknown toolset and the known ones", method, res.StatusCode, body)
		}
	}
}

// A tool outside the toolsets that the client asked for is not carried out, whatever the role.
func TestToolsets_ToolOutsideThem_IsRefused(t *testing.T) {
	w := newFixture(t)
	for sets, call := range map[string]string{
		"":                       `"update_release","arguments":{"id":"REL-2026-Q2-001","name":"B"}`,
		"core,planning,readonly": `"create_release","arguments":{"name":"B"}`,
		"planning":               `"create_release","arguments":{"name":"C"}`,
	} {
		res := ask(t, w, "POST", mcptools.Path, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":`+call+`}}`,
			map[string]string{"Authorization": "Bearer admin", mcptools.ToolsetsHeader: sets})
		body, err := io.ReadAll(res.Body)
		if err != nil || !strings.Contains(string(body), "NOT_OFFERED: ") || !strings.Contains(string(body), `"isError":true`) {
			t.Errorf("%q: %s, want NOT_OFFERED", sets, body)
		}
	}
	if names, _ := listed(t, w, "admin", ""); names == "" {
		t.Fatal("an Admin is shown no tool")
	}
	res := ask(t, w, "POST", mcptools.Path, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_releases"}}`, nil)
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), `{"releases":[]}`) {
		t.Errorf("one of the refused calls was carried out: %s", body)
	}
}
