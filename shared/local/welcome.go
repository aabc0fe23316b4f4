package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/version"
)

// holder describes one of the tokens that are issued at every start.
type holder struct {
	Name string // also its key in run.json
	May  string
}

// holders are the four holders, fewest rights first.
var holders = []holder{
	{"requester", "read the tasks of requester@example.com: a token without a role"},
	{"viewer", "read everything"},
	{"auditor", "do what a viewer may, and write to deployment logs"},
	{"admin", "do everything: plan, decide for the CAB, move releases"},
}

// about is the content of the run file, for programs.
type about struct {
	BaseURL  string            `json:"baseUrl"`
	MCPURL   string            `json:"mcpUrl"`
	InboxURL string            `json:"inboxUrl"`
	Tokens   map[string]string `json:"tokens"`
}

// writeRunFile writes the run file, readable only by this user. The returned function removes
// it, unless another host has written its own since.
func (h *Host) writeRunFile(path string) (remove func(), err error) {
	f := about{BaseURL: h.BaseURL, MCPURL: h.BaseURL + "/mcp", InboxURL: h.BaseURL + "/_local/inbox", Tokens: map[string]string{}}
	for _, one := range holders {
		if h.provider != "" {
			break // our tokens would be refused
		}
		if f.Tokens[one.Name], err = h.Tokens.Mint(tokens.Holder{Role: one.Name}); err != nil {
			return nil, err
		}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	// Written under another name first, so that nobody reads half a file and an old file's
	// permissions are not kept.
	part, err := os.CreateTemp(filepath.Dir(path), "run-*.json")
	if err != nil {
		return nil, err
	}
	_, err = part.Write(text)
	if closed := part.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name())
		return nil, err
	}
	return func() {
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, text) {
			_ = os.Remove(path)
		}
	}, nil
}

// tries are the example commands of the welcome; each works by itself when pasted.
func (h *Host) tries() []string {
	token := func(role string) string {
		return fmt.Sprintf(`-H "Authorization: Bearer $(curl -s '%s%s?role=%s')"`, h.BaseURL, tokens.TokenPath, role)
	}
	return []string{
		fmt.Sprintf(`curl -s %s/api/releases %s`, h.BaseURL, token("viewer")),
		fmt.Sprintf(`curl -s %s/api/change-requests %s -H 'Content-Type: application/json' -d '{"changeType":"Standard","title":"Rotate the keys","controlId":"AC-1","controlTitle":"Access control"}'`, h.BaseURL, token("admin")),
		fmt.Sprintf(`curl -s %s/api/releases %s -H 'Content-Type: application/json' -d '{"name":"June release","version":"1.0.0"}'`, h.BaseURL, token("admin")),
	}
}

// pages are the API's pages that people open in a browser.
var pages = []struct{ name, path string }{{"API", "/docs"}, {"Trust Center", "/trust-center"}}

// serves reports whether the template has the path.
func (h *Host) serves(path string) bool {
	for _, f := range h.template.Functions {
		for _, r := range f.Routes {
			if r.Path == path {
				return true
			}
		}
	}
	return false
}

// kept says where the data are, and whether they outlive the host: nobody should be surprised that an hour of typing is
// gone.
func kept(data, endpoint string) string {
	switch {
	case endpoint != "":
		return "in the engine at " + endpoint + ", which decides how long they are kept"
	case data != "":
		return data + ", kept when this stops"
	}
	return "in memory, GONE when this stops; to keep them: RELEASES_DATA=.local/data make run"
}

// welcome prints what there is and what to try.
func (h *Host) welcome(w io.Writer, runFile, data string) {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("\nReleases %s is running on %s  (Ctrl-C stops it)\n", version.Number, h.BaseURL)
	line("  %-13s %s/", "What is where", h.BaseURL)
	line("  %-13s %s/_local/inbox", "Mail", h.BaseURL)
	line("  %-13s %s/_local/events", "Events", h.BaseURL)
	for _, page := range pages {
		if h.serves(page.path) {
			line("  %-13s %s%s", page.name, h.BaseURL, page.path)
		}
	}
	line("  %-13s %s", "Data", data)
	if h.provider != "" {
		line("\nTokens come from %s. Agents learn that at %s/mcp (docs/mcp.md, \"Sign-in\").\n", h.provider, h.BaseURL)
		_, _ = io.WriteString(w, b.String())
		return
	}
	line("\nTokens (good for 12 hours; %s%s, also in %s)\n", h.BaseURL, tokens.TokenPath, runFile)
	for _, one := range holders {
		line("  %-10s may %s", one.Name, one.May)
	}
	line("\nTry\n")
	for _, command := range h.tries() {
		line("  %s\n", command)
	}
	line("or, in a second terminal, the whole story:  make demo\n")
	_, _ = io.WriteString(w, b.String())
}
