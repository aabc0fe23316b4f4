// Package process runs a host as a process of its own, on a folder that outlives it, so that it
// can be killed and weighed. It must not know what is done with the host.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/releases/shared/local/client"
)

// startWithin bounds a start, with the wait for the engine that the killed host left.
const startWithin = 2 * time.Minute

// Host is a running host.
type Host struct {
	// Ended is closed when the process is gone; Err says how it went, then.
	Ended chan struct{}
	Err   error

	cmd *exec.Cmd
	dir string
}

// Command makes the command that runs a host with these arguments.
type Command func(args ...string) *exec.Cmd

// Start starts a host that keeps its log and its file about itself in dir, and whatever else
// the arguments and variables say.
func Start(command Command, dir string, variables []string, args ...string) (*Host, error) {
	runFile := filepath.Join(dir, "run.json")
	if err := os.Remove(runFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	cmd := command(append(args, "-run-file", runFile)...)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	// The engine's folder, where its process id stands, is to be found. The port is a free one.
	cmd.Env = append(append(cmd.Env, "TMPDIR="+dir, "PORT=0", "DYNAMODB_ENDPOINT=", "RELEASES_DATA="), variables...)
	log, err := os.OpenFile(filepath.Join(dir, "host.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	h := &Host{Ended: make(chan struct{}), cmd: cmd, dir: dir}
	go func() {
		h.Err = cmd.Wait()
		close(h.Ended)
	}()
	return h, nil
}

// Ready waits until the host answers and returns what it writes about itself.
func (h *Host) Ready(ctx context.Context) (client.RunFile, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		f, err := client.ReadRunFile(filepath.Join(h.dir, "run.json"))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		select {
		case <-h.Ended:
			return f, fmt.Errorf("the host did not start (%w); its log ends with\n%s", h.Err, h.LastWords())
		case <-ctx.Done():
			return f, fmt.Errorf("the host did not come up (%w); its log ends with\n%s", ctx.Err(), h.LastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// LastWords is the end of the host's log.
func (h *Host) LastWords() string {
	text, _ := os.ReadFile(filepath.Join(h.dir, "host.log"))
	return string(text[max(0, len(text)-2000):])
}

// engine returns the process id of the engine; 0 while there is none.
func (h *Host) engine() int {
	files, _ := filepath.Glob(filepath.Join(h.dir, "releases-engine-*", "pid"))
	for i := range files { // the newest last; one that was ended removes its own
		text, err := os.ReadFile(files[len(files)-1-i])
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && syscall.Kill(pid, 0) == nil {
			return pid
		}
	}
	return 0
}

// Kill ends the host without warning and waits until it is gone.
func (h *Host) Kill() error {
	if err := h.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-h.Ended
	return nil
}

// KillEngine ends the engine without warning, if there is one. The host ends by itself then.
func (h *Host) KillEngine() error {
	pid := h.engine()
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Resident is how much memory the host has, in bytes, without its engine.
func (h *Host) Resident() (int, error) {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(h.cmd.Process.Pid)).Output() // a process id
	if err != nil {
		return 0, err
	}
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(out)))
	return kilobytes << 10, err
}

// Stop ends the host as Ctrl-C does.
func (h *Host) Stop() error {
	if err := h.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-h.Ended:
		return h.Err
	case <-time.After(time.Minute):
		_ = h.cmd.Process.Kill()
		<-h.Ended
		return errors.New("the host did not stop within a minute")
	}
}
