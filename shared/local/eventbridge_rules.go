package local

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

// rules passes events of a bus to the functions whose rules match, asynchronously and with
// Lambda's retries.
type rules struct {
	ctx    context.Context //nolint:containedctx // the host's lifetime; events have no context
	list   []rule
	failed func(Failure)

	mu      sync.Mutex
	pending int
	done    int
	change  chan struct{} // closed and renewed when an invocation ends
	running sync.WaitGroup
}

type rule struct {
	template.Rule
	function string
	retries  int
	invoke   invoke.Function
}

func newRules(ctx context.Context, t *template.Template, functions map[string]invoke.Function, failed func(Failure)) *rules {
	r := &rules{ctx: ctx, failed: failed, change: make(chan struct{})}
	for _, f := range t.Functions {
		for _, one := range f.Rules {
			r.list = append(r.list, rule{one, f.Name, f.AsyncRetries, functions[f.Name]})
		}
	}
	return r
}

// route starts the functions whose rules match an event, and returns at once.
func (r *rules) route(e bus.Event) {
	payload, err := json.Marshal(e)
	if err != nil {
		return // cannot happen: the bus refuses a detail that is not JSON
	}
	var tree any
	if json.Unmarshal(payload, &tree) != nil {
		return
	}
	for _, one := range r.list {
		if one.Bus != e.Bus || !one.Pattern.Matches(tree) {
			continue
		}
		r.mu.Lock()
		r.pending++
		r.mu.Unlock()
		r.running.Go(func() { r.deliver(one, payload) })
	}
}

// deliver invokes until it succeeds or the retries are used up. AWS waits one minute and then
// two in between; on a laptop the waits are shorter.
func (r *rules) deliver(one rule, payload []byte) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pending--
		r.done++
		close(r.change)
		r.change = make(chan struct{})
	}()
	var err error
	for attempt := range one.retries + 1 {
		if attempt > 0 {
			select {
			case <-time.After(time.Duration(attempt) * time.Second):
			case <-r.ctx.Done():
				return
			}
		}
		if _, err = one.invoke(r.ctx, payload); err == nil {
			return
		}
	}
	r.failed(Failure{Function: one.function, Source: "event", Attempts: one.retries + 1, Error: err.Error(), At: time.Now().UTC(), Event: payload})
}

func (r *rules) finished() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// waitIdle waits until no invocation is running.
func (r *rules) waitIdle(ctx context.Context) error {
	for {
		r.mu.Lock()
		pending, change := r.pending, r.change
		r.mu.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *rules) wait() { r.running.Wait() }
