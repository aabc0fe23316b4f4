package local

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/releases/shared/local/demo"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/strict"
)

// settable are the template's variables that the shell may set on a laptop.
var settable = []string{
	"ALLOWED_ORIGINS", "MAIL_SENDER", "ORGANISATION_ZONE", "ORGANISATION_NAME", "ORGANISATION_URL", "SEPARATE_DUTIES", "TRUST_CENTER",
	"TOKEN_ISSUER", "JWKS_URL", "TOKEN_AUDIENCE", "AUDIENCE_CLAIM", "ROLES_CLAIM", "EMAIL_VERIFIED_CLAIM", "TOKEN_SCOPES",
}

// provider are the variables that replace this host's identity provider by another one. They
// must be set together, because one without the others would let nobody in.
var provider = []string{"TOKEN_ISSUER", "JWKS_URL", "TOKEN_AUDIENCE"}

// startWithin includes the first fetch of the engine.
const startWithin = 10 * time.Minute

// Main is the command: without arguments it runs the system until it is stopped, with "sam" it
// runs it under sam local, with "demo" it runs the demo against a running host, with "verify"
// it checks evidence in files, and with "kill" and "load" it has simulated users work on
// hosts of its own, which it kills or keeps busy, and checks that nothing is lost. It returns the exit status.
func Main(args []string) int {
	root, err := engine.Root()
	if err != nil {
		return complain(err)
	}
	if len(args) > 0 && args[0] == "demo" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := demo.Run(ctx, filepath.Join(root, ".local", "run.json"), os.Stdout, Verify); err != nil {
			return complain(err)
		}
		return 0
	}
	if len(args) > 0 && args[0] == "verify" {
		switch err := Verify(args[1:], os.Stdout); {
		case errors.Is(err, flag.ErrHelp):
			return 0
		case err != nil:
			return complain(err)
		}
		return 0
	}
	for name, do := range map[string]func([]string, io.Writer) error{"kill": killMain, "load": loadMain} {
		if len(args) == 0 || args[0] != name {
			continue
		}
		if err := do(args[1:], os.Stdout); err != nil {
			return complain(err)
		}
		return 0
	}
	serve := run
	if len(args) > 0 && args[0] == "sam" {
		serve, args = runUnderSAM, args[1:]
	}
	c, err := parse(args, root)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return complain(err)
	}
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	c.Log, c.EngineLog = newLogger(os.Stderr, level), os.Stderr
	slog.SetDefault(c.Log) // for what the handlers log
	if err := serve(c, os.Stdout); err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// command holds the flags and the shell's variables.
type command struct {
	Options
	verbose bool
	runFile string
}

func parse(args []string, root string) (c command, err error) {
	c.Root, c.Settings = root, map[string]string{}
	for _, name := range settable {
		if value, ok := os.LookupEnv(name); ok {
			c.Settings[name] = value
		}
	}
	given := 0
	for _, name := range provider {
		if c.Settings[name] != "" {
			given++
		}
	}
	if given != 0 && given != len(provider) {
		return c, fmt.Errorf("%s go together: set all of them, so that your identity provider gives the tokens, or none, and this host gives them", strings.Join(provider, ", "))
	}
	port := 3000
	if text := os.Getenv("PORT"); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
			return c, fmt.Errorf("PORT is %q; it must be a number from 1 to 65535, or 0 for any free port", text)
		}
	}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.IntVar(&c.Port, "port", port, "port on 127.0.0.1 (also PORT)")
	flags.StringVar(&c.Data, "data", os.Getenv("RELEASES_DATA"), "folder that keeps the data; without it they end with the host (also RELEASES_DATA)")
	flags.DurationVar(&c.Period, "period", time.Minute, "how often schedules run")
	flags.StringVar(&c.runFile, "run-file", filepath.Join(root, ".local", "run.json"), "file that tells programs the address and tokens")
	flags.BoolVar(&c.verbose, "v", false, "tell more")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is not a command: there are demo, verify, sam, kill and load; without a command the system runs", flags.Arg(0))
	}
	c.Strict = strict.AsAWS()
	c.Endpoint = os.Getenv(engine.EndpointVariable)
	if c.Endpoint != "" && c.Data != "" {
		return c, fmt.Errorf("%s and a data folder exclude each other: the folder is for the engine that is started here", engine.EndpointVariable)
	}
	return c, nil
}

// run serves until a signal arrives or the host cannot continue.
func run(c command, out io.Writer) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	interrupted := make(chan struct{})
	started := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(interrupted)
			cancel()
		case <-started:
		}
	}()
	h, err := Start(ctx, c.Options)
	close(started)
	if err != nil {
		select {
		case <-interrupted:
			return errors.New("stopped before it had started")
		default:
			return err
		}
	}
	defer func() {
		h.Stop()
		fmt.Fprintln(out, "Stopped.")
	}()
	remove, err := h.writeRunFile(c.runFile)
	if err != nil {
		return fmt.Errorf("write what programs read of this host: %w", err)
	}
	defer remove()
	h.welcome(out, c.runFile, kept(c.Data, c.Endpoint))
	select {
	case <-interrupted:
	case <-signals:
	case err := <-h.Ended():
		return err
	}
	fmt.Fprintln(out, "\nStopping: what is under way is finished first. Ctrl-C again stops at once.")
	go func() {
		<-signals
		remove()
		os.Exit(130) // the engine ends with this process
	}()
	return nil
}
