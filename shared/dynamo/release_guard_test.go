package dynamo_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// scopeWrites are the writes to a release that has CHG-000, while CHG-001 is free.
var scopeWrites = map[string]func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error{
	"add": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		_, err := s.LinkChanges(l.ctx, id, []string{"CHG-001"}, nil, w)
		return err
	},
	"remove": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		_, err := s.LinkChanges(l.ctx, id, nil, []string{"CHG-000"}, w)
		return err
	},
	"decide": func(l *harness, s *dynamo.Store, _ string, w dynamo.Write) error {
		_, err := s.Decide(l.ctx, "CHG-000", release.DecisionRejected, "", w)
		return err
	},
	"append": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		_, err := s.AppendLog(l.ctx, id, "x", release.Planned, w)
		return err
	},
	"edit": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		return l.editRelease(s, id, w, func(r *release.Release) { r.Name = "edited" })
	},
	"hold": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		_, err := s.PlaceHold(l.ctx, id, "stop", "", w)
		return err
	},
	"delete": func(l *harness, s *dynamo.Store, id string, w dynamo.Write) error {
		return s.DeleteRelease(l.ctx, id, w)
	},
}

// turnOf returns the operation in which a write meets its guard. For a note that is the update that
// takes a number from the log's counter: a deletion removes the counter, and a transition writes the
// status to it.
func turnOf(write string) string {
	if write == "append" {
		return "UpdateItem"
	}
	return "TransactWriteItems"
}

// logOfDeleted checks that the log of a deleted release begins with its creation and ends with its
// deletion, and is only shown to those who may read logs of deleted releases.
func (l *harness) logOfDeleted(id string) {
	l.t.Helper()
	log, _, err := l.LogPage(l.ctx, id, "", 100, "", true)
	l.no(err)
	if len(log) < 2 || log[0].Kind != release.LogDeleted || log[len(log)-1].Kind != release.LogCreated {
		l.t.Errorf("the log of the deleted release is %+v", log)
	}
	if _, _, err := l.LogPage(l.ctx, id, "", 100, "", false); !release.IsKind(err, release.KindNotFound) {
		l.t.Errorf("somebody who may not read logs of deleted releases is answered %v, want not found", err)
	}
}

// A deletion that begins while another write is held up bars that write, which is answered as for a
// release that is gone.
func TestReleaseWrites_DeletionBegunInBetween_Refused(t *testing.T) {
	for name, run := range scopeWrites {
		if name == "delete" {
			continue // see TestDeleteRelease_AnotherBegunInBetween_ContinuesIt
		}
		l := newHarness(t)
		l.changes("CHG", 2)
		id := l.release("CHG-000")
		err := run(l, l.heldUp(turnOf(name), func() { l.beginDeleting(id) }), id, l.write())
		if name == "decide" && !release.HasCode(err, "settling") || name != "decide" && !release.IsKind(err, release.KindNotFound) {
			t.Errorf("%s: %v, want not found (decide: settling)", name, err)
		}
		if got := l.stored(id, "op") + " " + l.stored(id, "revision"); got != "delete 2" {
			t.Errorf("%s: the release says %s, want what the deletion has left: delete 2", name, got)
		}
		l.no(l.ResumeDeleting(l.ctx, id, l.write().Stamp))
		l.empty("REL#" + id)
		l.logOfDeleted(id)
	}
}

// A second deletion goes on with the first and does not begin another.
func TestDeleteRelease_AnotherBegunInBetween_ContinuesIt(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	marked, first := 0, true
	s := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if call.Operation != "TransactWriteItems" {
			return do(ctx)
		}
		if first {
			first = false
			l.beginDeleting(id)
		}
		err := do(ctx)
		if err == nil {
			marked++
		}
		return err
	}, nil)
	l.no(s.DeleteRelease(l.ctx, id, l.write()))
	if marked != 0 {
		t.Errorf("the second deletion marked the release as well, %d times", marked)
	}
	l.empty("REL#" + id)
}

// What a write may do depends on the release's status, and this is a condition of the write.
func TestReleaseWrites_TransitionInBetween_Refused(t *testing.T) {
	life := []release.Status{release.Approved, release.Scheduled, release.InProgress}
	for _, test := range []struct {
		name   string
		before int // how far the release is
		then   []release.Status
		code   string
	}{
		{"add", 0, life[:1], "not-linkable"}, // CHG-001 is not approved
		{"remove", 2, life[2:], "scope-frozen"},
		{"decide", 2, life[2:], "decision-frozen"},
		{"append", 0, life[:1], "status-not-current"},
		{"delete", 0, life[:1], "not-deletable"},
	} {
		l := newHarness(t)
		l.changes("CHG", 1)
		_, err := l.CreateChange(l.ctx, newChange("CHG-001", release.DecisionPending), l.write())
		l.no(err)
		id := l.release("CHG-000")
		l.transition(id, life[:test.before]...)
		err = scopeWrites[test.name](l, l.heldUp(turnOf(test.name), func() { l.transition(id, test.then...) }), id, l.write())
		if !release.HasCode(err, test.code) {
			t.Errorf("%s: %v, want %s", test.name, err, test.code)
		}
		l.wantLinks(id, []string{"CHG-000"})
	}
}

// If-Match is checked in the write, not only in the read before it.
func TestReleaseWrites_EditInBetweenWithIfMatch_PreconditionFailed(t *testing.T) {
	for name, run := range scopeWrites {
		if name == "decide" {
			continue // its If-Match is of the change request
		}
		l := newHarness(t)
		l.changes("CHG", 2)
		id := l.release("CHG-000")
		w := l.write()
		w.IfRevision = 1
		if err := run(l, l.heldUp("TransactWriteItems", func() { l.renameRelease(id, "other") }), id, w); !release.IsKind(err, release.KindPreconditionFailed) {
			t.Errorf("%s: %v, want precondition failed", name, err)
		}
		if r, err := l.Release(l.ctx, id); err != nil || r.Revision != 2 || r.Name != "other" {
			t.Errorf("%s: the release is %s at revision %d, want other at 2: %v", name, r.Name, r.Revision, err)
		}
		l.wantLinks(id, []string{"CHG-000"})
	}
}

// Two edits at once: the later one sees the earlier.
func TestUpdateRelease_AnotherEditInBetween_SeesIt(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	s := l.heldUp("TransactWriteItems", func() { l.renameRelease(id, "other") })
	l.no(l.editRelease(s, id, l.write(), func(r *release.Release) { r.Version = "2" }))
	if r, err := l.Release(l.ctx, id); err != nil || r.Name != "other" || r.Version != "2" || r.Revision != 3 {
		t.Errorf("the release is %s %s at revision %d, want other 2 at 3: %v", r.Name, r.Version, r.Revision, err)
	}
}

// Two additions that together exceed the bound of change requests are not both accepted.
func TestLinkChanges_AnotherFillsTheReleaseInBetween_Refused(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", release.MaxChanges+1)
	id := l.release(ids[:release.MaxChanges-1]...)
	s := l.heldUp("TransactWriteItems", func() { l.link(id, ids[release.MaxChanges-1:release.MaxChanges], nil) })
	if _, err := s.LinkChanges(l.ctx, id, ids[release.MaxChanges:], nil, l.write()); !release.HasCode(err, "too-many-changes") {
		t.Errorf("got %v, want too-many-changes", err)
	}
	l.wantLinks(id, ids[:release.MaxChanges])
}

// If the counter of releases is behind (because it was restored, say), a new release does not replace
// an old one with the same id.
func TestCreateRelease_NumberInUse_OldOneStays(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	_, err := l.Client.DeleteItem(l.ctx, &dynamodb.DeleteItemInput{TableName: &l.Tables.Releases, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "COUNTER#2026-Q2"}, "sk": &types.AttributeValueMemberS{Value: "M"},
	}})
	l.no(err)
	r, _ := planOf()
	ctx, cancel := context.WithTimeout(l.ctx, 200*time.Millisecond) // it takes the number for a conflict, and tries again
	defer cancel()
	if _, err := l.CreateRelease(ctx, r, nil, l.write()); err == nil {
		t.Error("a second release with the id was created")
	}
	l.wantLinks(id, []string{"CHG-000"})
}

// A cancellation settles the change requests that are linked when it is written, not when it read.
func TestTransition_ScopeChangesInBetween_SettlesWhatIsLinked(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 4)
	for _, test := range []struct {
		linked, add, remove []string
		want                []string
	}{
		{nil, []string{"CHG-000"}, nil, []string{"CHG-000"}},
		{[]string{"CHG-001"}, nil, []string{"CHG-001"}, nil},
		{[]string{"CHG-002"}, []string{"CHG-003"}, []string{"CHG-002"}, []string{"CHG-003"}},
	} {
		id := l.release(test.linked...)
		s := l.heldUp("TransactWriteItems", func() { l.link(id, test.add, test.remove) })
		_, err := s.Transition(l.ctx, id, moveTo(release.Cancelled), l.write())
		l.no(err)
		r, ok, err := l.SettlingRelease(l.ctx, id)
		l.no(err)
		if !ok || !slices.Equal(r.Settling.Unsettled, test.want) || r.Finished != (test.want == nil) {
			t.Errorf("it settles %+v, finished %v; want %v", r.Settling, r.Finished, test.want)
		}
	}
}

// The guards rest on this: whatever happens to a change request or a release raises its revision. So
// a write with a condition on the revision that it read needs no other condition.
func TestRevisions_EveryWriteOfAPersonOrASettlement_RaisesThem(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.release()
	other := l.release()
	revisions := func() (ofRelease, ofChange int) {
		c, err := l.Change(l.ctx, "CHG-000")
		l.no(err)
		n, err := strconv.Atoi(l.stored(id, "revision"))
		l.no(err)
		return n, c.Revision
	}
	follow := func(id string) func() {
		return func() {
			c, err := l.Change(l.ctx, "CHG-000")
			l.no(err)
			r, _, err := l.SettlingRelease(l.ctx, id)
			l.no(err)
			_, moved, err := l.FollowRelease(l.ctx, c, r.Release)
			if l.no(err); !moved {
				t.Error("the change request did not follow")
			}
		}
	}
	for _, step := range []struct {
		what            string
		do              func()
		release, change int // by how much
	}{
		{"link", func() { l.link(id, []string{"CHG-000"}, nil) }, 1, 1},
		{"edit the request", func() { l.retitle("CHG-000", "t") }, 1, 1},
		{"decide", func() { l.decide("CHG-000", release.DecisionApproved) }, 1, 1},
		{"edit the release", func() { l.renameRelease(id, "n") }, 1, 0},
		{"hold", func() { l.hold(id, "otto") }, 1, 0},
		{"lift", func() { l.lift(id, "otto") }, 1, 0},
		{"remove", func() { l.link(id, nil, []string{"CHG-000"}) }, 1, 1},
		{"link again", func() { l.link(id, []string{"CHG-000"}, nil) }, 1, 1},
		{"move", func() { l.transition(id, release.Approved) }, 1, 0},
		{"cancel", func() { l.transition(id, release.Cancelled) }, 1, 0},
		{"follow", follow(id), 0, 1},
		{"link elsewhere", func() { l.link(other, []string{"CHG-000"}, nil) }, 0, 1},
		{"deletion of another", func() { l.no(l.DeleteRelease(l.ctx, other, l.write())) }, 0, 1},
		{"deletion begun", func() { l.beginDeleting(id) }, 1, 0},
	} {
		r, c := revisions()
		step.do()
		if nowR, nowC := revisions(); nowR-r != step.release || nowC-c != step.change {
			t.Errorf("%s raises the release's revision by %d and the request's by %d; want %d and %d", step.what, nowR-r, nowC-c, step.release, step.change)
		}
	}
}
