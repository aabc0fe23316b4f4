// Package demo plays a release from planning to rollback against a running host, as
// its users would meet it, and checks what it showed. It speaks HTTP only and must know
// nothing of how the host is made.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// runFile is what a running host writes about itself.
type runFile struct {
	BaseURL  string `json:"baseUrl"`
	InboxURL string `json:"inboxUrl"`
	Tokens   struct {
		Viewer    string `json:"viewer"`
		Auditor   string `json:"auditor"`
		Admin     string `json:"admin"`
		Requester string `json:"requester"`
	} `json:"tokens"`
}

// How much the story is about.
const (
	changeCount  = 12
	taskCount    = 200
	people       = 40
	settleWithin = 2 * time.Minute
)

// walkthrough is one performance: what was made so far, and what turned out to be off.
type walkthrough struct {
	console
	client
	run       runFile
	verify    func(args []string, out io.Writer) error
	tag       string // makes the ids of this performance differ from the last one's
	releaseID string
	changes   []string
	tasks     []string
	wrong     []string
}

// Run plays the story against the host that wrote the file at path, telling it to out.
// The error names everything that was not as it should be. verify is the command that checks
// evidence.
func Run(ctx context.Context, path string, out io.Writer, verify func(args []string, out io.Writer) error) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return errors.New("no host is running here: start one with `make run` in another terminal, then try again")
	}
	s := &walkthrough{console: newConsole(out), verify: verify, tag: time.Now().UTC().Format("0102-150405")}
	if err := json.Unmarshal(raw, &s.run); err != nil {
		return fmt.Errorf("%s is not what `make run` writes: %w", path, err)
	}
	s.client = client{base: s.run.BaseURL}
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

// check notes what is off; the story goes on, so that one run shows all of it.
func (s *walkthrough) check(ok bool, format string, args ...any) {
	if !ok {
		s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
	}
}
