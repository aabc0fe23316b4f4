// Package bootstrap runs the binaries that ship: it starts a function's bootstrap as Lambda
// would, with only the function's environment, and serves Lambda's side of the Runtime API. It
// must not know what any function does.
package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/releases/shared/local/invoke"
)

// initWithin is how long Lambda allows for a function's start.
const initWithin = 10 * time.Second

// Process is one bootstrap: what Lambda calls an execution environment. It handles one
// invocation at a time.
type Process struct {
	name    string
	timeout time.Duration
	cmd     *exec.Cmd
	server  *http.Server
	log     lockedBuffer

	turn    sync.Mutex
	ready   chan struct{}   // closed when the function asks for its first event
	asks    chan invocation // to the function
	answers chan answer     // from it
	ended   chan struct{}   // closed when the process is over
	stop    context.CancelFunc
}

type invocation struct {
	id       string
	deadline time.Time
	payload  []byte
}

type answer struct {
	id      string
	payload []byte
	err     error
}

// Start runs the file with exactly this environment. The first invocation waits until the
// function is ready.
func Start(name, file string, env map[string]string, timeout time.Duration) (*Process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Process{
		name: name, timeout: timeout,
		ready: make(chan struct{}), asks: make(chan invocation), answers: make(chan answer, 1), ended: make(chan struct{}),
	}
	running, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.server = &http.Server{
		Handler: p.runtimeAPI(), ReadHeaderTimeout: initWithin,
		BaseContext: func(net.Listener) context.Context { return running },
	}
	go func() { _ = p.server.Serve(listener) }()
	p.cmd = exec.CommandContext(running, file)
	p.cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=" + name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "_HANDLER=bootstrap", "TZ=:UTC",
	}
	for key, value := range env {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.Stop()
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the process and its Runtime API.
func (p *Process) Stop() {
	p.stop()
	_ = p.server.Close()
	if p.cmd != nil && p.cmd.Process != nil {
		<-p.ended
	}
}

// Logged returns what the function has written so far.
func (p *Process) Logged() string { return p.log.String() }

// Invoke is an invoke.Function.
func (p *Process) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > invoke.MaxPayload {
		return nil, invoke.ErrTooLarge
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	select {
	case <-p.ready:
	case <-p.ended:
		return nil, fmt.Errorf("%s ended before it was ready: %s", p.name, p.Logged())
	case <-time.After(initWithin):
		return nil, fmt.Errorf("%s is not ready after %s: %s", p.name, initWithin, p.Logged())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	asked := invocation{id: invoke.RequestID(), deadline: deadline, payload: payload}
	late := fmt.Errorf("%s: %w after %s", p.name, invoke.ErrTimeout, p.timeout)
	select {
	case p.asks <- asked:
	case <-p.ended:
		return nil, fmt.Errorf("%s ended: %s", p.name, p.Logged())
	case <-ctx.Done():
		return nil, late
	}
	for {
		select {
		case a := <-p.answers:
			if a.id != asked.id {
				continue // of an invocation that timed out
			}
			if a.err == nil && len(a.payload) > invoke.MaxPayload {
				return nil, fmt.Errorf("the answer of %s: %w", p.name, invoke.ErrTooLarge)
			}
			return a.payload, a.err
		case <-p.ended:
			return nil, fmt.Errorf("%s ended in the middle of an invocation: %s", p.name, p.Logged())
		case <-ctx.Done():
			return nil, late
		}
	}
}

// runtimeAPI serves the Runtime API to the function.
func (p *Process) runtimeAPI() http.Handler {
	const base = "/2018-06-01/runtime/"
	var first sync.Once
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { close(p.ready) })
		select {
		case i := <-p.asks:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", i.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:"+invoke.Account+":function:"+p.name)
			w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
			_, _ = w.Write(i.payload)
		case <-r.Context().Done():
		}
	})
	take := func(failed bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			a := answer{id: r.PathValue("id"), payload: body, err: err}
			if failed && err == nil {
				a.payload, a.err = nil, failure(p.name, body)
			}
			w.WriteHeader(http.StatusAccepted)
			select {
			case p.answers <- a:
			case <-r.Context().Done():
			}
		}
	}
	mux.HandleFunc("POST "+base+"invocation/{id}/response", take(false))
	mux.HandleFunc("POST "+base+"invocation/{id}/error", take(true))
	mux.HandleFunc("POST "+base+"init/error", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&p.log, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

// failure returns the error that a function reported.
func failure(name string, body []byte) error {
	var reported struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if json.Unmarshal(body, &reported) != nil {
		return fmt.Errorf("%s failed: %s", name, body)
	}
	return fmt.Errorf("%s failed: %s: %s", name, reported.Type, reported.Message)
}

// lockedBuffer keeps the end of a process's output.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const keptLog = 1 << 20

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len() > keptLog {
		b.text.Next(keptLog / 2)
	}
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.text.String())
}
