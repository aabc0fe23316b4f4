// Package traffic plays the product's users on a running host, remembers what was
// acknowledged, and checks that all of it is there and nothing twice. It uses only HTTP, and
// must not know how the host works nor why it may fall silent.
package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/releases/shared/local/client"
)

// Options are the settings of a simulation.
type Options struct {
	Seed uint64
	Tag  string // begins all ids and names, so that they are told from others'
	// Silence tells that the host may end at any moment: a request without an answer is
	// repeated when the next host is there. Otherwise silence and every answer from 500 on,
	// except 503, is an offence.
	Silence bool
	// Linger is how long at most a user waits between two requests; 0 is no time.
	Linger time.Duration
}

// Simulation is what the users of one run have done.
type Simulation struct {
	Options
	http *http.Client

	mu       sync.Mutex
	open     chan struct{} // closed while there is a host
	host     client.RunFile
	releases []*Release
	wrong    []string
	counts   map[Count]int
	waiting  sync.WaitGroup // for answers
	ending   bool

	acknowledged int
}

// Count names a number of answers: to which operation, and which.
type Count struct {
	Operation string
	Status    int // 0 is silence
}

// New makes a simulation without a host: its users wait for one.
func New(o Options) *Simulation {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 256, 256
	return &Simulation{Options: o, http: &http.Client{Transport: transport}, open: make(chan struct{}), counts: map[Count]int{}}
}

// Admit lets the users go on, at a host.
func (w *Simulation) Admit(host client.RunFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host = host
	close(w.open)
}

// Pause has the users wait for the next host, and returns when no request is under way any
// more.
func (w *Simulation) Pause() {
	w.mu.Lock()
	w.open = make(chan struct{})
	w.mu.Unlock()
	w.waiting.Wait()
	w.http.CloseIdleConnections()
}

// Finish has the users end what they have begun, and begin nothing new.
func (w *Simulation) Finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ending = true
}

func (w *Simulation) finishing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending
}

// Counts returns how often each operation was answered how.
func (w *Simulation) Counts() map[Count]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.counts)
}

// Acknowledged counts the writes that were answered with success.
func (w *Simulation) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acknowledged
}

// Answered counts the requests that were answered with success.
func (w *Simulation) Answered() (reads, writes int) {
	for c, times := range w.Counts() {
		switch {
		case c.Status < 200 || c.Status >= 300:
		case readOnly[c.Operation]:
			reads += times
		default:
			writes += times
		}
	}
	return reads, writes
}

// Wrong returns everything that was not as it should be, once each.
func (w *Simulation) Wrong() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := slices.Clone(w.wrong)
	slices.Sort(list)
	return slices.Compact(list)
}

// Forget returns everything that was not as it should be, and begins anew.
func (w *Simulation) Forget() []string {
	all := w.Wrong()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = nil
	return all
}

// Offend records something that is not as it should be.
func (w *Simulation) Offend(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// enter waits for a host and counts a request to it as under way; leave ends that.
func (w *Simulation) enter(ctx context.Context) (host client.RunFile, leave func(), err error) {
	for {
		w.mu.Lock()
		open := w.open
		w.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return client.RunFile{}, nil, ctx.Err()
		}
		w.mu.Lock()
		if w.open == open {
			host = w.host
			w.waiting.Add(1)
			w.mu.Unlock()
			return host, w.waiting.Done, nil
		}
		w.mu.Unlock()
	}
}

func (w *Simulation) count(operation string, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[Count{operation, status}]++
	if status >= 200 && status < 300 && !readOnly[operation] {
		w.acknowledged++
	}
}

// outcome is what a user knows about a request.
type outcome int

const (
	unknown outcome = iota // no answer came, or one that leaves it open
	done
	refused
)

// call is a request with what its user expects.
type call struct {
	operation     string
	as            func(client.RunFile) string
	method, path  string
	body          any
	keyed         bool     // with an Idempotency-Key, the same at each repetition
	refusals      []string // codes that are all right
	singleAttempt bool     // not repeated where no answer came
}

func admin(f client.RunFile) string   { return f.Tokens.Admin }
func auditor(f client.RunFile) string { return f.Tokens.Auditor }
func viewer(f client.RunFile) string  { return f.Tokens.Viewer }

// player is one user, who does one thing after another.
type player struct {
	*Simulation
	number int
	random *rand.Rand
	keys   int
}

func (w *Simulation) player(number int) *player {
	return &player{Simulation: w, number: number, random: rand.New(rand.NewPCG(w.Seed, uint64(number)))} // it has to be repeatable
}

// do sends a request until its outcome is known, or once where the call says so, and decodes
// a successful answer. The code is the refusal's.
func (p *player) do(ctx context.Context, c call, answer any) (outcome, string) {
	key := ""
	if c.keyed {
		p.keys++
		key = fmt.Sprintf("%s-%d-%d", p.Tag, p.number, p.keys)
	}
	for attempt := 1; ; attempt++ {
		host, leave, err := p.enter(ctx)
		if err != nil {
			return unknown, ""
		}
		o, code := p.try(ctx, client.Client{Base: host.BaseURL, HTTP: p.http}, client.Request{
			Token: c.as(host), Method: c.method, Path: c.path, Body: c.body, Key: key,
		}, c, answer)
		leave()
		if o != unknown || c.singleAttempt {
			return o, code
		}
		sleep(ctx, min(time.Duration(attempt)*50*time.Millisecond, time.Second))
	}
}

func (p *player) try(ctx context.Context, host client.Client, r client.Request, c call, answer any) (outcome, string) {
	a, err := host.Do(ctx, r)
	if ctx.Err() != nil {
		return unknown, ""
	}
	p.count(c.operation, a.Status)
	if err != nil {
		if !p.Silence {
			p.Offend("%s %s: no answer: %v", r.Method, r.Path, err)
		}
		return unknown, ""
	}
	problem, err := a.Problem()
	switch {
	case err != nil:
		p.Offend("%s %s: %v", r.Method, r.Path, err)
		return unknown, ""
	case problem == nil:
		if answer != nil {
			if err := json.Unmarshal(a.Body, answer); err != nil {
				p.Offend("%s %s answered what is not JSON: %v", r.Method, r.Path, err)
			}
		}
		return done, ""
	case a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable || problem.Code == "request-in-progress":
		return unknown, ""
	case a.Status >= 500:
		if !p.Silence {
			p.Offend("%s %s: %d %s: %s", r.Method, r.Path, a.Status, problem.Code, problem.Detail)
		}
		return unknown, ""
	}
	if !slices.Contains(c.refusals, problem.Code) {
		p.Offend("%s %s: %d %s: %s", r.Method, r.Path, a.Status, problem.Code, problem.Detail)
	}
	return refused, problem.Code
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// chance is true so many times in a hundred.
func (p *player) chance(percent int) bool { return p.random.IntN(100) < percent }

// linger waits as people do.
func (p *player) linger(ctx context.Context) {
	if p.Linger > 0 {
		sleep(ctx, time.Duration(p.random.Int64N(int64(p.Linger))))
	}
}

// Run has so many managers and visitors use the host until they are told to finish or the
// context ends, and returns when all of them are done.
func (w *Simulation) Run(ctx context.Context, managers, visitors int) {
	var playing sync.WaitGroup
	for n := range managers {
		p := w.player(n)
		playing.Go(func() {
			for ctx.Err() == nil && !w.finishing() {
				p.manage(ctx)
			}
		})
	}
	for n := range visitors {
		p := w.player(1000 + n)
		playing.Go(func() {
			for ctx.Err() == nil && !w.finishing() {
				p.visit(ctx)
				p.linger(ctx)
			}
		})
	}
	playing.Wait()
}
