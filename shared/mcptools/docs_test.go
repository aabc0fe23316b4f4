package mcptools_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"example.com/releases/shared/mcptools"
)

// configured is a server as a client's configuration names it.
type configured struct {
	Type    string            `json:"type"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Command string            `json:"command"`
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
}

// Each configuration of docs/mcp.md is read as its client reads it and used: with the
// three values that people put in, the tools are listed.
func TestDocumentedConfigurationsWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.NewReplacer("http://127.0.0.1:3000/mcp", w.server.URL+mcptools.Path, "PASTE-YOUR-TOKEN", "viewer",
		"${input:releases-token}", "viewer", "${env:RELEASES_TOKEN}", "viewer", "/path/to/mcp-stdio", file)
	ways := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		var c struct {
			Claude map[string]configured `json:"mcpServers"`
			VSCode map[string]configured `json:"servers"`
			Inputs []struct{ Type, ID, Description string }
		}
		if err := json.Unmarshal([]byte(mine.Replace(block[1])), &c); err != nil {
			t.Errorf("%v in %s", err, block[1])
			continue
		}
		if len(c.Claude)+len(c.VSCode) != 1 || len(c.VSCode) != len(c.Inputs) {
			t.Errorf("not one server, or not its input: %s", block[1])
		}
		for _, servers := range []map[string]configured{c.Claude, c.VSCode} {
			for _, s := range servers {
				if s.URL != "" {
					ways["http"]++
					overConfiguredHTTP(t, s)
				} else {
					ways["stdio"]++
					overConfiguredStdio(t, s)
				}
			}
		}
	}
	if ways["http"] < 3 || ways["stdio"] < 4 {
		t.Errorf("configurations tried: %v", ways)
	}
	for _, name := range mcptools.Rows() {
		if !bytes.Contains(text, []byte("`"+name.Name+"`")) {
			t.Errorf("%s is not documented", name.Name)
		}
	}
}

const listTools = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

func overConfiguredHTTP(t *testing.T, s configured) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(listTools))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range s.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%+v: %d", s, res.StatusCode)
	}
}

func overConfiguredStdio(t *testing.T, s configured) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.Command, s.Args...)
	for name, value := range s.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(listTools + "\n")
	out, err := cmd.Output()
	if err != nil || !bytes.Contains(out, []byte(`"name":"get_release"`)) {
		t.Errorf("%+v: %v %.200s", s, err, out)
	}
}
