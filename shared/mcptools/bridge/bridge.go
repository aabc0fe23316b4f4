// Package bridge carries JSON-RPC lines between standard streams and the MCP endpoint: it
// passes the endpoint's answers on byte for byte, or answers with a sentence on why the
// endpoint could not be reached. It must not know any tool or rule.
package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says where the endpoint is, who calls it, and which tools they want to see.
type Config struct {
	URL string // of the endpoint; it ends in /mcp
	// One of three says where the access token comes from: the token itself, a file that holds
	// it, or a command that prints it. A file and a command are read again when the token is
	// refused.
	Token, TokenFile, TokenCommand string
	// Toolsets is passed to the endpoint as it is, which then offers only those tools.
	Toolsets string
}

// The exit codes of Run.
const (
	exitOK          = 0
	exitConfig      = 1
	exitInterrupted = 130 // as a shell reports Ctrl-C
)

const (
	// bridgeTimeout is a little longer than the gateway's own timeout.
	bridgeTimeout = 35 * time.Second
	// firstMessage is how long a bridge with a wrong configuration waits for the client's
	// first message before it exits.
	firstMessage = 2 * time.Second
	// atOnce bounds how many calls run at once; clients seldom make more than a few.
	atOnce = 16
	// maxMessage is larger than any message the endpoint accepts. A longer line is still read
	// up to maxLine, because its id, which the answer needs, may be at its end.
	maxMessage = 8 << 20
	maxLine    = 64 << 20
	maxAnswer  = 16 << 20 // more than Lambda can answer with
)

// Run carries lines until the input ends and all answers are written, or until ctx ends. It
// writes nothing but protocol messages to out. It returns the exit code.
func Run(ctx context.Context, c Config, in io.Reader, out, log io.Writer) int {
	b, complaint := open(c, out, log)
	if b == nil {
		fmt.Fprintln(log, "mcp-stdio: "+complaint)
		answerOnce(ctx, in, out, complaint)
		return exitConfig
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.carry(ctx, in)
	}()
	select {
	case <-done:
		return exitOK
	case <-ctx.Done(): // a read of the input cannot be interrupted, so it is not waited for
		return exitInterrupted
	}
}

// answerOnce answers the client's first message with what is wrong with the configuration:
// most clients show that, but not stderr. It gives up soon where no message comes, as when a
// person starts the bridge at a terminal.
func answerOnce(ctx context.Context, in io.Reader, out io.Writer, complaint string) {
	asked := make(chan message, 1)
	go func() {
		lines := bufio.NewReaderSize(in, 64<<10)
		for {
			line, _, err := readLine(lines)
			if m := parse(line); m.id != nil || err != nil {
				asked <- m
				return
			}
		}
	}()
	select {
	case m := <-asked:
		if m.id != nil {
			_, _ = out.Write(append(refusal(m.id, "MISCONFIGURED: "+complaint+" Then restart this server."), '\n')) // a client that is gone needs no answer
		}
	case <-time.After(firstMessage):
	case <-ctx.Done():
	}
}

// open checks the configuration before the first message, so that a mistake is reported at
// once and not in the middle of somebody's work. It returns either a bridge or a complaint: a
// sentence on what to correct.
func open(c Config, out, log io.Writer) (b *bridge, complaint string) {
	at, toolsets := strings.TrimSpace(c.URL), strings.TrimSpace(c.Toolsets)
	u, err := url.Parse(at)
	switch {
	case at == "":
		return nil, "RELEASES_URL is not set. Set it to the URL of the endpoint, such as https://releases.example.com/mcp, in this server's env in your client's configuration."
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Sprintf("RELEASES_URL is %q, which is no URL. It must look like https://releases.example.com/mcp.", at)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Sprintf("RELEASES_URL is %q: a token must not travel unencrypted. Use https; http is for a service on this machine only.", at)
	case !strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/mcp"):
		return nil, fmt.Sprintf("RELEASES_URL is %q. It must be the URL of the endpoint, which ends in /mcp.", at)
	case strings.ContainsFunc(toolsets, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, "RELEASES_TOOLSETS holds characters that no toolset has. Write their names with commas between, such as core,planning."
	}
	tokens, complaint := tokensOf(c, log)
	if tokens == nil {
		return nil, complaint
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return &bridge{
		url: u.String(), tokens: tokens, toolsets: toolsets, out: out, log: log, free: make(chan struct{}, atOnce), running: map[string]context.CancelFunc{},
		client: &http.Client{
			Timeout:       bridgeTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for this URL only
		},
	}, ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

type bridge struct {
	url      string
	tokens   *tokens
	toolsets string
	client   *http.Client
	free     chan struct{}

	writing  sync.Mutex // one line at a time
	out, log io.Writer

	mu      sync.Mutex
	version string // protocol version of the last message, for messages without one
	running map[string]context.CancelFunc
}

// carry reads lines until the input ends, and waits for their answers.
func (b *bridge) carry(ctx context.Context, in io.Reader) {
	var under sync.WaitGroup
	defer under.Wait()
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tooLong, err := readLine(lines)
		if tooLong {
			b.answer(message{}, refusal(nil, tooLarge))
		} else if len(line) > 0 {
			m := parse(line)
			if len(line) > maxMessage {
				b.answer(m, refusal(m.id, tooLarge))
			} else if m.cancels != "" {
				b.cancel(m.cancels) // the endpoint keeps no state, so it need not be told
			} else {
				b.free <- struct{}{}
				m.version = b.speaks(m)
				// Registered before the next line is read, because that may cancel this call.
				ctx, cancel := context.WithCancel(ctx)
				b.register(m, cancel)
				under.Go(func() {
					defer func() { cancel(); b.forget(m); <-b.free }()
					if text := b.post(ctx, m); text != nil && ctx.Err() == nil {
						b.answer(m, text)
					}
				})
				if m.method == "initialize" {
					under.Wait() // the following messages use the version that is agreed here
				}
			}
		}
		if err != nil {
			return
		}
	}
}

const tooLarge = "TOO_LARGE: This message is larger than 8 MiB. Nothing was changed. Next: send less."

// readLine reads one line of any length; a line that is too long is discarded.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			line, tooLong = nil, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), tooLong, err
		}
	}
}

// answer writes one line. A notification must not be answered: what the endpoint says to it is
// logged.
func (b *bridge) answer(m message, text []byte) {
	b.writing.Lock()
	defer b.writing.Unlock()
	if m.method != "" && m.id == nil {
		fmt.Fprintf(b.log, "mcp-stdio: %s: %s\n", m.method, text)
		return
	}
	_, _ = b.out.Write(append(text, '\n')) // a client that is gone ends the input as well
}

func (b *bridge) register(m message, cancel context.CancelFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.id != nil {
		b.running[string(m.id)] = cancel
	}
}

func (b *bridge) forget(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, string(m.id))
}

func (b *bridge) cancel(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if end, ok := b.running[id]; ok {
		end()
	}
}

// message holds what the bridge reads from a line; the line itself is passed on unchanged.
type message struct {
	line    []byte
	id      json.RawMessage // nil for notifications
	method  string
	name    string // of the tool that is called
	version string
	cancels string // the id of the call that a notification cancels
}

const versionKey = "io.modelcontextprotocol/protocolVersion"

func parse(line []byte) message {
	var seen struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Meta      map[string]json.RawMessage `json:"_meta"`
			Name      string                     `json:"name"`
			URI       string                     `json:"uri"`
			RequestID json.RawMessage            `json:"requestId"`
		} `json:"params"`
	}
	m := message{line: line}
	if err := json.Unmarshal(line, &seen); err != nil && seen.Method == "" {
		return m // the endpoint says what is wrong with it
	}
	m.id, m.method, m.name = seen.ID, seen.Method, seen.Params.Name
	if m.name == "" {
		m.name = seen.Params.URI
	}
	_ = json.Unmarshal(seen.Params.Meta[versionKey], &m.version) // absent before 2026-07-28
	if m.method == "notifications/cancelled" {
		m.cancels = string(seen.Params.RequestID)
	}
	return m
}
