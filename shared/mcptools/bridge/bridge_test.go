package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/version"
)

// hold runs the bridge over lines against a handler and returns what it writes.
func hold(t *testing.T, h http.HandlerFunc, lines string) (out, log string, code int) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	var o, l bytes.Buffer
	code = Run(t.Context(), Config{URL: s.URL + "/mcp", Token: "t"}, strings.NewReader(lines), &o, &l)
	return o.String(), l.String(), code
}

const call = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"create_release"}}`

// message is the text of an error that answers the call.
func text(t *testing.T, line string) string {
	t.Helper()
	var e struct {
		Version string `json:"jsonrpc"`
		ID      any
		Error   struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Version != "2.0" || fmt.Sprint(e.ID) != "7" || e.Error.Code == 0 {
		t.Fatalf("no error that answers the call: %v: %s", err, line)
	}
	return e.Error.Message
}

// Every way the service can fail to answer is a sentence: what happened, whether
// something was changed, and what to do next.
func TestBridge_EveryFailure_IsASentence(t *testing.T) {
	status := func(code int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"message":"secret details"}`)
		}
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want []string
	}{
		"a stale token":        {status(401), []string{"UNAUTHORIZED: ", "RELEASES_TOKEN", "Nothing was changed. Next: get a new access token"}},
		"a firewall":           {status(403), []string{"FORBIDDEN: ", "Nothing was changed. Next: ask the operators"}},
		"the wrong address":    {status(404), []string{"NOT_FOUND: ", "RELEASES_URL", "ends in /mcp"}},
		"a wrong method":       {status(405), []string{"NOT_FOUND: "}},
		"too much":             {status(413), []string{"TOO_LARGE: "}},
		"too many":             {status(429, "Retry-After", "3"), []string{"THROTTLED: ", "wait 3 s and make the same call again"}},
		"a pause":              {status(503), []string{"THROTTLED: ", "wait a few seconds"}},
		"another address":      {status(308, "Location", "https://elsewhere.example/mcp"), []string{"REDIRECTED: ", "elsewhere.example", "the token is not sent there"}},
		"a gateway's timeout":  {status(504), []string{"TIMEOUT: ", "may have been carried out. Next: read before you repeat"}},
		"a failure":            {status(500), []string{"INTERNAL: ", "may have been carried out"}},
		"a bad gateway":        {status(502), []string{"INTERNAL: "}},
		"a strange refusal":    {status(418), []string{"REFUSED: "}},
		"a page":               {status(200, "Content-Type", "text/html; charset=utf-8"), []string{"UNEXPECTED_ANSWER: ", `"text/html"`}},
		"a connection cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{"UNREACHABLE: ", "broke off", "may have been carried out"}},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"jsonrpc":`)
		}, []string{"UNREACHABLE: ", "may have been carried out"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, log, code := hold(t, c.h, call+"\n")
			got := text(t, out)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in: %s", want, got)
				}
			}
			if strings.Contains(got, "secret") || strings.Count(out, "\n") != 1 || log != "" || code != 0 {
				t.Errorf("out %q, log %q, code %d", out, log, code)
			}
		})
	}
}

func TestBridge_Unreachable_IsASentence(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	for url, want := range map[string]string{
		"http://" + closed.Addr().String() + "/mcp": "Nothing answers at",
		"https://nowhere.invalid/mcp":               "UNREACHABLE: ",
		secure.URL + "/mcp":                         "certificate",
	} {
		var out, log bytes.Buffer
		code := Run(t.Context(), Config{URL: url, Token: "t"}, strings.NewReader(call+"\n"), &out, &log)
		if got := text(t, out.String()); !strings.Contains(got, want) || !strings.Contains(got, "Nothing was changed. Next: ") || code != 0 {
			t.Errorf("%s: %d %s", url, code, got)
		}
	}
}

func TestBridge_Timeout_SaysToCheckFirst(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a server notices that the client went away
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	var out bytes.Buffer
	b, complaint := open(Config{URL: s.URL + "/mcp", Token: "t"}, &out, io.Discard)
	if b == nil {
		t.Fatal(complaint)
	}
	b.client.Timeout = 50 * time.Millisecond
	b.carry(t.Context(), strings.NewReader(call+"\n"))
	if got := text(t, out.String()); !strings.HasPrefix(got, "TIMEOUT: ") || !strings.Contains(got, "idempotencyKey") {
		t.Error(got)
	}
}

// A wrong configuration ends it at the first message. It is told on stderr, and in answer to that
// message: clients show the one or the other.
func TestBridge_Configuration_IsJudgedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no URL":              {Config{URL: "", Token: "t"}, "RELEASES_URL is not set"},
		"no address":          {Config{URL: "releases", Token: "t"}, "is no URL"},
		"another scheme":      {Config{URL: "ftp://releases.example/mcp", Token: "t"}, "is no URL"},
		"the service's URL":   {Config{URL: "https://releases.example", Token: "t"}, "ends in /mcp"},
		"in the clear":        {Config{URL: "http://releases.example/mcp", Token: "t"}, "Use https"},
		"no token":            {Config{URL: "https://releases.example/mcp", Token: " "}, "RELEASES_TOKEN is not set"},
		"only the scheme":     {Config{URL: "https://releases.example/mcp", Token: "Bearer "}, "RELEASES_TOKEN"},
		"two tokens":          {Config{URL: "https://releases.example/mcp", Token: "t", TokenFile: "f"}, "More than one of RELEASES_TOKEN, RELEASES_TOKEN_FILE and RELEASES_TOKEN_COMMAND is set"},
		"two ways":            {Config{URL: "https://releases.example/mcp", TokenFile: "f", TokenCommand: "c"}, "More than one of"},
		"toolsets in rows":    {Config{URL: "https://releases.example/mcp", Token: "t", Toolsets: "core\nplanning"}, "RELEASES_TOOLSETS holds characters"},
		"a token in two rows": {Config{URL: "https://releases.example/mcp", Token: "abc\ndef"}, "RELEASES_TOKEN holds spaces"},
	} {
		var out, log bytes.Buffer
		code := Run(t.Context(), c.config, strings.NewReader(call+"\n"), &out, &log)
		if reported := text(t, out.String()); !strings.HasPrefix(reported, "MISCONFIGURED: ") || !strings.Contains(reported, c.want) {
			t.Errorf("%s: the client is told %s", name, reported)
		}
		if code != exitConfig || strings.Count(out.String(), "\n") != 1 || !strings.Contains(log.String(), c.want) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: code %d, out %q, log %q", name, code, &out, &log)
		}
	}
	// Nobody who says nothing, or only what needs no answer, keeps it up.
	for name, in := range map[string]io.Reader{"nothing": strings.NewReader(""), "a notification": strings.NewReader(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"), "a terminal": silent(t)} {
		var out, log bytes.Buffer
		if code := Run(t.Context(), Config{}, in, &out, &log); code != exitConfig || out.Len() != 0 || log.Len() == 0 {
			t.Errorf("%s: code %d, out %q, log %q", name, code, &out, &log)
		}
	}
	for _, c := range []Config{
		{URL: " https://releases.example/live/mcp/ ", Token: "Bearer abc.def-ghi_j="}, {URL: "http://localhost:3000/mcp", Token: "t\n"}, {URL: "http://[::1]:3000/mcp", Token: "t"},
	} {
		b, complaint := open(c, io.Discard, io.Discard)
		if b == nil || strings.ContainsAny(b.tokens.token, " \n") || strings.HasSuffix(b.url, "/") {
			t.Errorf("%+v: %s %+v", c, complaint, b)
		}
	}
}

// silent is an input that stays open and says nothing.
func silent(t *testing.T) io.Reader {
	t.Helper()
	in, client := io.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	return in
}

// What passes is unchanged, of any length; what the endpoint says is one line each.
func TestBridge_Lines_PassUnchanged(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	var seen []string
	var mu sync.Mutex
	out, _, code := hold(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		seen = append(seen, string(body))
		mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json, text/event-stream" || r.Header.Get("User-Agent") != "releases-mcp-stdio/"+version.Number {
			t.Errorf("headers %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), "notifications/") {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		_, _ = io.WriteString(w, "{\"jsonrpc\":\"2.0\",\n\"id\":7,\"result\":{\"echo\":\""+long+"\"}}\r\n")
	}, `{"jsonrpc":"2.0","method":"notifications/progress"}`+"\n\r\n\n"+`{"jsonrpc":"2.0","id":7,"method":"initialize","x":"`+long+`"}`+"\r\n"+call) // no line end at the end
	if code != 0 || len(seen) != 3 {
		t.Fatalf("%d, %d messages", code, len(seen))
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	want := `{"jsonrpc":"2.0","id":7,"result":{"echo":"` + long + `"}}`
	if len(lines) != 2 || lines[0] != want || lines[1] != want {
		t.Errorf("%d lines, %.100s", len(lines), out)
	}
	for _, body := range seen {
		if strings.ContainsAny(body, "\r\n") {
			t.Errorf("a line end was sent: %.100s", body)
		}
	}
}

func TestBridge_EndlessLine_Refused(t *testing.T) {
	out, _, _ := hold(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":7,"result":{}}`)
	}, strings.Repeat("x", maxLine+10)+"\n"+call+"\n")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.Contains(out, "TOO_LARGE: ") || !strings.Contains(out, `"result":{}`) {
		t.Errorf("%.500s", out)
	}
}

// The version that was agreed, or that a message names, is a header; so are its method
// and the tool, where the version wants that.
func TestBridge_Version_BecomesAHeader(t *testing.T) {
	var mu sync.Mutex
	got := map[string]string{}
	_, _, _ = hold(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct{ ID json.RawMessage }
		_ = json.Unmarshal(body, &m)
		mu.Lock()
		got[string(m.ID)] = strings.Join([]string{r.Header.Get("Mcp-Protocol-Version"), r.Header.Get("Mcp-Method"), r.Header.Get("Mcp-Name")}, " ")
		mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18"}}`, m.ID)
	}, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_release","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}
`)
	want := map[string]string{"1": "  ", "2": "2025-06-18  ", "3": "2026-07-28 tools/call get_release"}
	for id, headers := range want {
		if got[id] != headers {
			t.Errorf("message %s: %q, not %q", id, got[id], headers)
		}
	}
}

// A notification that fails is a remark on stderr: to the client it would be an answer
// to nothing.
func TestBridge_Notification_HasNoAnswer(t *testing.T) {
	out, log, _ := hold(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	if out != "" || !strings.Contains(log, "UNAUTHORIZED") {
		t.Errorf("out %q, log %q", out, log)
	}
}

// Calls run side by side; one that is taken back ends, and has no answer.
func TestBridge_CallCancelled_IsTakenBack(t *testing.T) {
	reached, ended := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"slow"`) {
			close(reached)
			<-r.Context().Done()
			close(ended)
			return
		}
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":"quick","result":{}}`)
	}))
	t.Cleanup(s.Close)
	in, client := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan int, 1)
	go func() { done <- Run(t.Context(), Config{URL: s.URL + "/mcp", Token: "t"}, in, out, io.Discard) }()
	_, _ = io.WriteString(client, `{"jsonrpc":"2.0","id":"slow","method":"tools/call"}`+"\n"+`{"jsonrpc":"2.0","id":"quick","method":"ping"}`+"\n")
	line, err := bufio.NewReader(answers).ReadString('\n')
	if err != nil || !strings.Contains(line, "quick") {
		t.Fatalf("%q %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, answers) }()
	<-reached
	_, _ = io.WriteString(client, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"slow"}}`+"\n")
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the call goes on")
	}
	_ = client.Close()
	if code := <-done; code != 0 {
		t.Errorf("code %d", code)
	}
}

// Ctrl-C ends it at once, with a call under way and the input still open.
func TestBridge_Interrupt_EndsItAtOnce(t *testing.T) {
	reached := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(reached)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	in, client := io.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- Run(ctx, Config{URL: s.URL + "/mcp", Token: "t"}, in, io.Discard, io.Discard) }()
	_, _ = io.WriteString(client, call+"\n")
	<-reached
	interrupt()
	select {
	case code := <-done:
		if code != exitInterrupted {
			t.Errorf("code %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

// A client waits for the answer to its id, wherever in the line that stands.
func TestLine_TooLargeToSend_IsAnsweredUnderItsID(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	defer server.Close()
	line := `{"jsonrpc":"2.0","method":"ping","params":{"x":"` + strings.Repeat("x", maxMessage) + `"},"id":"last"}`
	var out, log bytes.Buffer
	if code := Run(t.Context(), Config{URL: server.URL + "/mcp", Token: "t"}, strings.NewReader(line+"\n"), &out, &log); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(out.String(), `"id":"last"`) || !strings.Contains(out.String(), "TOO_LARGE: ") {
		t.Errorf("%.500s", out.String())
	}
}
