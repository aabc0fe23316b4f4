package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"
)

// commandTimeout is long enough for a command to ask an identity provider, and short enough
// for a client that waits a minute to get the error. Tests shorten it.
var commandTimeout = 30 * time.Second

// maxToken is more than API Gateway accepts in all headers together.
const maxToken = 16 << 10

// tokens is the source of the access token. A token in the configuration never changes; a file
// and a command are read again when the service refuses the token.
type tokens struct {
	name string // of the setting, for error messages
	read func(context.Context) (string, error)
	// fixed says that the token comes from the configuration itself.
	fixed bool

	asking singleflight.Group

	mu    sync.Mutex
	token string
}

// tokensOf checks the settings of the token. It returns either tokens or a complaint. A file
// or a command is read only at the first message, so that people who still have to sign in can
// do that and repeat the call.
func tokensOf(c Config, log io.Writer) (_ *tokens, complaint string) {
	token, file, command := strings.TrimSpace(c.Token), strings.TrimSpace(c.TokenFile), strings.TrimSpace(c.TokenCommand)
	given := 0
	for _, s := range []string{token, file, command} {
		if s != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, "RELEASES_TOKEN is not set. Set it to an access token for Releases, in this server's env in your client's configuration, or set RELEASES_TOKEN_FILE or RELEASES_TOKEN_COMMAND to what gives one."
	case given > 1:
		return nil, "More than one of RELEASES_TOKEN, RELEASES_TOKEN_FILE and RELEASES_TOKEN_COMMAND is set, in this server's env in your client's configuration or in the shell that started the client. Leave only the one that the token shall come from."
	case file != "":
		return &tokens{name: "the file in RELEASES_TOKEN_FILE", read: func(context.Context) (string, error) { return readFile(file) }}, ""
	case command != "":
		return &tokens{name: "the command in RELEASES_TOKEN_COMMAND", read: func(ctx context.Context) (string, error) { return run(ctx, command, log) }}, ""
	}
	token, err := tokenIn(token)
	if err != nil {
		return nil, "RELEASES_TOKEN " + err.Error() + ". Copy the token again, without quotes and line breaks."
	}
	return &tokens{name: "RELEASES_TOKEN", token: token, fixed: true}, ""
}

// tokenIn reads a token as people paste it and as programs print it: perhaps with the scheme
// before it and with white space around it. Anything else is refused and never sent.
func tokenIn(text string) (string, error) {
	token := strings.TrimSpace(text)
	if scheme, rest, _ := strings.Cut(token, " "); strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	switch {
	case token == "":
		return "", errors.New("holds no token")
	case strings.HasPrefix(token, "{"):
		return "", errors.New("holds JSON and not the access token alone")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("holds spaces or characters that no access token has")
	case len(token) > maxToken:
		return "", errors.New("is longer than any access token")
	}
	return token, nil
}

// readFile reads a file and expands ~/ itself, because clients start programs without a shell.
func readFile(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("is %s, and there is no home folder", path)
		}
		path = filepath.Join(home, rest)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot be read (%w)", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 2*maxToken))
	if err != nil {
		return "", fmt.Errorf("cannot be read (%w)", err)
	}
	return tokenIn(string(text))
}

// run runs the command in a shell, without input, since stdin belongs to the client. The
// command's stderr goes to the client's log; its last line usually says what to do ("run az
// login"), so it is part of the answer where no token came.
func run(ctx context.Context, command string, log io.Writer) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	shell, option := "/bin/sh", "-c" // clients may start programs without a PATH
	if runtime.GOOS == "windows" {
		shell, option = "cmd", "/C"
	}
	cmd := exec.CommandContext(ctx, shell, option, command)
	lastOutput := &tail{}
	cmd.Stderr = io.MultiWriter(log, lastOutput)
	cmd.WaitDelay = time.Second // programs that the shell has started may keep the output open
	text, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("did not end within %v", commandTimeout)
	case err != nil:
		return "", fmt.Errorf("failed (%w)%s", err, lastOutput.line())
	}
	return tokenIn(string(text))
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxRepeated):]
	return len(p), nil
}

// maxRepeated bounds how much of a command's output is quoted, in bytes.
const maxRepeated = 300

// line is the last non-empty line, as part of a sentence. A line that may contain a token is
// not quoted.
func (t *tail) line() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(t.text), "")), "\n")
	last := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, lines[len(lines)-1])
	if last == "" || strings.Contains(last, "eyJ") {
		return ""
	}
	return " and says: " + last
}

// held returns the current token; empty before the first.
func (t *tokens) held() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// current returns the token to send, which it reads before the first message.
func (t *tokens) current(ctx context.Context) (string, error) {
	if token := t.held(); token != "" {
		return token, nil
	}
	return t.renewed(ctx, "")
}

// renewed returns a token other than the refused one, or the refused one where there is no
// other. Calls that are refused at the same time share one read, which continues for the
// others when one of them is cancelled.
func (t *tokens) renewed(ctx context.Context, refused string) (string, error) {
	if t.fixed {
		return t.held(), nil
	}
	asked := t.asking.DoChan("", func() (any, error) {
		if token := t.held(); token != refused {
			return token, nil // another call has renewed it meanwhile
		}
		token, err := t.read(context.WithoutCancel(ctx))
		if err != nil {
			return "", err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.token = token
		return token, nil
	})
	select {
	case answer := <-asked:
		token, _ := answer.Val.(string)
		return token, answer.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
