package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// appended is what a writer knows about one of its entries.
type appended struct {
	id         string
	text       string
	began, end time.Time
	known      bool // acknowledged
}

// appendAll lets a number of writers append entries at the same time.
func (l *harness) appendAll(writers, each int, one func(text string) (release.LogEntry, error)) []appended {
	all := make([]appended, writers*each)
	var writing sync.WaitGroup
	for writer := range writers {
		writing.Go(func() {
			for n := range each {
				a := &all[writer*each+n]
				a.text, a.began = fmt.Sprintf("entry %d of writer %d", n, writer), time.Now()
				entry, err := one(a.text)
				a.end, a.known, a.id = time.Now(), err == nil, entry.ID
			}
		})
	}
	writing.Wait()
	return all
}

// noteNumber returns the number in the id of a note.
func noteNumber(t *testing.T, id string) int {
	t.Helper()
	_, number, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// judgeLog checks I10 on a log that has more than 500 notes: it shows the newest 500, in the order in
// which they were accepted, none twice, and no acknowledged one is missing among them.
func judgeLog(t *testing.T, log []release.LogEntry, all []appended) {
	t.Helper()
	if len(log) != release.MaxLogEntries {
		t.Errorf("%d entries, want %d", len(log), release.MaxLogEntries)
	}
	numbers := make([]int, len(log))
	place := map[string]int{}
	for n, e := range log {
		numbers[n] = noteNumber(t, e.ID)
		if n > 0 && numbers[n] <= numbers[n-1] {
			t.Errorf("entry %s comes after %s", e.ID, log[n-1].ID)
		}
		if _, twice := place[e.Text]; twice {
			t.Errorf("%q is there twice", e.Text)
		}
		place[e.Text] = n
	}
	missing := 0
	for _, a := range all {
		if _, there := place[a.text]; a.known && !there && noteNumber(t, a.id) > numbers[0] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d acknowledged entries are missing among the newest", missing)
	}
	// An entry that was acknowledged before another one began must come before it. So, going through
	// the log, no entry was acknowledged before an earlier one began.
	by := map[string]appended{}
	for _, a := range all {
		by[a.text] = a
	}
	var latest time.Time
	for _, e := range log {
		a := by[e.Text]
		if a.known && a.end.Before(latest) {
			t.Fatalf("%q was acknowledged before an entry began that the log has before it", a.text)
		}
		if a.known && a.began.After(latest) {
			latest = a.began
		}
	}
}

func TestLog_FiftyWriters_NothingIsLost(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	var count inject.Counter
	store := l.Under(nil, count.Count)
	all := l.appendAll(50, 40, func(text string) (release.LogEntry, error) {
		return store.AppendLog(l.ctx, id, text, "", l.write())
	})
	for _, a := range all {
		if !a.known {
			t.Fatalf("%q was refused", a.text)
		}
	}
	requests := count.Take()
	if average := float64(requests.Total()) / 2000; average > 3 {
		t.Errorf("%.2f requests for each entry under 50 writers; the budget is 3: %v", average, requests)
	} else {
		t.Logf("%.2f requests for each entry under 50 writers", average)
	}
	log, err := l.Log(l.ctx, id)
	l.no(err)
	judgeLog(t, log, all)
	if log[len(log)-1].ID != "e0.2000" {
		t.Errorf("the last entry is %s, want e0.2000", log[len(log)-1].ID)
	}
}

// When writers die between two requests and answers are lost, numbers are missing, but no entry that
// was acknowledged.
func TestLog_WritersDie_OnlyGapsRemain(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	random := rand.New(rand.NewPCG(10, 10))
	var mu sync.Mutex
	dice := func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64()
	}
	store := l.Under(nil, func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
		switch d := dice(); {
		case d < 0.05:
			return errDied
		case d < 0.10:
			_ = do(ctx)
			return errDied
		case d < 0.20:
			_ = do(ctx)
			return inject.Lost()
		}
		return do(ctx)
	})
	all := l.appendAll(25, 30, func(text string) (release.LogEntry, error) {
		return store.AppendLog(l.ctx, id, text, "", l.write())
	})
	dead := 0
	for _, a := range all {
		if !a.known {
			dead++
		}
	}
	log, err := l.Log(l.ctx, id)
	l.no(err)
	t.Logf("%d of %d writers died; the log ends with %s", dead, len(all), log[len(log)-1].ID)
	judgeLog(t, log, all)
	if dead < 20 {
		t.Errorf("%d writers died, want 20 or more, or the test shows nothing", dead)
	}
}

// Without contention a note takes 2.1 requests on average, and exactly the newest 500 are kept.
func TestLog_BeyondItsBound_IsTrimmed(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	var count inject.Counter
	store := l.Under(nil, count.Count)
	const entries = 750
	for n := range entries {
		_, err := store.AppendLog(l.ctx, id, fmt.Sprint(n), "", l.write())
		l.no(err)
		if n%100 == 0 {
			l.seal() // only sealed notes can be trimmed
		}
	}
	if average := float64(count.Take().Total()) / entries; average > 2.1 {
		t.Errorf("%.3f requests for each entry; the budget is 2.1", average)
	}
	log, err := l.Log(l.ctx, id)
	l.no(err)
	if len(log) != 500 || log[0].Text != "250" || log[499].Text != "749" {
		t.Errorf("%d entries, from %q to %q; want 500, from 250 to 749", len(log), log[0].Text, log[len(log)-1].Text)
	}
	if stored := l.count(l.Tables.Releases, "LOG#"+id); stored != 501 {
		t.Errorf("%d entries are stored after a trim, want 500 notes and the creation", stored)
	}
}

// The entries of transitions are among the notes, in the order in which they were accepted.
func TestLog_Transitions_StandWhereTheyHappened(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	say := func(text string) {
		_, err := l.AppendLog(l.ctx, id, text, "", l.write())
		l.no(err)
	}
	l.transition(id, release.Approved)
	say("one")
	l.transition(id, release.Scheduled, release.InProgress)
	say("two")
	w := l.write()
	if _, err := l.Transition(l.ctx, id, release.TransitionRequest{To: release.RolledBack, Reason: "it burns", Note: "sorry"}, w); err != nil {
		t.Fatal(err)
	}
	log, err := l.Log(l.ctx, id)
	l.no(err)
	var texts []string
	for _, e := range log {
		texts = append(texts, fmt.Sprintf("%s %s [%s]", e.ID, e.Text, e.Status))
	}
	want := []string{
		"e0 Created [planned]", "e1 planned → approved [approved]", "e1.1 one []", "e2 approved → scheduled [scheduled]",
		"e3 scheduled → in-progress [in-progress]", "e3.2 two []", "e4 in-progress → rolled-back\nReason: it burns\nNote: sorry [rolled-back]",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(texts, "\n"), strings.Join(want, "\n"))
	}
}

func TestLog_EntryWithStatus_NeedsTheCurrentOne(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	if _, err := l.AppendLog(l.ctx, id, "x", release.Planned, l.write()); err != nil {
		t.Error(err)
	}
	_, err := l.AppendLog(l.ctx, id, "x", release.Approved, l.write())
	var e *release.Error
	if !errors.As(err, &e) || e.Code != "status-not-current" || e.Status != release.Planned {
		t.Errorf("got %v, want status-not-current with the status planned", err)
	}
	if _, err := l.AppendLog(l.ctx, "REL-1999-Q1-001", "x", "", l.write()); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("a note on a release that does not exist is answered %v, want not found", err)
	}
	if log, err := l.Log(l.ctx, id); err != nil || len(log) != 2 {
		t.Errorf("the log has %d entries, want 2: %v", len(log), err)
	}
}
