package dynamo_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
)

// Two clients ask for the same transition at once, two hundred times: exactly one succeeds.
func TestTransition_TwoClients_OneWins(t *testing.T) {
	l := newHarness(t)
	path := []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed, release.RolledBack}
	for round := 0; round < 200; {
		id := l.release()
		for n, to := range path {
			round++
			var errs [2]error
			var both sync.WaitGroup
			for client := range errs {
				w := l.write()
				both.Go(func() { _, errs[client] = l.Transition(l.ctx, id, moveTo(to), w) })
			}
			both.Wait()
			won := 0
			for _, err := range errs {
				if err == nil {
					won++
				} else if !release.IsKind(err, release.KindConflict) {
					t.Fatalf("round %d: the loser is told %v", round, err)
				}
			}
			r, err := l.Release(l.ctx, id)
			l.no(err)
			if won != 1 || r.Status != to || r.Epoch() != n+1 {
				t.Fatalf("round %d: %d won, %s is %s at epoch %d; want one, %s, %d", round, won, id, r.Status, r.Epoch(), to, n+1)
			}
		}
		log, err := l.Log(l.ctx, id)
		l.no(err)
		if len(log) != 1+len(path) {
			t.Fatalf("%s has %d log entries, want %d", id, len(log), 1+len(path))
		}
	}
}

// Three different transitions from in-progress at once: one succeeds, and another after it only where
// the lifecycle allows that.
func TestTransition_DifferentOnesAtOnce_OneWins(t *testing.T) {
	l := newHarness(t)
	for round := range 40 {
		id := l.release()
		l.transition(id, release.Approved, release.Scheduled, release.InProgress)
		targets := []release.Status{release.Deployed, release.RolledBack, release.Cancelled}
		errs := make([]error, len(targets))
		var all sync.WaitGroup
		for n, to := range targets {
			w := l.write()
			all.Go(func() { _, errs[n] = l.Transition(l.ctx, id, moveTo(to), w) })
		}
		all.Wait()
		r, err := l.Release(l.ctx, id)
		l.no(err)
		var accepted, history []release.Status
		for n, err := range errs {
			if err == nil {
				accepted = append(accepted, targets[n])
			}
		}
		for n, p := range r.History {
			if n >= 3 {
				history = append(history, p.To)
			}
			if p.Epoch != n+1 || n > 0 && p.From != r.History[n-1].To {
				t.Fatalf("round %d: history %+v", round, r.History)
			}
		}
		slices.Sort(accepted)
		if sorted := slices.Sorted(slices.Values(history)); !slices.Equal(sorted, accepted) {
			t.Fatalf("round %d: accepted %v, history %v", round, accepted, history)
		}
		if s := fmt.Sprint(history); s != "[deployed]" && s != "[rolled-back]" && s != "[cancelled]" && s != "[deployed rolled-back]" {
			t.Fatalf("round %d: the history ends with %v, which the lifecycle does not allow", round, history)
		}
	}
}

// A pending change request is linked, and another one rejected, while the release is being approved:
// whichever comes first, no release is approved with a change request that is not.
func TestTransition_PendingChangeLinkedMeanwhile_NotApproved(t *testing.T) {
	l := newHarness(t, testkit.WithStreams) // in which order it happened is read from the stream
	came := map[string]int{}
	for round := range 60 {
		in, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("IN-%d", round), release.DecisionApproved), l.write())
		l.no(err)
		joins, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("JOINS-%d", round), release.DecisionPending), l.write())
		l.no(err)
		id := l.release(in.ID)
		var moved, linked, decided error
		var all sync.WaitGroup
		w1, w2, w3 := l.write(), l.write(), l.write()
		all.Go(func() {
			time.Sleep(time.Duration(round%12) * 500 * time.Microsecond) // so that sometimes one is first, sometimes the other
			_, moved = l.Transition(l.ctx, id, moveTo(release.Approved), w1)
		})
		all.Go(func() { _, linked = l.LinkChanges(l.ctx, id, []string{joins.ID}, nil, w2) })
		if round%2 == 0 {
			all.Go(func() { _, decided = l.Decide(l.ctx, in.ID, release.DecisionRejected, "", w3) })
		}
		all.Wait()
		r, err := l.Release(l.ctx, id)
		l.no(err)
		came[fmt.Sprintf("approved %v, linked %v, decided %v", moved == nil, linked == nil, decided == nil)]++
		if decided != nil {
			t.Errorf("round %d: the decision failed: %v", round, decided)
		}
		if moved == nil && linked == nil {
			t.Errorf("round %d: approved although %s had been linked, or linked although approved", round, joins.ID)
		}
		want := []string{}
		if round%2 == 0 {
			want = append(want, in.ID)
		}
		if linked == nil {
			want = append(want, joins.ID)
		}
		if !slices.Equal(r.Unapproved, want) && len(r.Unapproved)+len(want) > 0 {
			t.Errorf("round %d: the guard holds %v, want %v", round, r.Unapproved, want)
		}
		if moved != nil && !release.IsKind(moved, release.KindConflict) {
			t.Errorf("round %d: the transition is answered %v, want success or a conflict", round, moved)
		}
	}
	t.Log(came)
	// A rejection after the approval is allowed, and one before it must have barred it. So the
	// stream's image of an approval has no guard.
	approvals := 0
	for _, record := range l.Stream("ReleasesTable").Read() {
		image := record.Change.NewImage
		if op, there := image["op"]; !there || op.String() != "approved" {
			continue
		}
		approvals++
		if pending, there := image["pending"]; there {
			t.Errorf("a release was approved with %v pending", pending)
		}
	}
	if approvals == 0 || approvals == 60 {
		t.Errorf("%d of 60 were approved; want some and not all, or the test shows nothing", approvals)
	}
}

// A rejection bars the approval of the release, and after the approval the next step.
func TestDecide_RejectedBeforeApproval_BarsIt(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	_, err := l.Decide(l.ctx, "CHG-000", release.DecisionRejected, "no", l.write())
	l.no(err)
	_, err = l.Transition(l.ctx, id, moveTo(release.Approved), l.write())
	if !release.HasCode(err, "cab-approval-missing") {
		t.Fatalf("got %v, want cab-approval-missing", err)
	}
	_, err = l.Decide(l.ctx, "CHG-000", release.DecisionApproved, "", l.write())
	l.no(err)
	l.transition(id, release.Approved)
	_, err = l.Decide(l.ctx, "CHG-000", release.DecisionRejected, "changed our minds", l.write())
	l.no(err)
	if r, _ := l.Release(l.ctx, id); r.Status != release.Approved || !slices.Equal(r.Unapproved, []string{"CHG-000"}) {
		t.Errorf("%s, unapproved %v; want it still approved and barred", r.Status, r.Unapproved)
	}
	if _, err := l.Transition(l.ctx, id, moveTo(release.Scheduled), l.write()); !release.HasCode(err, "cab-approval-missing") {
		t.Errorf("the next step is answered %v, want cab-approval-missing", err)
	}
}

// Sixty decisions at once leave the guard exact, and gone when all are approved.
func TestDecide_SixtyAtOnce_GuardIsExact(t *testing.T) {
	l := newHarness(t)
	const count = 60
	ids := make([]string, count)
	for n := range ids {
		c, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("CHG-%02d", n), release.DecisionPending), l.write())
		l.no(err)
		ids[n] = c.ID
	}
	id := l.release(ids...)
	decide := func(decision func(n int) release.CABDecision) {
		t.Helper()
		errs := make([]error, count)
		var all sync.WaitGroup
		for n, change := range ids {
			w := l.write()
			all.Go(func() { _, errs[n] = l.Decide(l.ctx, change, decision(n), "", w) })
		}
		all.Wait()
		for n, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", ids[n], err)
			}
		}
	}
	decide(func(n int) release.CABDecision {
		if n%3 == 0 {
			return release.DecisionRejected
		}
		return release.DecisionApproved
	})
	var want []string
	for n, change := range ids {
		if n%3 == 0 {
			want = append(want, change)
		}
	}
	now, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	if !slices.Equal(now.Release.Unapproved, want) {
		t.Errorf("the guard holds %v, want %v", now.Release.Unapproved, want)
	}
	for _, link := range now.Links {
		if link.CABApproved() == slices.Contains(want, link.ID) {
			t.Errorf("the release's copy of %s says %s", link.ID, link.ApprovalStatus)
		}
	}
	decide(func(int) release.CABDecision { return release.DecisionApproved })
	item := l.raw(l.Tables.Releases, "REL#"+id, "M")
	if left, there := item["pending"].(*types.AttributeValueMemberSS); there {
		t.Errorf("the guard is still there: %v", left.Value)
	}
	l.transition(id, release.Approved)
}

// Two releases want the same change requests at once: each goes to one of them.
func TestLinkChanges_TwoReleasesAtOnce_OneGetsIt(t *testing.T) {
	l := newHarness(t)
	for round := range 20 {
		ids := l.changes(fmt.Sprintf("R%d", round), 5)
		a, b := l.release(), l.release()
		var errs [2]error
		var both sync.WaitGroup
		for n, id := range []string{a, b} {
			w := l.write()
			both.Go(func() { _, errs[n] = l.LinkChanges(l.ctx, id, ids, nil, w) })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: the two are answered %v and %v, want one refused", round, errs[0], errs[1])
		}
		winner := a
		if errs[0] != nil {
			winner = b
		}
		for _, change := range ids {
			if c, err := l.Change(l.ctx, change); err != nil || c.ReleaseID != winner {
				t.Errorf("round %d: %s is in %q, want %s: %v", round, change, c.ReleaseID, winner, err)
			}
		}
	}
}
