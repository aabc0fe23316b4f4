package mcptools_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/host"
	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
)

const issuer = "https://issuer.example"

// people are the callers, by the token that they send.
var people = map[string]release.Caller{
	"admin":   person("Ada Admin", release.Admin),
	"auditor": person("Otto Auditor", release.Auditor),
	"viewer":  person("Vera Viewer", release.Viewer),
	"nobody":  person("Nora Nobody", release.NoRole),
}

func person(name string, role release.Role) release.Caller {
	first, _, _ := strings.Cut(strings.ToLower(name), " ")
	return release.Caller{Person: release.Person{Subject: "sub-" + first, Name: name, Email: first + "@example.com", EmailVerified: true}, Role: role}
}

// fixture is a service on tables of its own, with a clock that the test moves, and the handler under
// test.
type fixture struct {
	config  mcptools.Config
	ops     *operations.Operations
	handler http.Handler
	server  *httptest.Server
	clock   atomic.Int64
}

// began is the time at which every fixture begins.
var began = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return serve(t, testkit.New(t))
}

// serve returns a service on given tables.
func serve(t testing.TB, h *testkit.Harness) *fixture {
	t.Helper()
	w := &fixture{}
	w.ops = operations.New(h.Store).WithClock(func() time.Time { return began.Add(time.Duration(w.clock.Load()) * time.Second) })
	w.server = httptest.NewServer(http.HandlerFunc(w.gateway))
	t.Cleanup(w.server.Close)
	w.config = mcptools.Config{PublicURL: w.server.URL, AllowedOrigins: []string{"https://agents.example"}, Issuer: issuer, Scopes: []string{"openid", "releases/use"}}
	w.handler = mcptools.Handler(w.ops, w.config)
	return w
}

// as returns a context in which somebody calls.
func as(who string) context.Context {
	return release.WithCaller(context.Background(), people[who])
}

// gateway does what API Gateway and the authorizer do: it finds the caller by the token, and calls the
// function's real handler with a real event.
func (w *fixture) gateway(rw http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, known := people[token]
	if !known && r.URL.Path == mcptools.Path {
		rw.Header().Set("WWW-Authenticate", w.config.Challenge())
		rw.Header().Set("Content-Type", "application/problem+json")
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	event := events.APIGatewayProxyRequest{
		Resource: r.URL.Path, Path: r.URL.Path, HTTPMethod: r.Method, MultiValueHeaders: r.Header.Clone(), Body: string(body),
		RequestContext: events.APIGatewayProxyRequestContext{RequestID: "req-1", Stage: "live"},
	}
	event.MultiValueHeaders["Host"] = []string{r.Host}
	if known {
		event.RequestContext.Authorizer = map[string]any{
			"sub": who.Subject, "name": who.Name, "email": who.Email, "emailVerified": "true", "role": who.Role.String(),
		}
	}
	answer, err := host.APIHandler(w.handler)(r.Context(), event)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	for name, values := range answer.MultiValueHeaders {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(rw, answer.Body)
}

// reply is what came back for one message. Status is 0 over stdio.
type reply struct {
	status int
	body   string
}

// line is a way to send messages, for one person in one protocol version.
type line interface {
	send(t *testing.T, message []byte, headers http.Header) reply
}

// overHTTP sends through the network and API Gateway's event.
type overHTTP struct {
	w   *fixture
	who string
}

func (o overHTTP) send(t *testing.T, message []byte, headers http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.w.server.URL+mcptools.Path, bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = headers.Clone()
	r.Header.Set("Authorization", "Bearer "+o.who)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, string(body)}
}

// inProcess calls the handler directly, as a Go program could.
type inProcess struct {
	w   *fixture
	who string
}

func (i inProcess) send(t *testing.T, message []byte, headers http.Header) reply {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, i.w.server.URL+mcptools.Path, bytes.NewReader(message))
	r.Header = headers.Clone()
	rec := httptest.NewRecorder()
	i.w.handler.ServeHTTP(rec, r.WithContext(as(i.who)))
	return reply{rec.Code, rec.Body.String()}
}

// overStdio is a process of functions/mcp-stdio, as a desktop client starts it.
type overStdio struct {
	in  io.WriteCloser
	out *bufio.Reader
}

var programDir string // where program has built the binary; "" before

// program builds mcp-stdio once for all tests, and returns the file.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "mcp-stdio")
	if err != nil {
		return "", err
	}
	programDir = dir
	root, err := engine.Root()
	if err != nil {
		return "", err
	}
	// Built as the functions are, so that compiled packages come from the same cache.
	files, err := bootstrap.Build(context.Background(), root, dir, []string{"mcp-stdio"})
	return files["mcp-stdio"], err
})

func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Verbose() {
		// Many tests let calls fail on purpose, and their log would bury the rest. -v shows it.
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	code := m.Run()
	if programDir != "" { // calling program here would build it
		_ = os.RemoveAll(programDir)
	}
	os.Exit(code)
}

// stdio starts mcp-stdio for a caller.
func stdio(t *testing.T, w *fixture, who, sets string) *overStdio {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), file)
	cmd.Env = []string{"RELEASES_URL=" + w.server.URL + mcptools.Path, "RELEASES_TOKEN=" + who, "RELEASES_TOOLSETS=" + sets}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("mcp-stdio ended with %v after its input ended", err)
		}
	})
	return &overStdio{in, bufio.NewReader(out)}
}

func (o *overStdio) send(t *testing.T, message []byte, _ http.Header) reply {
	t.Helper()
	if _, err := o.in.Write(append(bytes.Clone(message), '\n')); err != nil {
		t.Fatal(err)
	}
	var seen struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if json.Unmarshal(message, &seen) == nil && seen.ID == nil && seen.Method != "" {
		return reply{} // a notification has no answer
	}
	text, err := o.out.ReadString('\n')
	if err != nil {
		t.Fatalf("mcp-stdio does not answer %.200s: %v", message, err)
	}
	return reply{body: strings.TrimSuffix(text, "\n")}
}
