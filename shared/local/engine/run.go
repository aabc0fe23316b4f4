package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Run starts an engine in memory, runs a command with DYNAMODB_ENDPOINT set to it,
// stops the engine, and returns the command's exit status: one engine for a whole
// `go test ./...`. Where DYNAMODB_ENDPOINT is set already, that engine is used.
func Run(ctx context.Context, command []string) int {
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "Which command? Usage: engine -- <command> <arguments …>")
		return 2
	}
	// Ctrl-C reaches the command directly; this process stays to clean up afterwards.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(EndpointVariable) == "" {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		e, err := startInterruptible(ctx, cancel, signals)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer e.Stop()
		cmd.Env = append(os.Environ(), EndpointVariable+"="+e.Endpoint())
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		case err := <-ended:
			var status *exec.ExitError
			switch {
			case err == nil:
				return 0
			case errors.As(err, &status) && status.ExitCode() > 0:
				return status.ExitCode()
			}
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
}

// startInterruptible is Start, cancelled by a signal.
func startInterruptible(ctx context.Context, cancel context.CancelFunc, signals <-chan os.Signal) (*Engine, error) {
	started := make(chan struct{})
	defer close(started)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-started:
		}
	}()
	return Start(ctx, Options{})
}
