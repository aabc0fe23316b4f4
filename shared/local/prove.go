package local

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"example.com/releases/shared/local/kill"
)

// killMain is the command kill: it plays users on hosts of its own, which it kills.
func killMain(args []string, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := kill.Options{
		Command: func(args ...string) *exec.Cmd { return exec.Command(self, args...) }, //nolint:gosec // this program
		Verify:  Verify, Out: out,
	}
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	flags.IntVar(&o.Kills, "kills", 50, "how often the host is killed")
	flags.Uint64Var(&o.Seed, "seed", 0, "what moments and requests are drawn from; 0 draws one")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32) //nolint:gosec // a seed
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return kill.Run(ctx, o)
}
