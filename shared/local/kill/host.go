package kill

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

// victim is what a kill ends.
type victim string

const (
	// hostOnly ends every function in the middle of whatever it does, with the gateway, the
	// streams and the schedules; DynamoDB stays. On AWS: all sandboxes at once.
	hostOnly victim = "the host"
	// both ends the table's process too, as when the machine's user ends the session: what was
	// acknowledged must be on disk.
	both victim = "host and engine"
	// engineOnly takes the table away under running functions, which see their requests fail;
	// the host ends by itself.
	engineOnly victim = "the engine"
)

// startWithin bounds a start, with the wait for the engine that the killed host left.
const startWithin = 2 * time.Minute

// process is a host of its own, on data that outlives it.
type process struct {
	cmd   *exec.Cmd
	dir   string
	ended chan struct{}
	err   error // after ended
}

// spawn starts a host on the data in dir; ready waits for it.
func spawn(o Options, dir string) (*process, error) {
	runFile := filepath.Join(dir, "run.json")
	if err := os.Remove(runFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	cmd := o.Command("-data", filepath.Join(dir, "data"), "-run-file", runFile, "-period", period.String())
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	// The engine's folder, where its process id stands, is to be found. It uses a port of its
	// own, and so does the host.
	cmd.Env = append(cmd.Env, "TMPDIR="+dir, "PORT=0", "DYNAMODB_ENDPOINT=", "RELEASES_DATA=")
	log, err := os.OpenFile(filepath.Join(dir, "host.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, dir: dir, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// ready waits until the host answers and returns what it writes about itself.
func (p *process) ready(ctx context.Context) (client.RunFile, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		f, err := client.ReadRunFile(filepath.Join(p.dir, "run.json"))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return f, err
		}
		select {
		case <-p.ended:
			return f, fmt.Errorf("the host did not start (%w); its log ends with\n%s", p.err, p.lastWords())
		case <-ctx.Done():
			return f, fmt.Errorf("the host did not come up (%w); its log ends with\n%s", ctx.Err(), p.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) lastWords() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "host.log"))
	return string(text[max(0, len(text)-2000):])
}

// engine returns the process id of the engine; 0 while there is none.
func (p *process) engine() int {
	files, _ := filepath.Glob(filepath.Join(p.dir, "releases-engine-*", "pid"))
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

// kill ends the victim without warning and waits until the host is gone.
func (p *process) kill(v victim) error {
	engine := p.engine()
	if v != hostOnly && engine != 0 {
		if err := syscall.Kill(engine, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	if v == engineOnly && engine != 0 {
		select {
		case <-p.ended:
			return nil
		case <-time.After(20 * time.Second):
			return fmt.Errorf("the host went on without its engine; its log ends with\n%s", p.lastWords())
		}
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

// stop ends the host as Ctrl-C does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return p.err
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("the host did not stop within a minute")
	}
}
