package notify_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/testkit/inject"
	"example.com/releases/shared/testkit/meter"
)

// An alarm must not go green because a run could not look: figures that it could not read are not
// in its log line, and those that it could read are.
func TestTendOutbox_NumberNotRead_LeftOut(t *testing.T) { //nolint:paralleltest // the log is the process's
	var broken atomic.Pointer[string]
	w := newFixture(t, fixtureOptions{around: func(ctx context.Context, c inject.Call, do func(context.Context) error) error {
		if operation := broken.Load(); operation != nil && c.Operation == *operation {
			return inject.Refused("InternalServerError")
		}
		return do(ctx)
	}})
	for operation, want := range map[string]string{
		"":             "stuck slow unknown circuitOpen quotaUsedUp",
		"GetItem":      "unknown", // it reads whether the circuit is open; without that, nothing due is looked at
		"Query":        "circuitOpen quotaUsedUp",
		"BatchGetItem": "unknown circuitOpen quotaUsedUp", // the mails that are due
		"UpdateItem":   "unknown circuitOpen quotaUsedUp", // a sender was to be woken
	} {
		w.advanceClock(hour)
		w.mailThatIsDue()
		broken.Store(&operation)
		var failed error
		line := logs(t, func() { _, failed = w.tender.Run(t.Context(), nil) })
		broken.Store(nil)
		if (failed != nil) != (operation != "") {
			t.Errorf("with %q broken, the run returns the error %v", operation, failed)
		}
		done := map[string]any{}
		for l := range strings.Lines(line) {
			if strings.Contains(l, "tend-outbox: done") {
				if err := json.Unmarshal([]byte(l), &done); err != nil {
					t.Fatal(err)
				}
			}
		}
		var read []string
		for _, figure := range []string{"stuck", "slow", "unknown", "circuitOpen", "quotaUsedUp"} {
			if _, there := done[figure].(float64); there {
				read = append(read, figure)
			}
		}
		if got := strings.Join(read, " "); got != want {
			t.Errorf("%q broken: the line has %q, want %q: %s", operation, got, want, line)
		}
	}
}

// A run whose time is up reports no figure, not even zero: it has not looked.
func TestTendOutbox_TimeIsUp_NoNumbers(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	report, err := w.tender.Run(ctx, nil)
	if err == nil || report.Stuck != nil || report.Slow != nil || report.Unknown != nil || report.CircuitOpen != nil {
		t.Errorf("it reports %+v, %v; want an error and no figures", report, err)
	}
}

// mailThatIsDue puts a mail into the outbox that nobody sends, and lets twenty minutes pass.
func (w *fixture) mailThatIsDue() {
	w.t.Helper()
	id := "CHG-" + w.now().Format("0215")
	w.change(id)
	w.task("T-"+id, "p"+w.now().Format("0215"), id)
	w.scheduled(w.now().Add(24*hour), hour, id)
	must(w.planner.Run(w.t.Context(), nil))(w.t)
	w.plan()
	w.advanceClock(20 * time.Minute)
}

// With nothing to do, a run reads little and writes nothing, whatever the outbox holds.
func TestTendOutbox_NothingNew_FewReadsNoWrites(t *testing.T) {
	t.Parallel()
	w, _ := due(t, "ann", "bob")
	w.headsUp()
	w.wantMails(2)
	m := meter.New(w.Client)
	var n inject.Counter
	tender := tend.Open(w.Open(m.Option, inject.Option(n.Count, nil)), "50").WithClock(w.now)
	w.advanceClock(hour)
	for range 10 {
		must(tender.Run(t.Context(), nil))(t)
	}
	used, calls := m.Take(), n.Take()
	if calls.Writes() != 0 || used.Total() > 120 || used.Read > 80 {
		t.Errorf("ten runs: %v, %+v; each may take 12 requests and 8 read units", calls, used)
	}
	t.Logf("a run with nothing new: %.1f requests, %.1f read units", float64(used.Total())/10, used.Read/10)
}
