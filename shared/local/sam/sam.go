// Package sam runs the functions under sam local: built by sam build, in containers that sam
// starts, behind sam's own stand-ins for API Gateway and Lambda. It must not know what any
// function does.
package sam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

// Stack is what runs under sam local.
type Stack struct {
	root, dir, network string
	address            string
	created            bool // we made the image
	log                *slog.Logger
	output             io.Writer
	commands           []*exec.Cmd
	ended              []chan struct{}
	api, lambda        string
	turns              map[string]*sync.Mutex
}

// venv is where the Makefile installs SAM.
const venv = ".local/venv"

// Prepare builds the functions and creates what the containers need. name is the name of their
// network; stacks that run at the same time need different names.
func Prepare(ctx context.Context, root, name string, log *slog.Logger, output io.Writer) (_ *Stack, err error) {
	if err := Ready(ctx); err != nil {
		return nil, err
	}
	s := &Stack{root: root, dir: filepath.Join(root, ".local", "sam"), network: name, log: log, output: output, turns: map[string]*sync.Mutex{}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if _, err := os.Stat(s.sam()); err != nil {
		return nil, fmt.Errorf("SAM is not installed: make sam-local installs it (%w)", err)
	}
	if s.created, err = makeImage(ctx, filepath.Join(root, venv)); err != nil {
		return nil, err
	}
	if s.address, err = makeNetwork(ctx, name); err != nil {
		return nil, err
	}
	log.Info("sam build: about a minute the first time")
	env, err := bootstrap.Environment(root)
	if err != nil {
		return nil, err
	}
	copied, err := s.forThisMachine()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, s.sam(), "build", "--parallel", "--build-dir", filepath.Join(s.dir, "build"),
		"--template", copied, "--base-dir", root)
	cmd.Dir, cmd.Env = root, append(s.environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("sam build: %w: %s", err, out)
	}
	return s, nil
}

// forThisMachine writes a copy of the template whose functions are for this processor. The
// architecture is fixed in the template, not a parameter, so that nothing else can be deployed
// by mistake.
func (s *Stack) forThisMachine() (string, error) {
	text, err := os.ReadFile(filepath.Join(s.root, "template.yaml"))
	if err != nil {
		return "", err
	}
	const line = "    Architectures: [arm64]\n"
	if bytes.Count(text, []byte(line)) != 1 {
		return "", fmt.Errorf("template.yaml does not say %q exactly once", line)
	}
	copied := filepath.Join(s.dir, "template.yaml")
	text = bytes.Replace(text, []byte(line), []byte("    Architectures: ["+architecture()+"]\n"), 1)
	return copied, errors.Join(os.MkdirAll(s.dir, 0o700), os.WriteFile(copied, text, 0o600))
}

// Address is the address at which the containers reach this machine.
func (s *Stack) Address() string { return s.address }

func (s *Stack) sam() string { return filepath.Join(s.root, venv, "bin", "sam") }

// environ is this process's environment with dummy credentials, so that no AWS account is ever
// used.
func (s *Stack) environ() []string {
	return append(os.Environ(), "SAM_CLI_TELEMETRY=0", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_SESSION_TOKEN=", "AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-east-1")
}

// Start starts sam local's API Gateway and Lambda with an environment for each function.
func (s *Stack) Start(ctx context.Context, t *template.Template, environment map[string]map[string]string) error {
	variables := map[string]map[string]string{}
	for _, f := range t.Functions {
		variables[f.LogicalID] = environment[f.Name]
	}
	text, err := json.MarshalIndent(variables, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "environment.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if s.lambda, err = s.run(ctx, "start-lambda", file); err != nil {
		return err
	}
	s.api, err = s.run(ctx, "start-api", file)
	return err
}

// run starts one of sam local's servers and waits until it listens.
func (s *Stack) run(ctx context.Context, what, variables string) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(s.sam(), "local", what, //nolint:noctx // it outlives the start and is stopped by Stop
		"--template", filepath.Join(s.dir, "build", "template.yaml"),
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--env-vars", variables, "--docker-network", s.network,
		"--container-host-interface", "127.0.0.1", "--skip-pull-image", "--warm-containers", "LAZY", "--no-watch")
	cmd.Dir, cmd.Env = s.root, s.environ()
	cmd.Stdout, cmd.Stderr = s.output, s.output
	// Ctrl-C must reach only this process, which interrupts sam itself once it is ready to
	// stop.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	over := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(over)
	}()
	s.commands, s.ended = append(s.commands, cmd), append(s.ended, over)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for {
		select {
		case <-over:
			return "", fmt.Errorf("sam local %s ended: see %s", what, s.dir)
		case <-ctx.Done():
			return "", fmt.Errorf("sam local %s does not answer: %w", what, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
		if c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address); err == nil {
			_ = c.Close()
			return "http://" + address, nil
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Functions returns the functions by name, invoked through sam local start-lambda.
func (s *Stack) Functions(t *template.Template) map[string]invoke.Function {
	all := map[string]invoke.Function{}
	for _, f := range t.Functions {
		s.turns[f.Name] = &sync.Mutex{}
		all[f.Name] = func(ctx context.Context, payload []byte) ([]byte, error) { return s.invoke(ctx, f, payload) }
	}
	return all
}

// startWithin is how long a container may take to start on a busy machine.
const startWithin = time.Minute

func (s *Stack) invoke(ctx context.Context, f template.Function, payload []byte) ([]byte, error) {
	// The emulator in a container handles one invocation at a time.
	s.turns[f.Name].Lock()
	defer s.turns[f.Name].Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.Timeout+startWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.lambda+"/2015-03-31/functions/"+f.LogicalID+"/invocations", bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Amz-Function-Error") != "" || failed(body) {
		return nil, fmt.Errorf("%s under sam local: %s: %s", f.Name, res.Status, body)
	}
	return body, nil
}

// failed reports whether an answer is a function's error, which sam returns with status 200.
func failed(body []byte) bool {
	var reported struct {
		Message *string `json:"errorMessage"`
		Type    *string `json:"errorType"`
	}
	return json.Unmarshal(body, &reported) == nil && reported.Message != nil && reported.Type != nil
}

// API proxies to sam local start-api, one request at a time, because its containers cannot
// handle more.
func (s *Stack) API() (http.Handler, error) {
	to, err := url.Parse(s.api)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.log.Error("sam local start-api does not answer", "path", r.URL.Path, "error", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	var turn sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		began := time.Now()
		proxy.ServeHTTP(w, r)
		s.log.Info(r.Method+" "+r.URL.EscapedPath(), "under", "sam local", "took", time.Since(began).Round(time.Millisecond))
	}), nil
}

// Stop ends sam, its containers, and removes what was made for them.
func (s *Stack) Stop() {
	for i, cmd := range s.commands {
		_ = syscall.Kill(cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-s.ended[i]:
		case <-time.After(20 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-s.ended[i]
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	removeNetwork(ctx, s.network)
	if s.created {
		_, _ = docker(ctx, nil, "rmi", "--force", image())
	}
}
