// Package local runs the whole system on a laptop: it reads template.yaml and runs what it
// declares with the real handlers on a real engine, and with stand-ins for the rest of AWS. It
// must not contain any rule of the product.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/gateway"
	"example.com/releases/shared/local/iam"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/schedules"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/local/tokens"
)

// Options are the settings of a host; the zero value means an engine in memory and a free
// port.
type Options struct {
	Root        string                                                   // where template.yaml is; empty looks upwards from here
	Port        int                                                      // 0 is any free one
	Endpoint    string                                                   // of another engine; empty starts DynamoDB Local
	Data        string                                                   // folder for the engine's data; empty keeps it in memory
	Period      time.Duration                                            // of the schedules; 0 is one minute
	Settings    map[string]string                                        // values for variables that the template declares
	Table       func(logicalID string) string                            // names of tables; nil is the logical id
	Wrap        func(function string, h streams.Handler) streams.Handler // around stream handlers, for faults; nil is none
	Run         Runner                                                   // of the functions; nil is this process
	Strict      strict.Options                                           // how DynamoDB behaves; the zero value is the most lenient
	HostAddress string                                                   // this machine's address where the functions run; empty is loopback
	Log         *slog.Logger                                             // nil is silent
	EngineLog   io.Writer                                                // nil discards
}

// Host is a running system.
type Host struct {
	BaseURL string
	Guard   *iam.Guard // before the engine and the stand-ins
	Mail    *mailbox.Mailbox
	Events  *bus.Bus
	Tokens  *tokens.Issuer

	provider  string // an external issuer of tokens; empty where this host issues them
	template  *template.Template
	running   Running
	inner     *http.Server // what functions can reach
	streams   *streams.Dispatcher
	schedules *schedules.Runner
	engine    *engine.Engine // nil where an existing engine is used
	rules     *rules
	failures  failures
	server    *http.Server
	served    chan error
	stop      context.CancelFunc
	stopOnce  sync.Once
	log       *slog.Logger
}

// audience is the audience of our tokens.
const audience = "releases-on-a-laptop"

// Start starts everything; the context bounds only the start. When it returns, the host
// answers requests.
func Start(ctx context.Context, o Options) (_ *Host, err error) {
	if o.Root == "" {
		if o.Root, err = engine.Root(); err != nil {
			return nil, err
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.EngineLog == nil {
		o.EngineLog = io.Discard
	}
	if o.Period == 0 {
		o.Period = time.Minute
	}
	if o.Table == nil {
		o.Table = func(logicalID string) string { return logicalID }
	}
	h := &Host{Mail: &mailbox.Mailbox{}, Events: &bus.Bus{}, provider: o.Settings["TOKEN_ISSUER"], log: o.Log, served: make(chan error, 1)}
	listener, err := listen(o.Port)
	if err != nil {
		return nil, err
	}
	h.BaseURL = "http://" + listener.Addr().String()
	defer func() {
		if err != nil {
			_ = listener.Close()
			h.abort()
		}
	}()
	// The gateway's own answers contain the public URL and the scopes: a 401 says where to get
	// tokens, and with which scopes. And the right to send mail is limited to the sender's
	// address.
	parameters := map[string]string{
		"PublicUrl": h.BaseURL, "TokenScopes": o.Settings["TOKEN_SCOPES"], "MailSender": cmp.Or(o.Settings["MAIL_SENDER"], sender),
	}
	if h.template, err = template.Load(filepath.Join(o.Root, "template.yaml"), parameters); err != nil {
		return nil, err
	}
	endpoint := o.Endpoint
	if endpoint == "" {
		if h.engine, err = engine.Start(ctx, engine.Options{Dir: o.Data, Log: o.EngineLog}); err != nil {
			return nil, err
		}
		endpoint = h.engine.Endpoint()
	}
	if o.Data != "" {
		// What SES and EventBridge have accepted outlives whoever sent it.
		if err = errors.Join(h.Mail.KeepIn(filepath.Join(o.Data, "inbox.jsonl")), h.Events.KeepIn(filepath.Join(o.Data, "events.jsonl"))); err != nil {
			return nil, err
		}
	}
	tables, err := createTables(ctx, endpoint, h.template, o.Table)
	if err != nil {
		return nil, err
	}
	if h.Tokens, err = tokens.New(issuerSettings(h.template, h.BaseURL, o.Settings)); err != nil {
		return nil, err
	}
	if err := h.start(ctx, o, endpoint, tables); err != nil {
		return nil, err
	}
	api := h.running.API
	if api == nil {
		if api, err = gateway.New(h.template, h.running.Functions, o.Log); err != nil {
			return nil, err
		}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	h.rules = newRules(running, h.template, h.running.Functions, h.failed)
	h.Mail.OnEvent = h.Events.Put
	h.Events.OnEvent = h.rules.route
	if err := h.startStreams(running, endpoint, tables, o.Wrap); err != nil {
		return nil, err
	}
	h.schedules = schedules.Start(running, jobs(h.template, h.running.Functions, o.Period), o.Log, func(function string, attempts int, err error) {
		h.failed(Failure{Function: function, Source: "schedule", Attempts: attempts, Error: err.Error(), At: time.Now().UTC()})
	})
	h.server = &http.Server{
		Handler: h.handler(api, tamper(endpoint, o.Table("ReleasesTable"))), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	go func() { h.served <- h.server.Serve(listener) }()
	return h, nil
}

// listen uses the loopback interface only, because anybody who can reach this host can get its
// tokens.
func listen(port int) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: stop what listens there, or choose another port with PORT=%d make run", port, port+1)
	}
	return l, err
}

// sender is the address that mails come from, unless the shell sets another.
const sender = "releases@example.com"

// settings are our values for the template's variables; here is the URL at which the functions
// reach the stand-ins.
func (h *Host) settings(here, function string, more map[string]string) map[string]string {
	ours := map[string]string{
		"DYNAMODB_ENDPOINT": here + iam.Path(function),
		"SES_ENDPOINT":      here + iam.Path(function) + iam.SESPath,
		"EVENTS_ENDPOINT":   here + iam.Path(function) + iam.EventsPath,
		"TOKEN_ISSUER":      h.BaseURL,
		"TOKEN_AUDIENCE":    audience,
		"JWKS_URL":          here + tokens.KeysPath,
		"PUBLIC_URL":        h.BaseURL,
		"MAIL_SENDER":       sender,
		"MAIL_RATE":         "50", // no quota on a laptop; few enough for one slot
		"TRUST_CENTER":      "true",
	}
	for name, value := range more {
		ours[name] = value
	}
	return ours
}

// issuerSettings reads from the template which claims the authorizer expects in tokens, unless
// the shell sets others.
func issuerSettings(t *template.Template, url string, more map[string]string) tokens.Settings {
	s := tokens.Settings{URL: url, Audience: audience}
	for _, f := range t.Functions {
		if claim, ok := f.Environment["ROLES_CLAIM"]; ok {
			s.RolesClaim = cmp.Or(more["ROLES_CLAIM"], claim)
			s.AudienceClaim = cmp.Or(more["AUDIENCE_CLAIM"], f.Environment["AUDIENCE_CLAIM"])
			s.EmailVerifiedClaim = cmp.Or(more["EMAIL_VERIFIED_CLAIM"], f.Environment["EMAIL_VERIFIED_CLAIM"])
		}
	}
	return s
}

// WaitIdle waits until everything that was triggered so far is done: streams, rules, and what
// those trigger in turn.
func (h *Host) WaitIdle(ctx context.Context) error {
	for {
		before := h.rules.finished()
		if err := h.streams.WaitIdle(ctx); err != nil {
			return err
		}
		if err := h.rules.waitIdle(ctx); err != nil {
			return err
		}
		if before == h.rules.finished() {
			return nil
		}
	}
}

// Ended receives an error when the host cannot continue, because its engine or its server has
// ended.
func (h *Host) Ended() <-chan error {
	out := make(chan error, 1)
	go func() {
		var died <-chan struct{}
		if h.engine != nil {
			died = h.engine.Done()
		}
		select {
		case <-died:
			out <- fmt.Errorf("the engine ended: %w", h.engine.Err())
		case err := <-h.served:
			out <- err
		}
	}()
	return out
}

// drain is how long Stop waits for streams to finish; requests and current invocations get the
// same time again.
const drain = 5 * time.Second

// Stop lets running requests and stream records finish, within bounds, and ends
// everything the host started.
func (h *Host) Stop() {
	h.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		if err := h.WaitIdle(ctx); err != nil {
			h.log.Warn("stopped before all stream records were through; with data on disk they come again at the next start")
		}
		h.stop()
		over := make(chan struct{})
		go func() {
			h.streams.Wait()
			h.schedules.Wait()
			h.rules.wait()
			close(over)
		}()
		select {
		case <-over:
		case <-time.After(drain):
		}
		ctx, cancel = context.WithTimeout(context.Background(), drain)
		defer cancel()
		if h.server.Shutdown(ctx) != nil {
			_ = h.server.Close()
		}
		h.running.end()
		if h.inner != nil {
			_ = h.inner.Close()
		}
		h.closeStandIns()
		if h.engine != nil {
			h.engine.Stop()
		}
	})
}

func (h *Host) closeStandIns() {
	if err := errors.Join(h.Mail.Close(), h.Events.Close()); err != nil {
		h.log.Error("what SES and EventBridge accepted may not be kept", "error", err)
	}
}

// abort ends what a failed start has begun.
func (h *Host) abort() {
	if h.stop != nil {
		h.stop()
	}
	h.running.end()
	if h.inner != nil {
		_ = h.inner.Close()
	}
	h.closeStandIns()
	if h.engine != nil {
		h.engine.Stop()
	}
}
