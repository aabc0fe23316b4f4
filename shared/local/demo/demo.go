// Package demo takes a release from planning to rollback on a running host, as users would,
// and checks what it shows. It uses only HTTP and must not know how the host works.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"example.com/releases/shared/local/client"
)

// The size of the demo.
const (
	changeCount  = 12
	taskCount    = 200
	people       = 40
	settleWithin = 2 * time.Minute
)

// walkthrough is one run of the demo: what it has created so far, and what turned out to be
// wrong.
type walkthrough struct {
	console
	client.Client
	run       client.RunFile
	verify    func(args []string, out io.Writer) error
	tag       string // makes the ids of each run different
	releaseID string
	changes   []string
	tasks     []string
	wrong     []string
}

// Run runs the demo against the host that wrote the file at path, and prints it to out. The
// error names everything that was not as it should be. verify is the command that checks
// evidence.
func Run(ctx context.Context, path string, out io.Writer, verify func(args []string, out io.Writer) error) error {
	run, err := client.ReadRunFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no host is running here: start one with `make run` in another terminal, then try again")
	case err != nil:
		return err
	}
	s := &walkthrough{console: newConsole(out), run: run, verify: verify, tag: time.Now().UTC().Format("0102-150405")}
	s.Client = client.Client{Base: s.run.BaseURL}
	for _, act := range []func(context.Context) error{
		s.plan, s.refuse, s.void, s.approve, s.stop, s.deploy, s.lookAtTask, s.rollBack, s.lookBack, s.showRollbackMail, s.showHeadsUp, s.prove,
	} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	if len(s.wrong) > 0 {
		s.bad("This was not as it should be:")
		for _, w := range s.wrong {
			s.bad("  · " + w)
		}
		return fmt.Errorf("%d of the demo's checks failed", len(s.wrong))
	}
	s.good("Everything shown was checked and is as it should be.")
	return nil
}

// check records what is wrong and lets the demo continue, so that one run shows everything.
func (s *walkthrough) check(ok bool, format string, args ...any) {
	if !ok {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
