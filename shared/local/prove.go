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
	o := load.Options{Slices: 12, Slice: 5 * time.Second, Out: out}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.IntVar(&o.Users, "users", 24, "how many work at once")
	flags.Uint64Var(&o.Seed, "seed", 0, "what requests are drawn from; 0 draws one")
	return prove(flags, args, &o.Seed, func(ctx context.Context, hostCommand func(...string) *exec.Cmd) error {
		o.Command = hostCommand
		return load.Run(ctx, o)
	})
}

// killMain is the command kill: it plays users on hosts of its own, which it kills.
func killMain(args []string, out io.Writer) error {
	o := kill.Options{Verify: Verify, Out: out}
	flags := flag.NewFlagSet("kill", flag.ContinueOnError)
	flags.IntVar(&o.Kills, "kills", 50, "how often the host is killed")
	flags.Uint64Var(&o.Seed, "seed", 0, "what moments and requests are drawn from; 0 draws one")
	return prove(flags, args, &o.Seed, func(ctx context.Context, hostCommand func(...string) *exec.Cmd) error {
		o.Command = hostCommand
		return kill.Run(ctx, o)
	})
}

// prove runs a command that starts this program again as its host, until it is done or
// interrupted. Where no seed is given, it draws one.
func prove(flags *flag.FlagSet, args []string, seed *uint64, run func(ctx context.Context, hostCommand func(...string) *exec.Cmd) error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, func(args ...string) *exec.Cmd { return exec.Command(self, args...) })
}
