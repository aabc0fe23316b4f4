package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// by is write by another person.
func (l *harness) by(subject string) dynamo.Write {
	w := l.write()
	w.By = release.Person{Subject: subject, Name: strings.ToUpper(subject)}
	return w
}

func (l *harness) hold(id, subject string) {
	l.t.Helper()
	_, err := l.PlaceHold(l.ctx, id, "stop, says "+subject, "", l.by(subject))
	l.no(err)
}

func (l *harness) lift(id, subject string) {
	l.t.Helper()
	l.no(l.LiftHold(l.ctx, id, subject, l.by(subject)))
}

// replayableLog returns a release's log, oldest entry first, and checks that it can be replayed.
func (l *harness) replayableLog(id string) []release.LogEntry {
	l.t.Helper()
	log, err := l.Log(l.ctx, id)
	l.no(err)
	if _, err := replay(log); err != nil {
		l.t.Errorf("the log of %s: %v", id, err)
	}
	return log
}

// A hold and a transition at the same moment, two hundred times: after a hold that was
// acknowledged there is no transition (I12), and the log has them in that order.
func TestHold_AgainstTransition_NoneAfterIt(t *testing.T) {
	l := newHarness(t)
	path := []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed}
	came := map[string]int{}
	for round := 0; round < 200; {
		id := l.release()
		for _, to := range path {
			var held, moved error
			var both sync.WaitGroup
			first, second := l.by("otto"), l.write()
			both.Go(func() {
				time.Sleep(time.Duration(round%10) * 300 * time.Microsecond) // so that sometimes one is first, sometimes the other
				_, held = l.PlaceHold(l.ctx, id, "stop", "", first)
			})
			both.Go(func() { _, moved = l.Transition(l.ctx, id, moveTo(to), second) })
			both.Wait()
			round++
			l.no(held)
			if moved != nil && !release.HasCode(moved, "held") {
				t.Fatalf("round %d: the transition is answered %v, want success or held", round, moved)
			}
			came[fmt.Sprintf("moved %v", moved == nil)]++
			log := l.replayableLog(id)
			if last := log[len(log)-1]; last.Kind != release.LogHold || !last.Hold.Placed || last.Hold.Holder != "otto" || last.Text != "stop" {
				t.Fatalf("round %d: the last entry is %+v, want the hold", round, last)
			}
			if moved == nil && log[len(log)-2].Kind != release.LogTransition {
				t.Fatalf("round %d: the log is %s, want the transition before the hold", round, kindsOf(log))
			}
			r, err := l.ReleaseWithLinks(l.ctx, id)
			if l.no(err); len(r.Release.Held) != 1 || len(r.Release.Holds) != 1 || moved != nil && r.Release.Status == to {
				t.Fatalf("round %d: the release is %+v, want it held once, and as it was if the transition was refused", round, r.Release)
			}
			if next := release.AllowedNext(r.Release.Status)[0]; next != release.RolledBack {
				if _, err := l.Transition(l.ctx, id, moveTo(next), l.write()); !release.HasCode(err, "held") {
					t.Fatalf("round %d: the transition of the held release to %s is answered %v, want held", round, next, err)
				}
			}
			l.lift(id, "otto")
			if moved != nil {
				l.transition(id, to)
			}
		}
	}
	t.Log(came)
	if len(came) != 2 {
		t.Errorf("one of the two was always first: %v", came)
	}
}

// A hold that comes between the transition's read and its write bars it: the guard is in the write.
func TestTransition_HoldInBetween_Held(t *testing.T) {
	l := newHarness(t)
	before := map[release.Status][]release.Status{
		release.Approved: nil, release.Scheduled: {release.Approved}, release.InProgress: {release.Approved, release.Scheduled},
		release.Deployed: {release.Approved, release.Scheduled, release.InProgress},
	}
	for to, path := range before {
		id := l.release()
		l.transition(id, path...)
		_, err := l.heldUp("TransactWriteItems", func() { l.hold(id, "otto") }).Transition(l.ctx, id, moveTo(to), l.write())
		if !release.HasCode(err, "held") {
			t.Errorf("to %s: %v, want held", to, err)
		}
		if log := l.replayableLog(id); len(log) != len(path)+2 {
			t.Errorf("to %s: the log is %s, want %d entries", to, kindsOf(log), len(path)+2)
		}
	}
}

// A hold does not bar a cancellation or a rollback, and a hold that comes too late for one is told
// that the release has ended.
func TestTransition_HeldRelease_CanBeCancelledAndRolledBack(t *testing.T) {
	l := newHarness(t)
	for _, path := range [][]release.Status{
		{release.Cancelled},
		{release.Approved, release.Scheduled, release.InProgress, release.RolledBack},
		{release.Approved, release.Scheduled, release.InProgress, release.Deployed, release.RolledBack},
	} {
		id := l.release(l.changes(fmt.Sprint("CHG", len(path)), 1)...)
		end := len(path) - 1
		l.transition(id, path[:end]...)
		l.hold(id, "otto")
		_, err := l.heldUp("TransactWriteItems", func() { l.transition(id, path[end]) }).PlaceHold(l.ctx, id, "late", "", l.by("mia"))
		if !release.HasCode(err, "release-ended") {
			t.Errorf("a hold after %s is answered %v, want release-ended", path[end], err)
		}
		r, ok, err := l.SettlingRelease(l.ctx, id)
		if l.no(err); !ok || r.Status != path[end] || len(r.Held) != 1 {
			t.Errorf("the release is %+v, want it %s, with one hold", r.Release, path[end])
		}
		l.lift(id, "otto")
		l.replayableLog(id)
	}
}

// A hold is placed even if a transition comes in between, and is logged after it.
func TestPlaceHold_TransitionInBetween_StandsBehindIt(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	entry, err := l.heldUp("TransactWriteItems", func() { l.transition(id, release.Approved) }).PlaceHold(l.ctx, id, "stop", "", l.by("otto"))
	l.no(err)
	if log := l.replayableLog(id); kindsOf(log) != "created transition hold" || entry.Status != release.Approved || log[2].ID != entry.ID {
		t.Errorf("the log is %s, the hold's entry %+v; want it last, with the status approved", kindsOf(log), entry)
	}
	_, err = l.PlaceHold(l.ctx, id, "stop", release.Planned, l.by("mia"))
	if !release.HasCode(err, "status-not-current") {
		t.Errorf("a hold for a status that the release has left is answered %v, want status-not-current", err)
	}
}

// A second hold by the same person replaces the text, and leaves since when it is held.
func TestPlaceHold_AgainByTheSame_ReplacesTheText(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 2)...)
	l.hold(id, "otto")
	later := l.by("otto")
	later.At = later.At.Add(time.Hour)
	_, err := l.PlaceHold(l.ctx, id, "disk full", "", later)
	l.no(err)
	r, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	if h := r.Release.Holds; len(h) != 1 || h[0].Text != "disk full" || h[0].By != "OTTO" || !h[0].Since.Before(later.At.Add(-time.Minute)) || r.Release.Revision != 3 {
		t.Errorf("the holds are %+v at revision %d; want one, with the new text and the old time, at 3", h, r.Release.Revision)
	}
	if kinds := kindsOf(l.replayableLog(id)); kinds != "created hold hold" {
		t.Errorf("the log is %s, want created hold hold", kinds)
	}
	l.listed(id, 2, true)
	l.lift(id, "otto")
	l.lift(id, "otto") // there is none any more, and nothing is written
	if kinds := kindsOf(l.replayableLog(id)); kinds != "created hold hold hold" {
		t.Errorf("the log is %s, want created and three of holds", kinds)
	}
	l.listed(id, 2, false)
}

// listed checks how both lists show a release. Their indexes project no attribute that tells of a
// hold, but changeCount, from which each hold takes a hundredth.
func (l *harness) listed(id string, changes int, held bool) {
	l.t.Helper()
	r, err := l.Release(l.ctx, id)
	l.no(err)
	for _, status := range []release.Status{"", r.Status} {
		page, _, err := l.ListReleases(l.ctx, status, 100, "")
		l.no(err)
		n := slices.IndexFunc(page, func(s release.Summary) bool { return s.ID == id })
		if n < 0 || page[n].ChangeCount != changes || page[n].Held != held {
			l.t.Errorf("in the list of %q: %+v; want %d change requests, held %v", status, page, changes, held)
		}
	}
}

// Twenty-five people place holds at once: twenty succeed, and the release names exactly these. When
// all are lifted at once, nothing is left of them.
func TestHold_TwentyFiveAtOnce_TwentyStand(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	const people = release.MaxHolds + 5
	atOnce := func(do func(subject string) error) (failed []error) {
		errs := make([]error, people)
		var all sync.WaitGroup
		for n := range people {
			all.Go(func() { errs[n] = do(fmt.Sprintf("p%02d", n)) })
		}
		all.Wait()
		return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	}
	refused := atOnce(func(subject string) error {
		_, err := l.PlaceHold(l.ctx, id, "stop", "", l.by(subject))
		return err
	})
	for _, err := range refused {
		if !release.HasCode(err, "too-many-holds") {
			t.Errorf("a hold too many is answered %v, want too-many-holds", err)
		}
	}
	r, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	var holders []string
	for _, h := range r.Release.Holds {
		holders = append(holders, h.Subject)
	}
	slices.Sort(holders)
	if len(refused) != 5 || len(r.Release.Held) != release.MaxHolds || !slices.Equal(holders, r.Release.Held) {
		t.Errorf("%d were refused, want 5; the release says it is held by %v, and the holds are of %v", len(refused), r.Release.Held, holders)
	}
	l.listed(id, 1, true)
	l.hold(id, holders[0]) // somebody who holds it already may replace the text
	if failed := atOnce(func(subject string) error { return l.LiftHold(l.ctx, id, subject, l.by("ada")) }); len(failed) > 0 {
		t.Errorf("%d could not lift: %v", len(failed), failed[0])
	}
	if got := l.stored(id, "held"); got != "" {
		t.Errorf("held is still there: %s", got)
	}
	if n, _ := l.raw(l.Tables.Releases, "REL#"+id, "M")["changeCount"].(*types.AttributeValueMemberN); n == nil || strings.TrimRight(n.Value, ".0") != "1" {
		t.Errorf("changeCount is %v, want 1", n)
	}
	l.listed(id, 1, false)
	if log := l.replayableLog(id); len(log) != 1+release.MaxHolds+1+release.MaxHolds {
		t.Errorf("%d entries, want %d: %s", len(log), 1+release.MaxHolds+1+release.MaxHolds, kindsOf(log))
	}
	l.transition(id, release.Approved)
}

// A hold is one too many if the twentieth comes in between; and there is room for it if one is lifted
// in between.
func TestPlaceHold_BoundReachedInBetween_Refused(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	for n := range release.MaxHolds - 1 {
		l.hold(id, fmt.Sprintf("p%02d", n))
	}
	place := func(meanwhile func()) error {
		_, err := l.heldUp("TransactWriteItems", meanwhile).PlaceHold(l.ctx, id, "stop", "", l.by("late"))
		return err
	}
	if err := place(func() { l.hold(id, "p19") }); !release.HasCode(err, "too-many-holds") {
		t.Errorf("got %v, want too-many-holds", err)
	}
	l.lift(id, "p19")
	l.no(place(func() { l.lift(id, "p00") }))
}

// If the same person places and lifts a hold in between, the log has the entries in the order in
// which that happened.
func TestPlaceHold_OwnPlacedAndLiftedInBetween_OneOrder(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	_, err := l.heldUp("TransactWriteItems", func() {
		l.hold(id, "otto")
		l.lift(id, "otto")
	}).PlaceHold(l.ctx, id, "again", "", l.by("otto"))
	l.no(err)
	r, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	got, err := replay(l.replayableLog(id))
	if l.no(err); got.holds["otto"] != "again" || len(r.Release.Holds) != 1 {
		t.Errorf("the log says %v, the release %v", got.holds, r.Release.Holds)
	}
}

// A hold does not bar a deletion, and a hold at the same moment leaves nothing behind but its entry.
func TestHold_AgainstDelete_NothingStays(t *testing.T) {
	l := newHarness(t)
	came := map[string]int{}
	for round := range 40 {
		id := l.release()
		l.hold(id, "mia")
		var held, deleted error
		var both sync.WaitGroup
		first, second := l.by("otto"), l.write()
		both.Go(func() {
			time.Sleep(time.Duration(round%8) * 300 * time.Microsecond)
			_, held = l.PlaceHold(l.ctx, id, "stop", "", first)
		})
		both.Go(func() { deleted = l.DeleteRelease(l.ctx, id, second) })
		both.Wait()
		l.no(deleted)
		if held != nil && !release.IsKind(held, release.KindNotFound) {
			t.Fatalf("round %d: the hold is answered %v, want success or not found", round, held)
		}
		came[fmt.Sprintf("held %v", held == nil)]++
		l.empty("REL#" + id)
		l.logOfDeleted(id)
		log, _, err := l.LogPage(l.ctx, id, release.LogHold, 100, "", true)
		if l.no(err); len(log) != 1 && held != nil || len(log) != 2 && held == nil {
			t.Fatalf("round %d: the log has %d entries of holds, and the second hold is answered %v", round, len(log), held)
		}
	}
	t.Log(came)
	if len(came) != 2 {
		t.Errorf("one of the two was always first: %v", came)
	}
}

// Holds, which take hundredths from changeCount, do not change how many change requests a release
// can have.
func TestLinkChanges_HeldRelease_BoundIsTheSame(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", release.MaxChanges+1)
	id := l.release(ids[:release.MaxChanges-1]...)
	for n := range release.MaxHolds {
		l.hold(id, fmt.Sprintf("p%02d", n))
	}
	s := l.heldUp("TransactWriteItems", func() { l.link(id, ids[release.MaxChanges-1:release.MaxChanges], nil) })
	if _, err := s.LinkChanges(l.ctx, id, ids[release.MaxChanges:], nil, l.write()); !release.HasCode(err, "too-many-changes") {
		t.Errorf("got %v, want too-many-changes", err)
	}
	l.listed(id, release.MaxChanges, true)
	l.link(id, nil, ids[:release.MaxChanges])
	l.listed(id, 0, true)
}

// Under one Idempotency-Key a hold is placed once, even if it was lifted since.
func TestPlaceHold_SameKey_Once(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	w := l.withKey("key")
	entry, err := l.PlaceHold(l.ctx, id, "stop", "", w)
	l.no(err)
	l.lift(id, w.By.Subject)
	if _, err := l.PlaceHold(l.ctx, id, "stop", "", w); !release.HasCode(err, "request-in-progress") {
		t.Errorf("again it is answered %v, want request-in-progress", err)
	}
	var answer release.LogEntry
	remembered, err := l.FindIdempotencyRecord(l.ctx, l.RecordInReleases(w))
	l.no(err)
	if through, err := remembered.Result(&answer); !through || err != nil || fmt.Sprint(answer.Hold, answer.ID, answer.Text, answer.Status) != fmt.Sprint(entry.Hold, entry.ID, entry.Text, entry.Status) {
		t.Errorf("the record has the answer %+v, want %+v as answered; %v", answer, entry, err)
	}
	if r, _ := l.Release(l.ctx, id); len(r.Held) != 0 {
		t.Errorf("the release is held by %v, want by nobody", r.Held)
	}
}

// heldOnce returns "" if a release is held by exactly these, is at a revision and has a number of
// entries in its log; otherwise what it is.
func (l *harness) heldOnce(id string, revision, entries int, holders ...string) string {
	l.t.Helper()
	r, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	log := l.replayableLog(id)
	return unless(slices.Equal(r.Release.Held, holders) && len(r.Release.Holds) == len(holders) && r.Release.Revision == revision && len(log) == entries,
		r.Release.Held, r.Release.Holds, r.Release.Revision, kindsOf(log))
}
