// Package kill ends a host with SIGKILL at random moments while users work on it, starts it
// again on the same data, and checks that nothing that was acknowledged is lost and nothing is
// done twice. It uses HTTP and the tables' items; it must not know how the host works.
package kill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/process"
	"example.com/releases/shared/local/traffic"
)

// Options are the settings of a run.
type Options struct {
	Kills   int
	Seed    uint64
	Command process.Command
	// Verify is the command that checks evidence offline.
	Verify func(args []string, out io.Writer) error
	Out    io.Writer
	// Brief ends without waiting for leases of mails to expire, and lives are short.
	Brief bool
}

const (
	// managers and visitors are the users.
	managers, visitors = 6, 3
	// writes is how many are acknowledged in a life at most. Lives are counted in writes, so
	// that a busy machine does as much in each as an idle one; longest bounds them all the same.
	writes  = 60
	longest = 30 * time.Second
)

// schedules are run at the end until nothing is left to do.
var schedules = []string{"sweep", "heads-up", "tend-outbox", "seal-record"}

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

// kill ends the victim and waits until the host is gone.
func kill(h *process.Host, v victim) error {
	if v != hostOnly {
		if err := h.KillEngine(); err != nil {
			return err
		}
	}
	if v == engineOnly {
		select {
		case <-h.Ended:
			return nil
		case <-time.After(time.Minute):
			return fmt.Errorf("the host went on without its engine; its log ends with\n%s", h.LastWords())
		}
	}
	return h.Kill()
}

// run is one run.
type run struct {
	Options
	dir        string
	random     *rand.Rand
	simulation *traffic.Simulation
	archive    archive
	killed     map[victim]int
	early      int // of the kills: before the host was up
	checked    int // releases, after kills
	given      int // batches and runs that were given up, where they were looked for
}

// Run kills a host so many times, and prints what it finds. The error says that something did
// not hold.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "releases-kill-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintf(o.Out, "The data and the host's log are kept in %s.\n", dir)
		}
	}()
	r := &run{
		Options: o, dir: dir, killed: map[victim]int{},
		random:     rand.New(rand.NewPCG(o.Seed, 1<<32)), // it has to be repeatable
		simulation: traffic.New(traffic.Options{Seed: o.Seed, Tag: fmt.Sprintf("k%x", o.Seed), Silence: true, Linger: 60 * time.Millisecond}),
	}
	r.archive = archive{dir: filepath.Join(dir, "kept"), verify: o.Verify, offend: r.simulation.Offend, checkpoints: map[string]string{}}
	if err := os.MkdirAll(r.archive.dir, 0o700); err != nil {
		return err
	}
	r.say("%d kills with seed %d; %d managers and %d visitors work meanwhile.", o.Kills, o.Seed, managers, visitors)
	playing, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	go func() {
		r.simulation.Run(playing, managers, visitors)
		close(over)
	}()
	for n := range o.Kills {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.life(ctx, n+1); err != nil {
			return err
		}
	}
	err = r.end(ctx, over)
	return errors.Join(err, r.report())
}

func (r *run) start() (*process.Host, error) {
	return process.Start(r.Command, r.dir, nil, "-data", filepath.Join(r.dir, "data"), "-period", r.period().String())
}

// up starts a host and waits until it answers: on a machine that is too busy for the engine to
// come up in a minute, once more.
func (r *run) up(ctx context.Context) (*process.Host, client.RunFile, error) {
	for attempt := 1; ; attempt++ {
		p, err := r.start()
		if err != nil {
			return nil, client.RunFile{}, err
		}
		host, err := p.Ready(ctx)
		if err == nil {
			return p, host, nil
		}
		_ = p.Kill()
		if attempt == 3 || ctx.Err() != nil {
			return nil, host, err
		}
		r.say("     The host did not start and is started once more: %v", err)
	}
}

// period is how often the host's schedules run: several times in a life.
func (r *run) period() time.Duration {
	if r.Brief {
		return 500 * time.Millisecond
	}
	return 2 * time.Second
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// life is one life of a host: its start, the check of what the last one acknowledged, work, and
// its end.
func (r *run) life(ctx context.Context, n int) error {
	v := []victim{hostOnly, hostOnly, both, both, both, engineOnly}[r.random.IntN(6)]
	early := !r.Brief && r.random.IntN(10) == 0
	most := writes
	if r.Brief {
		most /= 3
	}
	lives, delay := 1+r.random.IntN(most), time.Duration(r.random.IntN(200))*time.Millisecond
	if early {
		p, err := r.start()
		if err != nil {
			return err
		}
		// It is killed while it starts, or just after.
		select {
		case <-time.After(delay * 20):
		case <-ctx.Done():
		case <-p.Ended:
			return fmt.Errorf("the host did not start (%w); its log ends with\n%s", p.Err, p.LastWords())
		}
		r.early++
		r.say("%3d  %-16s while it starts", n, hostOnly)
		r.killed[hostOnly]++
		return p.Kill()
	}
	p, host, err := r.up(ctx)
	if err != nil {
		return err
	}
	releases := r.simulation.Check(ctx, host, false, false)
	r.checked += releases
	r.archive.compare(ctx, host, r.simulation, 1)
	before := r.simulation.Acknowledged()
	r.simulation.Admit(host)
	begun, looked := time.Now(), false
	for done := 0; done < lives && time.Since(begun) < longest; done = r.simulation.Acknowledged() - before {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), p.Kill())
		case <-p.Ended:
			r.simulation.Pause()
			return fmt.Errorf("the host ended by itself (%w); its log ends with\n%s", p.Err, p.LastWords())
		}
		if !looked && done > lives*3/4 {
			looked = true
			r.archive.store(ctx, host)
			if err := r.failures(ctx, host); err != nil {
				return err
			}
		}
	}
	time.Sleep(delay)
	took := time.Since(begun)
	err = kill(p, v)
	r.simulation.Pause()
	r.killed[v]++
	r.say("%3d  %-16s after %4.1f s, %3d writes acknowledged; %2d releases were checked before; %d wrong so far",
		n, v, took.Seconds(), r.simulation.Acknowledged()-before, releases, len(r.simulation.Wrong()))
	return err
}

// failures counts what the host gave up after all its attempts, which happens where the machine
// is so busy that the engine does not answer. It would ring an alarm on AWS, and the sweep makes
// good for it: the checks at the end tell whether it has. The host forgets it when it is killed.
func (r *run) failures(ctx context.Context, host client.RunFile) error {
	var answer struct {
		Failures []struct{ Function string }
	}
	if _, err := (client.Client{Base: host.BaseURL}).Send(ctx, "", "GET", "/_local/failures", nil, &answer); err != nil {
		return err
	}
	r.given += len(answer.Failures)
	return nil
}

// end starts the host a last time, lets the users finish, waits until nothing is under way, and
// checks everything.
func (r *run) end(ctx context.Context, over <-chan struct{}) error {
	p, host, err := r.up(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.Kill() }()
	r.checked += r.simulation.Check(ctx, host, false, false)
	r.simulation.Admit(host)
	r.simulation.Finish()
	select {
	case <-over:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.Ended:
		return fmt.Errorf("the host ended by itself (%w)", p.Err)
	}
	r.say("Everybody has finished; waiting until nothing is under way.")
	for range 2 {
		if err := traffic.WaitIdle(ctx, host, schedules...); err != nil {
			return err
		}
	}
	mails, events, err := r.awaitMails(ctx, host)
	if err != nil {
		return err
	}
	r.simulation.Check(ctx, host, true, true)
	r.simulation.CheckNames(ctx, host)
	r.announced(events)
	r.archive.compare(ctx, host, r.simulation, len(r.simulation.Releases()))
	if err := r.failures(ctx, host); err != nil {
		return err
	}
	if err := p.Stop(); err != nil {
		return err
	}
	return r.outbox(ctx, mails)
}

func (r *run) report() error {
	counts := r.simulation.Counts()
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b traffic.Count) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), a.Status-b.Status)
	})
	r.say("\n| operation | answer | times |\n|---|---|---|")
	for _, k := range keys {
		answer := fmt.Sprint(k.Status)
		if k.Status == 0 {
			answer = "none"
		}
		r.say("| %s | %s | %d |", k.Operation, answer, counts[k])
	}
	r.say("\n%d kills (%d of the host, %d of them while it started; %d of host and engine, %d of the engine), %d releases begun, %d writes acknowledged, %d releases checked after kills, %d pieces of evidence verified; %d batches or runs were given up and made good for.",
		r.killed[hostOnly]+r.killed[both]+r.killed[engineOnly], r.killed[hostOnly], r.early, r.killed[both], r.killed[engineOnly],
		len(r.simulation.Releases()), r.simulation.Acknowledged(), r.checked, r.archive.verified, r.given)
	wrong := r.simulation.Wrong()
	if len(wrong) == 0 {
		r.say("Nothing is lost, and nothing is there twice.")
		return nil
	}
	for _, w := range wrong[:min(len(wrong), 40)] {
		r.say("  · %s", w)
	}
	return fmt.Errorf("%d things are wrong; run it again with SEED=%d", len(wrong), r.Seed)
}
