package dynamo_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// edit gives a change request another title.
func (l *harness) edit(s *dynamo.Store, id, title string, w dynamo.Write) (release.Change, error) {
	return s.UpdateChange(l.ctx, id, func(c release.Change) (release.Change, error) {
		c.Title = title
		return c, nil
	}, w)
}

// agree checks that a change request, the release's copy of it, and the release's guard (`pending`)
// say the same. It returns the change request.
func (l *harness) agree(releaseID, id string) release.Change {
	l.t.Helper()
	c, err := l.Change(l.ctx, id)
	l.no(err)
	now, err := l.ReleaseWithLinks(l.ctx, releaseID)
	l.no(err)
	n := slices.IndexFunc(now.Links, func(k release.LinkedChange) bool { return k.ID == id })
	if n < 0 || now.Links[n] != c.Link() {
		l.t.Errorf("%s says %+v of %s, which is %+v", releaseID, now.Links, id, c.Link())
	}
	if slices.Contains(now.Release.Unapproved, id) == c.CABApproved() {
		l.t.Errorf("the guard holds %v, and %s is %s", now.Release.Unapproved, id, c.CABDecision)
	}
	return c
}

// An edit of what was approved takes the approval away, on the change request, on its release and
// in the guard. Editing it back does not restore the approval; the CAB's next decision does.
func TestUpdateChange_ApprovedAndEdited_BlocksItsRelease(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	blocked := func(when string) {
		t.Helper()
		if _, err := l.Transition(l.ctx, id, moveTo(release.Approved), l.write()); !release.HasCode(err, "cab-approval-missing") {
			t.Errorf("%s: the release's approval is answered %v, want cab-approval-missing", when, err)
		}
	}
	c, err := l.edit(l.Store, "CHG-000", "Another", l.write())
	l.no(err)
	if c.CABDecision != release.DecisionPending || c.ApprovalStatus != release.ApprovalPending || c.Voided == nil || c.Voided.By != "Ada" {
		t.Errorf("the edit answers %+v, want it pending, the approval voided by Ada", c)
	}
	l.agree(id, "CHG-000")
	if op := l.stored(id, "op"); op != "decide" {
		t.Errorf("the release's op is %s, want decide", op)
	}
	blocked("edited")
	_, err = l.edit(l.Store, "CHG-000", "", l.write())
	l.no(err)
	if c := l.agree(id, "CHG-000"); c.CABApproved() {
		t.Error("editing it back has approved it again")
	}
	blocked("edited back")
	l.decide("CHG-000", release.DecisionApproved)
	if c := l.agree(id, "CHG-000"); c.Voided != nil {
		t.Errorf("after the CAB's decision it is still voided: %+v", c.Voided)
	}
	l.transition(id, release.Approved)
}

// An edit of white space does not change what was approved: the approval stays, and the release's
// op is not the one that wakes the consumers of decisions.
func TestUpdateChange_WhiteSpace_ApprovalStays(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	c, err := l.edit(l.Store, "CHG-000", "  ", l.write())
	l.no(err)
	if !c.CABApproved() || c.Voided != nil || l.stored(id, "op") != "patch" {
		t.Errorf("it is %+v, and the op is %s; want it approved, and patch", c, l.stored(id, "op"))
	}
	l.agree(id, "CHG-000")
}

// An edit and a decision of one change request at the same moment, 200 times: whichever comes
// first, the change request, its release and the guard agree, and nothing is approved but what the
// CAB decided on.
func TestUpdateChange_DecidedAtTheSameMoment_NothingElseIsApproved(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	came := map[string]int{}
	for round := range 200 {
		decision := release.DecisionApproved
		if round%5 == 4 {
			decision = release.DecisionRejected
		}
		var edited, decided release.Change
		var errs [2]error
		var both sync.WaitGroup
		w1, w2 := l.write(), l.write()
		late := time.Duration(round%40-20) * time.Millisecond / 4 // so that sometimes one is first, sometimes the other
		both.Go(func() {
			time.Sleep(late)
			edited, errs[0] = l.edit(l.Store, "CHG-000", fmt.Sprintf("round %d", round), w1)
		})
		both.Go(func() {
			time.Sleep(-late)
			decided, errs[1] = l.Decide(l.ctx, "CHG-000", decision, "", w2)
		})
		both.Wait()
		for _, err := range errs {
			l.no(err)
		}
		c := l.agree(id, "CHG-000")
		editedLast := edited.Revision > decided.Revision
		came[fmt.Sprintf("%s, edited last %t", decision, editedLast)]++
		want := decision
		if editedLast && decision == release.DecisionApproved {
			want = release.DecisionPending
		}
		if c.CABDecision != want || c.CABApproved() && c.Digest() != decided.Digest() || (c.Voided != nil) != (want == release.DecisionPending) {
			t.Fatalf("round %d: it is %s, voided %+v, want %s; its digest is %s, that of the decision %s", round, c.CABDecision, c.Voided, want, c.Digest(), decided.Digest())
		}
		if round%10 > 0 {
			continue
		}
		decisions, err := l.Decisions(l.ctx, c)
		l.no(err)
		if newest := decisions[0]; len(decisions) != min(round+1, 50) || newest.Decision != decision || newest.Digest != decided.Digest() ||
			c.CABApproved() && newest.Digest != c.Digest() {
			t.Fatalf("round %d: %d decisions, the newest %+v; want %d, the newest %s on %s", round, len(decisions), newest, min(round+1, 50), decision, decided.Digest())
		}
	}
	t.Log(came)
	log := l.changeLog("CHG-000", "", 100)
	for kind, want := range map[release.LogKind]int{
		release.LogCreated: 1, release.LogEdit: 200, release.LogDecision: 200,
	} {
		if got := len(slices.DeleteFunc(slices.Clone(log), func(e release.LogEntry) bool { return e.Kind != kind })); got != want {
			t.Errorf("%d entries of kind %s, want %d", got, kind, want)
		}
	}
	// A decision has the digest of the text at that time, which the entry before it has, too.
	current := ""
	for _, e := range slices.Backward(log) {
		if e.Kind == release.LogDecision && e.Digest != current {
			t.Fatalf("a decision has the digest %s, want that of the entry before it, %s", e.Digest, current)
		}
		current = e.Digest
	}
	if len(came) != 4 {
		t.Errorf("not every order was seen, want four: %v", came)
	}
}

// An edit of what was approved, while the release becomes in-progress: either the edit was first
// and bars the transition, or the transition was first and the edit is refused.
func TestUpdateChange_ReleaseBeginsAtTheSameMoment_OneOfThemWins(t *testing.T) {
	l := newHarness(t)
	came := map[string]int{}
	for round := range 40 {
		change := l.changes(fmt.Sprintf("R%d", round), 1)[0]
		id := l.release(change)
		l.transition(id, release.Approved, release.Scheduled)
		var edited, moved error
		var both sync.WaitGroup
		w1, w2 := l.write(), l.write()
		late := time.Duration(round-20) * time.Millisecond / 2 // so that sometimes one is first, sometimes the other
		both.Go(func() {
			time.Sleep(late)
			_, edited = l.edit(l.Store, change, "Another", w1)
		})
		both.Go(func() {
			time.Sleep(-late)
			_, moved = l.Transition(l.ctx, id, moveTo(release.InProgress), w2)
		})
		both.Wait()
		c := l.agree(id, change)
		switch {
		case edited == nil && release.HasCode(moved, "cab-approval-missing") && !c.CABApproved():
			came["the edit"]++
		case release.HasCode(edited, "change-frozen") && moved == nil && c.CABApproved():
			came["the release"]++
		default:
			t.Fatalf("round %d: the edit is answered %v, the transition %v, and the change request is %s; want one of them refused", round, edited, moved, c.CABDecision)
		}
	}
	t.Log(came)
	if len(came) != 2 {
		t.Errorf("one of them always won: %v", came)
	}
}

// If the release begins between the edit's read and its write, the edit reads again and is refused.
func TestUpdateChange_ReleaseBeganInBetween_Frozen(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	l.transition(id, release.Approved, release.Scheduled)
	s := l.heldUp("TransactWriteItems", func() { l.transition(id, release.InProgress) })
	if _, err := l.edit(s, "CHG-000", "Another", l.write()); !release.HasCode(err, "change-frozen") {
		t.Errorf("got %v, want change-frozen", err)
	}
	if c := l.agree(id, "CHG-000"); c.Title != "" || !c.CABApproved() {
		t.Errorf("it is %+v, want it unchanged and approved", c)
	}
	// White space does not change what was approved, so it is not frozen.
	_, err := l.edit(l.Store, "CHG-000", " ", l.write())
	l.no(err)
}

// After the deployment a change request can be edited and stays approved. If the release is rolled
// back, it is freed without its approval.
func TestUpdateChange_DeployedAndRolledBack_GivenBackUnapproved(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 2)...)
	l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	follow := func(change string) release.Change {
		t.Helper()
		c, err := l.Change(l.ctx, change)
		l.no(err)
		r, _, err := l.SettlingRelease(l.ctx, id)
		l.no(err)
		c, _, err = l.FollowRelease(l.ctx, c, r.Release)
		l.no(err)
		stored, err := l.Change(l.ctx, change)
		l.no(err)
		if stored.CABDecision != c.CABDecision || stored.Revision != c.Revision {
			t.Errorf("FollowRelease answers %+v, and stored is %+v; want the same", c, stored)
		}
		return stored
	}
	follow("CHG-000")
	c, err := l.edit(l.Store, "CHG-000", "Another", l.write())
	l.no(err)
	if !c.CABApproved() || c.Status != release.ChangeResolved {
		t.Errorf("edited in a deployed release it is %+v, want it approved and resolved", c)
	}
	l.agree(id, "CHG-000")
	l.transition(id, release.RolledBack)
	if c := follow("CHG-000"); c.CABApproved() || c.ReleaseID != "" || c.Voided == nil || c.Voided.By != "Ada" {
		t.Errorf("the one that was edited is freed as %+v, want it voided by Ada", c)
	}
	if c := follow("CHG-001"); !c.CABApproved() || c.ReleaseID != "" || c.Voided != nil {
		t.Errorf("the one that was not edited is freed as %+v, want it approved", c)
	}
	other := l.release("CHG-000")
	if _, err := l.Transition(l.ctx, other, moveTo(release.Approved), l.write()); !release.HasCode(err, "cab-approval-missing") {
		t.Errorf("the approval of the next release is answered %v, want cab-approval-missing", err)
	}
}

// A release that has ended, or is being deleted, does not bar an edit of its change request, and
// the edit takes the approval away.
func TestUpdateChange_BeingGivenBack_Voided(t *testing.T) {
	for name, end := range map[string]func(l *harness, id string){
		"cancelled":     func(l *harness, id string) { l.transition(id, release.Cancelled) },
		"being deleted": func(l *harness, id string) { l.beginDeleting(id) },
	} {
		l := newHarness(t)
		id := l.release(l.changes("CHG", 1)...)
		end(l, id)
		c, err := l.edit(l.Store, "CHG-000", "Another", l.write())
		if err != nil || c.CABApproved() || c.Voided == nil {
			t.Errorf("in a release that is %s the edit answers %+v, %v; want it voided", name, c, err)
		}
	}
}

// With separate duties nobody decides on a change request that they edited last, even if the edit
// comes between the read and the write of the decision.
func TestDecide_SeparateDuties_Conflict(t *testing.T) {
	l := newHarness(t)
	c := newChange("CHG-1", release.DecisionPending)
	c.CreatedBySubject = "u2"
	_, err := l.CreateChange(l.ctx, c, l.write())
	l.no(err)
	separate := func() dynamo.Write {
		w := l.write()
		w.SeparateDuties = true
		return w
	}
	// Ada, who decides, edits it a moment before.
	s := l.heldUp("TransactWriteItems", func() {
		_, err := l.edit(l.Store, "CHG-1", "Another", l.write())
		l.no(err)
	})
	if _, err := s.Decide(l.ctx, "CHG-1", release.DecisionApproved, "", separate()); !release.HasCode(err, "own-change") {
		t.Errorf("got %v, want own-change", err)
	}
	if now, err := l.Change(l.ctx, "CHG-1"); err != nil || now.CABApproved() {
		t.Errorf("it is %+v, %v; want it not approved", now, err)
	}
	_, err = l.Decide(l.ctx, "CHG-1", release.DecisionApproved, "", l.write())
	l.no(err)
}

// The approval stores what was approved, from which the release tells what has changed since.
func TestTransition_Approved_KeepsWhatWasApproved(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.renameRelease(id, "Summer")
	l.transition(id, release.Approved)
	changed := func() []string {
		t.Helper()
		r, err := l.Release(l.ctx, id)
		l.no(err)
		return r.ChangedSinceApproval()
	}
	if got := changed(); got != nil {
		t.Errorf("just approved, it has changed in %v, want nothing", got)
	}
	l.renameRelease(id, "Autumn")
	l.transition(id, release.Scheduled)
	if got := changed(); !slices.Equal(got, []string{"name"}) {
		t.Errorf("renamed, it has changed in %v, want the name", got)
	}
	l.renameRelease(id, "Summer")
	if got := changed(); got != nil {
		t.Errorf("renamed back, it has changed in %v, want nothing", got)
	}
}
