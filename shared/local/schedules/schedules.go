// Package schedules runs functions at intervals as EventBridge Scheduler does, with Lambda's
// retries, and on demand; a function's runs never overlap. It must not know what the functions
// do.
package schedules

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"example.com/releases/shared/local/invoke"
)

// Job is one schedule of one function.
type Job struct {
	Function string
	Name     string
	Every    time.Duration
	Input    string // JSON; empty is the scheduler's own event
	// Retries are Lambda's: the scheduler only hands the event over, and a run that fails is
	// repeated with the same event, like any asynchronous invocation.
	// https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html and
	// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
	Retries int
	Run     invoke.Function
}

// Runner runs jobs.
type Runner struct {
	jobs    []*job
	running sync.WaitGroup
	log     *slog.Logger
	onError func(function string, attempts int, err error)
}

type job struct {
	Job
	one sync.Mutex // held while it runs
}

// Start runs each job at its interval, the first time after one interval, until the context
// ends. onError is called for runs that failed together with their retries; it may be nil.
func Start(ctx context.Context, jobs []Job, log *slog.Logger, onError func(function string, attempts int, err error)) *Runner {
	r := &Runner{log: log, onError: onError}
	for _, j := range jobs {
		one := &job{Job: j}
		r.jobs = append(r.jobs, one)
		r.running.Go(func() {
			tick := time.NewTicker(j.Every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				// A run that takes longer than the interval loses ticks: the ticker keeps only
				// one.
				r.repeat(ctx, one, one.event(time.Now()))
			}
		})
	}
	return r
}

// Wait returns when the context of Start has ended and no job runs any more.
func (r *Runner) Wait() { r.running.Wait() }

// repeat runs the job until it succeeds or its retries are used up, after a second and
// then two, where AWS waits one minute and then two.
func (r *Runner) repeat(ctx context.Context, j *job, event []byte) {
	var err error
	for attempt := range j.Retries + 1 {
		if attempt > 0 {
			select {
			case <-time.After(time.Duration(attempt) * time.Second):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		if _, err = r.run(ctx, j, event); err == nil {
			return
		}
	}
	if r.onError != nil {
		r.onError(j.Function, j.Retries+1, err)
	}
}

// run invokes the job once, after waiting for a run of it that is in progress.
func (r *Runner) run(ctx context.Context, j *job, event []byte) ([]byte, error) {
	j.one.Lock()
	defer j.one.Unlock()
	started := time.Now()
	out, err := j.Run(ctx, event)
	if err != nil {
		r.log.Error("a scheduled run failed", "function", j.Function, "error", err)
	} else {
		r.log.Debug("a scheduled run ended", "function", j.Function, "took", time.Since(started).Round(time.Millisecond), "answer", string(out))
	}
	return out, err
}

// event is what the scheduler sends when the template gives no input. Its detail is
// a string there, unlike that of every other event.
func (j *job) event(now time.Time) []byte {
	if j.Input != "" {
		return []byte(j.Input)
	}
	payload, err := json.Marshal(map[string]any{
		"version": "0", "id": invoke.RequestID(), "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": invoke.Account,
		"time": now.UTC().Format(time.RFC3339), "region": "local",
		"resources": []string{"arn:aws:scheduler:local:" + invoke.Account + ":schedule/default/" + j.Name}, "detail": "{}",
	})
	if err != nil {
		panic(err) // strings
	}
	return payload
}

// Path is the prefix of the URL at which a POST runs a function's schedules at once: Path +
// "{function}". The event is the request's body, or {} without one, as when somebody invokes
// the function by hand.
const Path = "/_local/schedules/"

// Handler runs a function's schedules on demand and answers when they are over.
func (r *Runner) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path+"{function}", func(w http.ResponseWriter, q *http.Request) {
		name := q.PathValue("function")
		event, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 256<<10)) // Lambda's limit for asynchronous events
		if err != nil {
			http.Error(w, "the event is too long", http.StatusRequestEntityTooLarge)
			return
		}
		if len(event) == 0 {
			event = []byte("{}")
		}
		var answers []any
		for _, j := range r.jobs {
			if j.Function != name {
				continue
			}
			out, err := r.run(q.Context(), j, event)
			if err != nil {
				http.Error(w, fmt.Sprintf("%s failed: %v", name, err), http.StatusInternalServerError)
				return
			}
			if !json.Valid(out) {
				out = []byte("null")
			}
			answers = append(answers, map[string]any{"schedule": j.Name, "answer": json.RawMessage(out)})
		}
		if answers == nil {
			http.Error(w, fmt.Sprintf("%q has no schedule in the template", name), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"function": name, "runs": answers})
	})
	return mux
}
