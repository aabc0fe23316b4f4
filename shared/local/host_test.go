package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/figures"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/testkit"
)

// start brings a host up on the tests' engine, with tables of its own.
func start(t *testing.T, o Options) *Host {
	t.Helper()
	tables := testkit.New(t, testkit.WithStreams)
	o.Endpoint, o.Table = tables.Endpoint, tables.Name
	h, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	return h
}

// do sends a request as somebody with the role; an empty role sends no token.
func (h *Host) do(t *testing.T, role, method, path string, body any) (int, map[string]any) {
	t.Helper()
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, h.BaseURL+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	if role != "" {
		token, err := h.Tokens.Mint(tokens.Holder{Role: role})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return fetch(t, r)
}

func fetch(t *testing.T, r *http.Request) (int, map[string]any) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if json.Unmarshal(text, &out) != nil {
		out = map[string]any{"text": string(text)}
	}
	return answer.StatusCode, out
}

type object = map[string]any

func waitIdle(t *testing.T, h *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.WaitIdle(ctx); err != nil {
		t.Fatalf("the host was not idle after a minute: %v; given up: %+v", err, h.Failures())
	}
}

// The main job, from planning a release to rolling it back, over HTTP: through the gateway,
// tokens, functions with their rights, streams, bus and mail.
func TestHost_MainJob_Works(t *testing.T) {
	h := start(t, Options{})
	must := func(want int, role, method, path string, body any) object {
		t.Helper()
		status, answer := h.do(t, role, method, path, body)
		if status != want {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	for i, kind := range []string{"Standard", "Normal", "Emergency"} {
		id := fmt.Sprintf("CHG-%d", i+1)
		must(201, "admin", "POST", "/api/change-requests", object{"id": id, "changeType": kind, "title": "t", "controlId": "AC-1", "controlTitle": "c"})
		must(201, "admin", "POST", "/api/tasks", object{"id": "TASK-" + id, "title": "t", "requesterName": "R", "requesterEmail": "requester@example.com", "changeRequestId": id})
	}
	must(200, "admin", "POST", "/api/change-requests/CHG-3/decision", object{"decision": "approved"})
	id := must(201, "admin", "POST", "/api/releases", object{"name": "n", "version": "1", "scheduledStart": "2030-01-01T00:00:00Z", "scheduledEnd": "2030-01-01T02:00:00Z"})["id"].(string)
	must(200, "admin", "POST", "/api/releases/"+id+"/add-changes", object{"add": []string{"CHG-1", "CHG-2", "CHG-3"}})
	refused := must(409, "admin", "POST", "/api/releases/"+id+"/status", object{"status": "approved"})
	if !strings.Contains(fmt.Sprint(refused["detail"]), "CHG-2") {
		t.Errorf("the refusal does not name CHG-2: %v", refused)
	}
	must(200, "admin", "POST", "/api/change-requests/CHG-2/decision", object{"decision": "approved"})
	for _, status := range []string{"approved", "scheduled", "in-progress", "deployed"} {
		must(200, "admin", "POST", "/api/releases/"+id+"/status", object{"status": status})
	}
	waitIdle(t, h)
	end := must(200, "viewer", "GET", "/api/releases/"+id, nil)["actualEnd"].(string)
	task := must(200, "requester", "GET", "/api/tasks/TASK-CHG-2", nil)
	if want := "Resolved as part of release " + id + ", deployed " + end; task["status"] != "Resolved" || !strings.Contains(fmt.Sprint(task["comments"]), want) {
		t.Errorf("after the deployment got the task %v, want it Resolved with the comment %q", task, want)
	}
	must(200, "admin", "POST", "/api/releases/"+id+"/status", object{"status": "rolled-back", "rollback_reason": "errors rose"})
	waitIdle(t, h)
	for i := range 3 {
		task := must(200, "viewer", "GET", fmt.Sprintf("/api/tasks/TASK-CHG-%d", i+1), nil)
		if task["status"] != "Open" || len(task["comments"].([]any)) != 2 || !strings.Contains(fmt.Sprint(task["comments"]), "Rollback: errors rose") {
			t.Errorf("after the rollback got the task %v, want it Open with two comments, one with the reason", task)
		}
	}
	all := must(200, "", "GET", "/_local/events", nil)["events"].([]any)
	if len(all) != 5 {
		t.Errorf("%d events were published, want 5", len(all))
	}
	if swept := must(200, "", "POST", "/_local/schedules/sweep", nil); !strings.Contains(fmt.Sprint(swept), "looked:0") {
		t.Errorf("the sweep answered %v, want nothing looked at", swept)
	}
	failures := must(200, "", "GET", "/_local/failures", nil)
	if len(failures["failures"].([]any)) != 0 || len(failures["streams"].([]any)) != 5 {
		t.Errorf("got %v, want no failures and the state of five stream consumers", failures)
	}
	// Each function had its own rights on the way, and they were enough.
	if denied := h.Guard.Denied(); len(denied) > 0 {
		t.Errorf("denied: %v, want nothing", denied)
	}
	if len(h.Mail.Mails()) == 0 || len(h.Guard.Used("send-mail")) < 4 || len(h.Guard.Used("announce")) == 0 {
		t.Errorf("%d mails, send-mail used %v, announce used %v; want mails, at least four rights and at least one", len(h.Mail.Mails()), h.Guard.Used("send-mail"), h.Guard.Used("announce"))
	}
}

// What the template's policy does not name is refused on the local host as on AWS: the
// function that needs it fails, and the host says which right was missing.
func TestFunction_WithoutARight_Denied(t *testing.T) {
	root := t.TempDir()
	content, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// list-releases may query two indexes; it loses the one it lists by.
	without := strings.Replace(string(content), "                - !Sub ${ReleasesTable.Arn}/index/byCreation\n", "", 1)
	if without == string(content) {
		t.Fatal("template.yaml has no line for the index byCreation in the form that this test removes")
	}
	if err := os.WriteFile(filepath.Join(root, "template.yaml"), []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("../../functions")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(here, filepath.Join(root, "functions")); err != nil {
		t.Fatal(err)
	}
	h := start(t, Options{Root: root})
	if status, answer := h.do(t, "viewer", "GET", "/api/releases", nil); status != http.StatusInternalServerError {
		t.Errorf("listing without the right: %d %v, want 500", status, answer)
	}
	if status, answer := h.do(t, "viewer", "GET", "/api/releases?status=planned", nil); status != http.StatusOK {
		t.Errorf("listing with the right: %d %v, want 200", status, answer)
	}
	want := "list-releases: dynamodb:Query on ReleasesTable.Arn/index/byCreation"
	if denied := h.Guard.Denied(); len(denied) == 0 || denied[0] != want {
		t.Errorf("denied: %v, want first %q", denied, want)
	}
}

func TestHost_Pages_KeepStrangersOut(t *testing.T) {
	h := start(t, Options{})
	for _, c := range []struct {
		method, path string
		status       int
		body         string
		headers      []string
	}{
		{"GET", "/", 200, "/api/releases/{id}", nil},
		{"GET", "/_local/style.css", 200, "color-scheme", nil},
		{"GET", "/_local/inbox", 200, "No mail yet", []string{"Accept", "text/html"}},
		{"GET", "/_local/events", 200, "Nothing was published", []string{"Accept", "text/html"}},
		{"GET", "/_local/failures", 200, "Nothing was given up", []string{"Accept", "text/html"}},
		{"GET", "/_local/token", 200, "admin", []string{"Accept", "text/html"}},
		{"GET", "/_local/quiet", 204, "", nil},
		{"GET", "/_local/nothing", 404, "", nil},
		{"GET", "/.well-known/openid-configuration", 200, h.BaseURL, nil},
		{"GET", "/api/releases", 401, "", nil},
		{"GET", "/api//releases", 404, "", nil},
		{"GET", "/api/../releases", 404, "", nil},
		{"GET", "/nothing", 404, "", nil},
		{"POST", "/", 404, "", nil},
		{"HEAD", "/api/releases", 401, "", nil},
		{"PUT", "/api/releases", 404, "", nil},
		{"HEAD", "/trust-center", 200, "", nil},
		{"POST", "/_local/token/rotate", 204, "", nil},
		{"GET", "/_local/token", 421, "", []string{"Host", "rebound.example"}},
		{"DELETE", "/_local/inbox", 403, "", []string{"Origin", "http://evil.example"}},
		{"POST", "/_local/schedules/sweep", 403, "", []string{"Sec-Fetch-Site", "cross-site"}},
		{"DELETE", "/_local/inbox", 204, "", nil},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, h.BaseURL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
			if c.headers[i] == "Host" {
				r.Host = c.headers[i+1]
			}
		}
		if status, body := fetch(t, r); status != c.status || !strings.Contains(fmt.Sprint(body), c.body) {
			t.Errorf("%s %s %v: got %d %v, want %d with %q", c.method, c.path, c.headers, status, body, c.status, c.body)
		}
	}
}

// The commands of the welcome text work when they are pasted into a shell.
func TestWelcome_Commands_WorkWhenPasted(t *testing.T) {
	h := start(t, Options{})
	var out bytes.Buffer
	h.welcome(&out, "run.json", kept("", ""))
	pasted := 0
	for line := range strings.Lines(out.String()) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "curl ")
		if !ok {
			continue
		}
		pasted++
		answer, err := exec.CommandContext(t.Context(), "sh", "-c", "curl --fail-with-body "+command).CombinedOutput()
		if err != nil || !json.Valid(answer) {
			t.Errorf("curl %s\ngot %v and %s, want an answer in JSON", command, err, answer)
		}
	}
	if pasted != 3 {
		t.Errorf("%d curl commands, want 3, in:\n%s", pasted, out.String())
	}
	if !strings.Contains(out.String(), "GONE when this stops") {
		t.Errorf("the welcome does not say that the data are gone when the host stops:\n%s", out.String())
	}
	for _, one := range holders {
		if !strings.Contains(out.String(), one.Name) {
			t.Errorf("the welcome does not name %s", one.Name)
		}
	}
}

func TestHost_RunFile_HasTokens(t *testing.T) {
	h := start(t, Options{})
	path := t.TempDir() + "/deep/run.json"
	remove, err := h.writeRunFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		BaseURL, MCPURL, InboxURL string
		Tokens                    struct{ Viewer, Auditor, Admin, Requester string }
	}
	if err := json.Unmarshal(text, &f); err != nil || f.BaseURL != h.BaseURL || f.MCPURL != h.BaseURL+"/mcp" || f.InboxURL != h.BaseURL+"/_local/inbox" ||
		f.Tokens.Viewer == "" || f.Tokens.Auditor == "" || f.Tokens.Admin == "" || f.Tokens.Requester == "" {
		t.Errorf("got %s, want the addresses of the API, MCP and the inbox, and a token for each role", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v and %v, want a file that only its owner reads", info, err)
	}
	if err := os.WriteFile(path, []byte("another host's"), 0o600); err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := os.Stat(path); err != nil {
		t.Error("another host's file was removed")
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("the host's own file is still there")
	}
}

func TestHost_PortTaken_IsSaid(t *testing.T) {
	l, err := listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if !strings.HasPrefix(l.Addr().String(), "127.0.0.1:") {
		t.Errorf("listens at %s, want 127.0.0.1", l.Addr())
	}
	var port int
	_, _ = fmt.Sscanf(l.Addr().String(), "127.0.0.1:%d", &port)
	_, err = Start(t.Context(), Options{Port: port, Endpoint: "http://127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is taken", port)) {
		t.Errorf("got %v, want that port %d is taken", err, port)
	}
}

func TestHost_LogLines_AreReadable(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, slog.LevelInfo).With("a", 1)
	log.Info("hello", "path", "/x", "empty", "", "why", "two words", "evil", "a\nb")
	log.Warn("careful")
	log.Debug("hidden")
	log.Info("counted", figures.Count("Mails", "Outcome", "sent"))
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || lines[2][9:] != "counted  a=1  Outcome=sent  Mails=1" || lines[0][9:] != `hello  a=1  path=/x  why="two words"  evil="a\nb"` || lines[1][9:] != "WARN careful  a=1" {
		t.Errorf("got the lines %q, want hello, a warning and a count, without empty values and without the debug line", lines)
	}
}
