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
	"syscall"
	"time"

	"example.com/releases/shared/local/demo"
	"example.com/releases/shared/local/engine"
)

// settable are the variables of the template that the shell may set for a laptop.
var settable = []string{"ALLOWED_ORIGINS", "MAIL_SENDER", "ORGANISATION_ZONE", "TRUST_CENTER"}

// startWithin includes the first fetch of the engine.
const startWithin = 10 * time.Minute

// Main is the command: without a word it runs the system until it is told to stop,
// with "demo" it plays the story against one that runs. It returns the exit status.
func Main(args []string) int {
	root, err := engine.Root()
	if err != nil {
		return complain(err)
	}
	if len(args) > 0 && args[0] == "demo" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := demo.Run(ctx, filepath.Join(root, ".local", "run.json"), os.Stdout); err != nil {
			return complain(err)
		}
		return 0
	}
	options, verbose, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return complain(err)
	}
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	options.Root, options.EngineLog, options.Log = root, os.Stderr, newLogger(os.Stderr, level)
	slog.SetDefault(options.Log) // what the handlers log
	if err := run(options, os.Stdout); err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// parse reads flags and the shell's variables.
func parse(args []string) (o Options, verbose bool, err error) {
	o.Settings = map[string]string{}
	for _, name := range settable {
		if value, ok := os.LookupEnv(name); ok {
			o.Settings[name] = value
		}
	}
	port := 3000
	if text := os.Getenv("PORT"); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
			return o, false, fmt.Errorf("PORT is %q; it must be a number from 1 to 65535, or 0 for any free port", text)
		}
	}
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.IntVar(&o.Port, "port", port, "port on 127.0.0.1 (also PORT)")
	flags.StringVar(&o.Data, "data", os.Getenv("RELEASES_DATA"), "folder that keeps the data; without it they end with the host (also RELEASES_DATA)")
	flags.DurationVar(&o.Period, "period", time.Minute, "how often schedules run")
	flags.BoolVar(&verbose, "v", false, "tell more")
	if err := flags.Parse(args); err != nil {
		return o, false, err
	}
	if flags.NArg() > 0 {
		return o, false, fmt.Errorf("%q is not a command: there is demo, and nothing for running the system", flags.Arg(0))
	}
	o.Endpoint = os.Getenv(engine.EndpointVariable)
	if o.Endpoint != "" && o.Data != "" {
		return o, false, fmt.Errorf("%s and a data folder exclude each other: the folder is for the engine that is started here", engine.EndpointVariable)
	}
	return o, verbose, nil
}

// run serves until a signal comes or something ends that must not.
func run(o Options, out io.Writer) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
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
	h, err := Start(ctx, o)
	close(started)
	if err != nil {
		select {
		case <-interrupted:
			return errors.New("stopped before it was up")
		default:
			return err
		}
	}
	defer h.Stop()
	remove, err := h.writeRunFile(o.Root)
	if err != nil {
		return fmt.Errorf("write .local/run.json: %w", err)
	}
	defer remove()
	h.welcome(out, o.Data)
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
