package local

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/iam"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/sam"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/local/tokens"
)

// Runner runs the template's functions outside this process.
type Runner func(ctx context.Context, s Env) (Running, error)

// Env is the environment in which functions run.
type Env struct {
	Root        string
	Template    *template.Template
	Endpoint    string                       // of the engine, from here
	Tables      map[string]string            // names by logical id
	Environment map[string]map[string]string // by function
}

// Running holds the running functions.
type Running struct {
	Functions map[string]invoke.Function
	API       http.Handler // in front of them; nil leaves it to the host's gateway
	Stop      func()
}

func (r Running) end() {
	if r.Stop != nil {
		r.Stop()
	}
}

// start starts the functions: with the given Runner, or in this process.
func (h *Host) start(ctx context.Context, o Options, endpoint string, tables map[string]string) error {
	here, err := h.openTo(cmp.Or(o.HostAddress, "127.0.0.1"), o, endpoint, tables)
	if err != nil {
		return err
	}
	ours := func(function string) map[string]string { return h.settings(here, function, o.Settings) }
	if o.Run == nil {
		h.running.Functions, err = build(o.Root, h.template, tables, ours)
		return err
	}
	s := Env{Root: o.Root, Template: h.template, Endpoint: endpoint, Tables: tables, Environment: map[string]map[string]string{}}
	for _, f := range h.template.Functions {
		s.Environment[f.Name] = environment(f, tables, ours(f.Name))
	}
	h.running, err = o.Run(ctx, s)
	return err
}

// openTo opens a listener through which functions reach the engine and the stand-ins, each
// with only its own rights, and nothing else of this host. address is where the functions
// reach this machine.
func (h *Host) openTo(address string, o Options, endpoint string, tables map[string]string) (here string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", fmt.Errorf("functions know this machine as %s, where nothing can listen: %w", address, err)
	}
	toEngine := (&http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: time.Minute}).RoundTrip
	if o.Data != "" {
		toEngine = engine.Durable(toEngine) //nolint:bodyclose // a way for answers, none itself
	}
	h.Guard, err = iam.New(h.template, tables, endpoint,
		iam.Through(strict.New(toEngine, o.Strict)), iam.Before(h.Mail.Handler(), h.Events.Handler()))
	if err != nil {
		_ = listener.Close()
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle(iam.Path(""), h.Guard)
	mux.HandleFunc(tokens.KeysPath, func(w http.ResponseWriter, r *http.Request) { h.Tokens.Handler().ServeHTTP(w, r) })
	h.inner = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.inner.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// AsShipped runs the binaries that ship (see package bootstrap, which builds them), each as a
// process with its own environment and its own rights: what its policy does not allow is
// refused and recorded by the guard.
func AsShipped(files map[string]string, guard **iam.Guard) Runner {
	return func(_ context.Context, s Env) (_ Running, err error) {
		var ends []func()
		stop := func() {
			for i := range ends {
				ends[len(ends)-1-i]()
			}
		}
		defer func() {
			if err != nil {
				stop()
			}
		}()
		g, err := iam.New(s.Template, s.Tables, s.Endpoint)
		if err != nil {
			return Running{}, err
		}
		*guard = g
		listener, err := listen(0)
		if err != nil {
			return Running{}, err
		}
		server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(listener) }()
		ends = append(ends, func() { _ = server.Close() })
		running := Running{Functions: map[string]invoke.Function{}, Stop: stop}
		for _, f := range s.Template.Functions {
			env := s.Environment[f.Name]
			for name, value := range lambdaSets {
				env[name] = value
			}
			env["DYNAMODB_ENDPOINT"] = "http://" + listener.Addr().String() + iam.Path(f.Name)
			p, err := bootstrap.Start(f.Name, files[f.Name], env, f.Timeout)
			if err != nil {
				return Running{}, err
			}
			ends = append(ends, p.Stop)
			running.Functions[f.Name] = p.Invoke
		}
		return running, nil
	}
}

// underSAM runs the functions under sam local.
func underSAM(stack *sam.Stack) Runner {
	return func(ctx context.Context, s Env) (Running, error) {
		if err := stack.Start(ctx, s.Template, s.Environment); err != nil {
			return Running{}, err
		}
		api, err := stack.API()
		if err != nil {
			return Running{}, err
		}
		return Running{Functions: stack.Functions(s.Template), API: api}, nil
	}
}

// runUnderSAM serves like run, with every function under sam local.
func runUnderSAM(c command, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := sam.Ready(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.Root, ".local", "sam"), 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(c.Root, ".local", "sam", "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	stack, err := sam.Prepare(ctx, c.Root, fmt.Sprintf("releases-sam-%d", c.Port), c.Log, log)
	if err != nil {
		return err
	}
	defer stack.Stop()
	stop() // from here on the host listens for signals itself
	c.Run, c.HostAddress = underSAM(stack), stack.Address()
	c.Log.Info("starting sam local; what it says is in " + log.Name())
	return run(c, out)
}
