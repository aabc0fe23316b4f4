package mcptools_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	// OAuth is how Claude Code and VS Code write it, Auth how Cursor does.
	OAuth *struct {
		ClientID     string `json:"clientId"`
		CallbackPort int    `json:"callbackPort"`
	} `json:"oauth"`
	Auth *struct {
		ClientID string `json:"CLIENT_ID"`
	} `json:"auth"`
}

// signsIn tells whether the client is to get the token itself.
func (c configured) signsIn() bool { return c.OAuth != nil || c.Auth != nil }

// Each configuration in docs/mcp.md is read as its client reads it, and used. With the values that
// people put in, the tools are listed; one that signs in finds out where to.
func TestDocs_Configurations_Work(t *testing.T) {
	text, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newFixture(t)
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.NewReplacer("http://127.0.0.1:3000/mcp", w.server.URL+mcptools.Path, "https://releases.example.com/mcp", w.server.URL+mcptools.Path,
		"curl -s 'http://127.0.0.1:3000/_local/token?role=viewer'", "echo viewer", "PASTE-YOUR-TOKEN", "viewer", "PASTE-CLIENT-ID", "the client",
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
		if asks := strings.Contains(block[1], "${input:"); len(c.Claude)+len(c.VSCode) != 1 || asks != (len(c.Inputs) == 1) {
			t.Errorf("a configuration does not have one server, or not the input that it asks for: %s", block[1])
		}
		for _, servers := range []map[string]configured{c.Claude, c.VSCode} {
			for _, s := range servers {
				switch {
				case s.signsIn():
					ways["sign-in"]++
					overConfiguredSignIn(t, s)
				case s.URL != "":
					ways["http"]++
					overConfiguredHTTP(t, s)
				default:
					ways["stdio"]++
					overConfiguredStdio(t, s)
				}
			}
		}
	}
	if ways["http"] < 3 || ways["stdio"] < 5 || ways["sign-in"] < 3 {
		t.Errorf("configurations tried: %v, want 3 over http, 5 over stdio and 3 that sign in, or more", ways)
	}
	for _, name := range mcptools.Rows() {
		if !bytes.Contains(text, []byte("`"+name.Name+"`")) {
			t.Errorf("docs/mcp.md does not name the tool %s", name.Name)
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
		t.Errorf("%+v: %d, want 200", s, res.StatusCode)
	}
}

// overConfiguredSignIn goes as far as a client can without an identity provider: it is challenged, and
// the document that the challenge names is for the configured URL. The sample pool knows the client's
// port.
func overConfiguredSignIn(t *testing.T, s configured) {
	t.Helper()
	if s.OAuth != nil && s.OAuth.ClientID != "the client" || s.Auth != nil && s.Auth.ClientID != "the client" || len(s.Headers) > 0 {
		t.Errorf("%+v names no client, or a token too", s)
	}
	sample, err := os.ReadFile("../../docs/examples/cognito.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if s.OAuth != nil && s.OAuth.CallbackPort != 0 && !bytes.Contains(sample, fmt.Appendf(nil, "- http://localhost:%d/callback", s.OAuth.CallbackPort)) {
		t.Errorf("the sample pool does not know the port %d", s.OAuth.CallbackPort)
	}
	get := func(method, url string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(listTools))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	res := get(http.MethodPost, s.URL)
	found := regexp.MustCompile(`resource_metadata="([^"]*)"`).FindStringSubmatch(res.Header.Get("WWW-Authenticate"))
	if res.StatusCode != http.StatusUnauthorized || found == nil {
		t.Fatalf("%+v: %d %v", s, res.StatusCode, res.Header)
	}
	var document struct{ Resource string }
	if err := json.NewDecoder(get(http.MethodGet, found[1]).Body).Decode(&document); err != nil || document.Resource != s.URL {
		t.Errorf("%+v: %v, the document is for %q", s, err, document.Resource)
	}
}

// docs/mcp.md and the sample pool have the same redirect addresses, except for one that Cognito does not
// accept.
func TestDocumentedRedirectAddresses_AreTheSamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../../docs/examples/cognito.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| host | redirect address |")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[string]bool{}
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 3 {
			continue
		}
		for _, address := range regexp.MustCompile("`([^`]*://[^`]*)`").FindAllStringSubmatch(cells[2], -1) {
			documented[address[1]] = true
		}
	}
	for _, address := range regexp.MustCompile(`(?m)^        - (\S+://\S+)`).FindAllStringSubmatch(string(sample), -1) {
		if !documented[address[1]] {
			t.Errorf("%s is in the sample and not on the page", address[1])
		}
		delete(documented, address[1])
	}
	delete(documented, "http://127.0.0.1:33418/")
	if len(documented) > 0 {
		t.Errorf("on the page and not in the sample: %v", documented)
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
