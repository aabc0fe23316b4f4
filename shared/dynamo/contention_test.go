package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// Sixty decisions, two thousand notes by fifty writers, and eight additions of change requests, all
// on one release at once: none is refused, notes stay within their budget, and the log has all of
// them that it keeps.
func TestLog_EverybodyAtOnce_NobodyIsSentAway(t *testing.T) {
	l := newHarness(t)
	var linked []string
	for n := range 60 {
		c, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("CHG-%02d", n), release.DecisionPending), l.write())
		l.no(err)
		linked = append(linked, c.ID)
	}
	more := l.changes("ADD", 32)
	id := l.release(linked...)
	var notes, decisions, scopes inject.Counter
	var working sync.WaitGroup
	failed := make([]error, 60+8)
	for n, change := range linked {
		s, w := l.Under(nil, decisions.Count), l.write()
		working.Go(func() { _, failed[n] = s.Decide(l.ctx, change, release.DecisionApproved, "note of "+change, w) })
	}
	for n, ids := range slices.Collect(slices.Chunk(more, 4)) {
		s, w := l.Under(nil, scopes.Count), l.write()
		working.Go(func() { _, failed[60+n] = s.LinkChanges(l.ctx, id, ids, nil, w) })
	}
	noting := l.Under(nil, notes.Count)
	all := l.appendAll(50, 40, func(text string) (release.LogEntry, error) {
		return noting.AppendLog(l.ctx, id, text, "", l.write())
	})
	working.Wait()
	for _, err := range failed {
		if err != nil {
			t.Error(err)
		}
	}
	for _, a := range all {
		if !a.known {
			t.Fatalf("%q was refused", a.text)
		}
	}
	each := float64(notes.Take().Total()) / float64(len(all))
	if each > 3 {
		t.Errorf("%.2f requests for each note; the budget is 3", each)
	}
	t.Logf("requests for each note %.2f, decision %.1f, addition %.1f", each, float64(decisions.Take().Total())/60, float64(scopes.Take().Total())/8)

	found := map[release.LogKind]int{}
	for cursor := ""; ; {
		page, next, err := l.LogPage(l.ctx, id, "", 100, cursor, false)
		l.no(err)
		for _, e := range page {
			if found[e.Kind]++; e.Kind == release.LogDecision && !strings.HasSuffix(e.Text, "note of "+e.ChangeRequestID) {
				t.Errorf("the log's entry about the decision on %s says %q, want its note", e.ChangeRequestID, e.Text)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	if found[release.LogNote] != release.MaxNotes || found[release.LogDecision] != 60 || found[release.LogScope] != 8 || found[release.LogCreated] != 1 {
		t.Errorf("the log has %v; want %d notes, 60 decisions, 8 scopes and the creation", found, release.MaxNotes)
	}
	var count inject.Counter
	if _, err := l.Under(nil, count.Count).Transition(l.ctx, id, moveTo(release.Approved), l.write()); err != nil || count.Take().Total() != 2 {
		t.Errorf("a transition after all that: %v; want it done in 2 requests", err)
	}
}
