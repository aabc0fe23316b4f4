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
	"time"

	"example.com/releases/shared/local/kill"
	"example.com/releases/shared/local/load"
)

// loadMain is the command load: it has users work on a host of its own for a minute.
func loadMain(args []string, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := load.Options{Command: func(args ...string) *exec.Cmd { return exec.Command(self, args...) }, Slices: 12, Slice: 5 * time.Second, Out: out} // this program
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.IntVar(&o.Users, "users", 24, "how many work at once")
	flags.Uint64Var(&o.Seed, "seed", 0, "what requests are drawn from; 0 draws one")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64N(1 << 32) // a seed
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return load.Run(ctx, o)
}

// killMain is the command kill: it plays users on hosts of its own, which it kills.
func killMain(args []string, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := kill.Options{
		Command: func(args ...string) *exec.Cmd { return exec.Command(self, args...) }, // this program
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
		o.Seed = rand.Uint64N(1 << 32) // a seed
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return kill.Run(ctx, o)
}
