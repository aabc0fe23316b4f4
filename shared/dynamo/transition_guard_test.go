package dynamo_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// A transition whose write is held up while a note and another transition come in between changes
// nothing, whatever status the release has.
func TestTransition_AppendAndAnotherInBetween_Conflict(t *testing.T) {
	l := newHarness(t)
	life := []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed, release.RolledBack}
	for n, to := range life {
		others := []release.Status{to}
		if n < 4 {
			others = append(others, release.Cancelled)
		}
		if to == release.Deployed {
			others = append(others, release.RolledBack)
		}
		for _, other := range others {
			id := l.release()
			l.transition(id, life[:n]...)
			s := l.heldUp("TransactWriteItems", func() {
				l.appended(id)
				l.transition(id, other)
			})
			if _, err := s.Transition(l.ctx, id, moveTo(to), l.write()); !release.HasCode(err, "status-changed") {
				t.Errorf("to %s after %s came in between: %v", to, other, err)
			}
			r, err := l.Release(l.ctx, id)
			l.no(err)
			if r.Status != other || r.Epoch() != n+1 || len(r.History) != n+1 || r.History[n].To != other {
				t.Errorf("to %s after %s came in between: it is %s at epoch %d, with the history %+v", to, other, r.Status, r.Epoch(), r.History)
			}
			log, err := l.Log(l.ctx, id)
			l.no(err)
			if len(log) != n+3 {
				t.Errorf("to %s after %s came in between: the log has %d entries, want %d", to, other, len(log), n+3)
			}
		}
	}
}

// What a transition demands of the release is a condition of its write, not only checked when it
// reads.
func TestTransition_ItsDemandsFailInBetween_Refused(t *testing.T) {
	l := newHarness(t)
	for n, test := range []struct {
		what, code string
		before     []release.Status
		to         release.Status
		meanwhile  func(id, change string)
	}{
		{"a rejection", "cab-approval-missing", nil, release.Approved, func(_, change string) {
			_, err := l.Decide(l.ctx, change, release.DecisionRejected, "no", l.write())
			l.no(err)
		}},
		{"a window taken away", "window-missing", []release.Status{release.Approved}, release.Scheduled, func(id, _ string) {
			l.no(l.editRelease(l.Store, id, l.write(), func(r *release.Release) { r.ScheduledStart = nil }))
		}},
		{"a window turned round", "window-missing", []release.Status{release.Approved}, release.Scheduled, func(id, _ string) {
			l.no(l.editRelease(l.Store, id, l.write(), func(r *release.Release) {
				r.ScheduledStart, r.ScheduledEnd = r.ScheduledEnd, r.ScheduledStart
			}))
		}},
	} {
		changes := l.changes(fmt.Sprintf("CHG-%d", n), 1)
		id := l.release(changes...)
		l.transition(id, test.before...)
		s := l.heldUp("TransactWriteItems", func() { test.meanwhile(id, changes[0]) })
		if _, err := s.Transition(l.ctx, id, moveTo(test.to), l.write()); !release.HasCode(err, test.code) {
			t.Errorf("%s in between: %v, want %s", test.what, err, test.code)
		}
		if r, err := l.Release(l.ctx, id); err != nil || r.Epoch() != len(test.before) {
			t.Errorf("%s in between: it is %s, %v", test.what, r.Status, err)
		}
	}
}

// If an edit makes a release public while its transition is held up, the transition puts it into the
// public index all the same.
func TestTransition_MadePublicInBetween_IsPublished(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.transition(id, release.Approved, release.Scheduled)
	s := l.heldUp("TransactWriteItems", func() {
		l.no(l.editRelease(l.Store, id, l.write(), func(r *release.Release) { r.Public = true }))
	})
	_, err := s.Transition(l.ctx, id, moveTo(release.InProgress), l.write())
	l.no(err)
	partition, _ := l.raw(l.Tables.Releases, "REL#"+id, "M")["publicKey"].(*types.AttributeValueMemberS)
	if partition == nil || partition.Value != "running" {
		t.Errorf("the public index has it in the partition %v, want running", partition)
	}
}

// A deletion bars a transition, even one that had read the release before the deletion began.
func TestTransition_DeletionBegunInBetween_NotFound(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	s := l.heldUp("TransactWriteItems", func() { l.beginDeleting(id) })
	if _, err := s.Transition(l.ctx, id, moveTo(release.Approved), l.write()); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if epoch, _ := l.raw(l.Tables.Releases, "REL#"+id, "M")["epoch"].(*types.AttributeValueMemberN); epoch == nil || epoch.Value != "0" {
		t.Errorf("the release is at epoch %v, want 0", epoch)
	}
}

// If-Match is checked in the write, not only in the read before it.
func TestTransition_EditInBetweenWithIfMatch_PreconditionFailed(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	w := l.write()
	w.IfRevision = 1
	s := l.heldUp("TransactWriteItems", func() {
		l.no(l.editRelease(l.Store, id, l.write(), func(r *release.Release) { r.Name = "other" }))
	})
	if _, err := s.Transition(l.ctx, id, moveTo(release.Approved), w); !release.IsKind(err, release.KindPreconditionFailed) {
		t.Errorf("got %v, want precondition failed", err)
	}
	if r, err := l.Release(l.ctx, id); err != nil || r.Status != release.Planned || r.Revision != 2 {
		t.Errorf("the release is %s at revision %d, want planned at 2: %v", r.Status, r.Revision, err)
	}
}
