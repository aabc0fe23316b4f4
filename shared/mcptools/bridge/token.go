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

// commandTimeout leaves a command the time to ask an identity provider, and a client that
// waits for a minute the time to hear of it. Tests have less patience.
var commandTimeout = 30 * time.Second

// maxToken is beyond what API Gateway lets through in all headers together.
const maxToken = 16 << 10

// tokens is where the access token comes from. One that the configuration holds is the only
// one there is; a file and a command are asked again when the service refuses what they gave.
type tokens struct {
	name string // what to correct, in words
	read func(context.Context) (string, error)
	// fixed says that asking again is pointless.
	fixed bool

	asking singleflight.Group

	mu    sync.Mutex
	token string
}

// tokensOf judges what the configuration says about the token. Without tokens there is a
// complaint. A file or a command is asked at the first message and not here: whoever has to
// sign in first can do so, and make the same call again.
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

// tokenIn reads a token as people paste it and as programs print it: with the scheme before
// it, and with white space around. Whatever else stands there is not sent.
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

// readFile reads a file below the home folder too: clients start programs without a shell
// that would know ~.
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

// run asks a shell, as people write commands for one. It reads nothing: the input is the
// client's. What it writes to stderr a client shows in its log; the last line of it mostly says
// what to do ("run az login"), and goes into the answer where no token came.
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
	cmd.WaitDelay = time.Second // what the shell has started may hold the output open
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

// maxRepeated bounds what is repeated of a command's words, in bytes.
const maxRepeated = 300

// line is the last line with anything in it, as part of a sentence. One that may hold a token,
// which begins so, is not repeated.
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

// held is the token that was got last; empty before the first.
func (t *tokens) held() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// current is the token to send; it is asked for before the first message.
func (t *tokens) current(ctx context.Context) (string, error) {
	if token := t.held(); token != "" {
		return token, nil
	}
	return t.renewed(ctx, "")
}

// renewed is a token other than the one that was refused, or that one where no other can be
// had. Calls that are refused at the same time cause one question, which goes on for the others
// where one of them is taken back.
func (t *tokens) renewed(ctx context.Context, refused string) (string, error) {
	if t.fixed {
		return t.held(), nil
	}
	asked := t.asking.DoChan("", func() (any, error) {
		if token := t.held(); token != refused {
			return token, nil // somebody else has asked meanwhile
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
