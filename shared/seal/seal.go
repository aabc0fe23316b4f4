// Package seal makes leaves of the record's entries, on a schedule, and tells how long the
// oldest has waited. It must know neither what an entry says nor how the tree is kept.
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

// Report tells what a run did and left. An alarm stands on Oldest: nil is what the run has
// not read, which its log line leaves out, so that what nobody looked at never passes for
// zero.
type Report struct {
	Sealed int  `json:"sealed"`                          // leaves that this run made
	Oldest *int `json:"oldestUnsealedSeconds,omitempty"` // how long the oldest entry has waited; 0 where none waits
}

// Runner seals what one store holds. The clock comes in from the edge.
type Runner struct {
	store      *dynamo.Store
	generation dynamo.Generation
	now        func() time.Time
}

// New returns a runner on a store. generation is the number of the tree's, and last the
// checkpoint that is known of the one before, its lines or their words one after another;
// empty for what the table itself says. It panics where they are not in their form: a
// generation that begins wrongly stays so.
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

// Run is the handler of the schedule. What it could not seal, the next run does.
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
