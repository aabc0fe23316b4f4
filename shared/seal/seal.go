// Package seal is the scheduled run that turns the record's entries into leaves of the tree
// and reports how long the oldest entry has waited. It must know neither what an entry says
// nor how the tree is stored.
package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/record"
	"example.com/releases/shared/stream"
)

// Report says what a run did and what it left. An alarm watches Oldest. It is nil where the
// run could not read it, and then missing from the log line, so that an unknown age is never
// taken for zero.
type Report struct {
	Sealed int  `json:"sealed"`                          // leaves that this run made
	Oldest *int `json:"oldestUnsealedSeconds,omitempty"` // how long the oldest entry has waited; 0 where none waits
}

// Runner seals the entries of one store.
type Runner struct {
	store      *dynamo.Store
	generation dynamo.Generation
	now        func() time.Time
}

// New returns a runner on a store. generation is the number of the tree's generation; last is
// the last known checkpoint of the generation before, its lines separated by newlines or
// spaces, or empty to take the one in the table. It panics where either is malformed: a
// generation that begins with a wrong leaf can never be corrected.
func New(store *dynamo.Store, generation, last string) *Runner {
	g := dynamo.Generation{Number: 1}
	if generation != "" {
		n, err := strconv.Atoi(generation)
		if err != nil || n < 1 {
			panic(fmt.Sprintf("seal: RECORD_GENERATION is %q; set it to a number from 1 on", generation))
		}
		g.Number = n
	}
	if words := strings.Fields(last); len(words) > 0 {
		c, err := record.ParseCheckpoint(strings.Join(words, "\n") + "\n")
		if err != nil {
			panic(fmt.Sprintf("seal: LAST_CHECKPOINT is no checkpoint: %v", err))
		}
		g.Last = &c
	}
	return &Runner{store: store, generation: g, now: time.Now}
}

// WithClock returns the runner with another clock, for tests and replays.
func (r *Runner) WithClock(now func() time.Time) *Runner {
	return &Runner{store: r.store, generation: r.generation, now: now}
}

// Run is the schedule's handler. What it cannot seal is left to the next run.
func (r *Runner) Run(ctx context.Context, _ json.RawMessage) (Report, error) {
	early, cancel := stream.StopEarly(ctx)
	defer cancel()
	sealer := r.store.Sealer(r.generation)
	sealed, failed := sealer.Seal(early, r.now)
	report := Report{Sealed: sealed}
	line := []any{"sealed", sealed}
	since, waits, err := sealer.Oldest(ctx)
	if err == nil {
		oldest := 0
		if waits {
			oldest = max(0, int(r.now().Sub(since).Seconds()))
		}
		report.Oldest = &oldest
		line = append(line, "oldest", oldest)
	}
	slog.InfoContext(ctx, "seal-record: done", line...)
	return report, errors.Join(failed, err)
}
