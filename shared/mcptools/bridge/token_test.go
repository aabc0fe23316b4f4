package bridge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// service lets one token in, which may change, and counts the calls it carried out.
type service struct {
	url     string
	good    atomic.Value
	carried atomic.Int32
	refused atomic.Int32
}

func newService(t *testing.T, good string) *service {
	t.Helper()
	s := &service{}
	s.good.Store(good)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.good.Load().(string) {
			s.refused.Add(1)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.carried.Add(1)
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, parse(body).id)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/mcp"
	return s
}

// session is a running bridge and its client.
type session struct {
	in      io.WriteCloser
	answers *bufio.Reader
	log     *lockedBuffer
	done    chan int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func begin(t *testing.T, c Config) *session {
	t.Helper()
	in, client := io.Pipe()
	answers, out := io.Pipe()
	s := &session{in: client, answers: bufio.NewReader(answers), log: &lockedBuffer{}, done: make(chan int, 1)}
	go func() { s.done <- Run(context.WithoutCancel(t.Context()), c, in, out, s.log) }() // t.Context ends before Cleanup
	t.Cleanup(func() {
		_ = client.Close()
		if code := <-s.done; code != exitOK {
			t.Errorf("the bridge ended with %d", code)
		}
	})
	return s
}

// call makes a call and returns the line that answers it.
func (s *session) call(t *testing.T) string {
	t.Helper()
	if _, err := io.WriteString(s.in, call+"\n"); err != nil {
		t.Fatal(err)
	}
	line, err := s.answers.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

const fine = `{"jsonrpc":"2.0","id":7,"result":{}}` + "\n"

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A token that expires in the middle of a session is replaced by the one that the file or the
// command has by then. The client sees its answer and nothing else, and each call is carried
// out once.
func TestToken_ExpiresInASession_IsRenewedUnseen(t *testing.T) {
	for name, config := range map[string]func(path string) Config{
		"file":    func(path string) Config { return Config{TokenFile: path} },
		"command": func(path string) Config { return Config{TokenCommand: `echo "asked" >&2; cat '` + path + `'`} },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "the token")
			write(t, path, "first\n")
			s := newService(t, "first")
			c := config(path)
			c.URL = s.url
			client := begin(t, c)
			for range 3 {
				if got := client.call(t); got != fine {
					t.Fatalf("answered %s", got)
				}
			}
			s.good.Store("second")
			write(t, path, "Bearer second")
			for range 3 {
				if got := client.call(t); got != fine {
					t.Fatalf("after the token expired: %s", got)
				}
			}
			if carried, refused := s.carried.Load(), s.refused.Load(); carried != 6 || refused != 1 {
				t.Errorf("%d calls carried out and %d refused, want 6 and 1", carried, refused)
			}
			if asked := strings.Count(client.log.String(), "asked"); name == "command" && asked != 2 {
				t.Errorf("the command ran %d times, want 2", asked)
			}
		})
	}
}

// Many calls that are refused at once ask once.
func TestToken_RefusedManyTimesAtOnce_IsAskedForOnce(t *testing.T) {
	dir := t.TempDir()
	path, count := filepath.Join(dir, "token"), filepath.Join(dir, "count")
	write(t, path, "first")
	s := newService(t, "first")
	client := begin(t, Config{URL: s.url, TokenCommand: "echo x >>'" + count + "'; sleep 0.2; cat '" + path + "'"})
	client.call(t)
	s.good.Store("second")
	write(t, path, "second")
	const calls = 10
	go func() { _, _ = io.WriteString(client.in, strings.Repeat(call+"\n", calls)) }()
	for range calls {
		if line, err := client.answers.ReadString('\n'); err != nil || line != fine {
			t.Errorf("%v %s", err, line)
		}
	}
	if text, err := os.ReadFile(count); err != nil || strings.Count(string(text), "x") != 2 {
		t.Errorf("%v: the command ran %d times, want 2", err, strings.Count(string(text), "x"))
	}
}

// What gives no token is told in answer to the call, with what to do, and the next call asks
// again: nobody has to restart anything.
func TestToken_CannotBeHad_IsToldAndAskedForAgain(t *testing.T) {
	s := newService(t, "good")
	path := filepath.Join(t.TempDir(), "token")
	for name, c := range map[string]struct {
		content string // of the file; - is no file
		config  Config
		want    string
	}{
		"no file":              {"-", Config{TokenFile: path}, "TOKEN_UNAVAILABLE: The access token cannot be had: the file in RELEASES_TOKEN_FILE cannot be read"},
		"an empty file":        {"\n", Config{TokenFile: path}, "holds no token"},
		"a file of JSON":       {`{"access_token":"good"}`, Config{TokenFile: path}, "holds JSON and not the access token alone"},
		"a file of two rows":   {"good\ngood", Config{TokenFile: path}, "holds spaces or characters"},
		"a file without end":   {strings.Repeat("x", maxToken+1), Config{TokenFile: path}, "is longer than any access token"},
		"a command's advice":   {"-", Config{TokenCommand: "cat '" + path + "' 2>/dev/null || { printf 'a line\\nERROR:\\tRun sign-in first.\\n\\n' >&2; exit 3; }"}, "failed (exit status 3) and says: ERROR:Run sign-in first."},
		"a command that leaks": {"-", Config{TokenCommand: "cat '" + path + "' 2>/dev/null || { echo 'refused eyJgood' >&2; exit 3; }"}, "failed (exit status 3). Nothing was changed."},
		"a failing command":    {"-", Config{TokenCommand: "cat '" + path + "'"}, "the command in RELEASES_TOKEN_COMMAND failed (exit status 1)"},
		"no such command":      {"-", Config{TokenCommand: "[ -e '" + path + "' ] || no-such-command; cat '" + path + "'"}, "RELEASES_TOKEN_COMMAND failed"},
		"a command's nothing":  {"", Config{TokenCommand: "cat '" + path + "'"}, "holds no token"},
		"a stale file":         {"stale", Config{TokenFile: path}, "UNAUTHORIZED: Releases does not accept the token from the file in RELEASES_TOKEN_FILE"},
		"a command's old one":  {"stale", Config{TokenCommand: "cat '" + path + "'"}, "UNAUTHORIZED: Releases does not accept the token from the command in RELEASES_TOKEN_COMMAND"},
		"one that reads input": {"-", Config{TokenCommand: "cat; cat '" + path + "'"}, "TOKEN_UNAVAILABLE: "},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(path)
			if c.content != "-" {
				write(t, path, c.content)
			}
			c.config.URL = s.url
			client := begin(t, c.config)
			got := text(t, client.call(t))
			if !strings.Contains(got, c.want) || !strings.Contains(got, "Nothing was changed. Next: ") || strings.Contains(got, "restart this server") || strings.Contains(got, "good") {
				t.Errorf("answered %s", got)
			}
			write(t, path, "good")
			if got := client.call(t); got != fine {
				t.Errorf("after it was put right: %s", got)
			}
		})
	}
}

// A command that hangs is given up, together with what it started.
func TestToken_CommandHangs_IsGivenUp(t *testing.T) {
	timeout := commandTimeout
	commandTimeout = 200 * time.Millisecond
	t.Cleanup(func() { commandTimeout = timeout })
	s := newService(t, "good")
	began := time.Now()
	client := begin(t, Config{URL: s.url, TokenCommand: "sleep 30; echo good"})
	if got := text(t, client.call(t)); !strings.Contains(got, "did not end within 200ms") {
		t.Error(got)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A file in the home folder is found: clients start programs without a shell.
func TestToken_FileBelowHome_IsFound(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	write(t, filepath.Join(home, "token"), "good")
	s := newService(t, "good")
	if got := begin(t, Config{URL: s.url, TokenFile: "~/token"}).call(t); got != fine {
		t.Error(got)
	}
}

// A token that the configuration holds is all there is: the call is sent once.
func TestToken_InTheConfiguration_IsNotAskedForAgain(t *testing.T) {
	s := newService(t, "good")
	got := text(t, begin(t, Config{URL: s.url, Token: "stale"}).call(t))
	if !strings.Contains(got, "put it into RELEASES_TOKEN") || s.refused.Load() != 1 {
		t.Errorf("refused %d times, answered %s", s.refused.Load(), got)
	}
}

// What narrows the tools goes along with each message, as it was written.
func TestToolsets_InTheConfiguration_AreSentAlong(t *testing.T) {
	for written, want := range map[string]string{"": "", " core,planning ": "core,planning"} {
		var got []string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Values("X-MCP-Toolsets")
			_, _ = io.WriteString(w, fine)
		}))
		t.Cleanup(s.Close)
		var out bytes.Buffer
		if code := Run(t.Context(), Config{URL: s.URL + "/mcp", Token: "t", Toolsets: written}, strings.NewReader(call), &out, io.Discard); code != exitOK {
			t.Errorf("%d", code)
		}
		if strings.Join(got, ";") != want || len(got) > 1 {
			t.Errorf("%q became %q", written, got)
		}
	}
}
