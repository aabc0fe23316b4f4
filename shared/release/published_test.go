package release

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// eventsText lists what the public reads of a release's events, with their minute.
func eventsText(events []PublicEvent) string {
	var all []string
	for _, e := range events {
		all = append(all, string(e.What)+" "+e.At.Format("15:04"))
	}
	return strings.Join(all, ", ")
}

func minute(n int) time.Time { return now.Add(time.Duration(n) * time.Minute) }

func TestPublished_OnlyWhatWasScheduledAndIsNotOptedOut(t *testing.T) {
	sound := complete(Scheduled)
	sound.Public, sound.WindowVersion = true, 1
	if p, seen := sound.Published(); !seen || p.ID != sound.ID || p.WindowVersion != 1 {
		t.Errorf("%v %+v", seen, p)
	}
	for what, hide := range map[string]func(*Release){
		"opted out": func(r *Release) { r.Public = false }, "never scheduled": func(r *Release) { r.WindowVersion = 0 },
		"no window": func(r *Release) { r.ScheduledEnd = nil }, "being deleted": func(r *Release) { r.Deleting = true },
	} {
		r := sound
		hide(&r)
		if p, seen := r.Published(); seen {
			t.Errorf("%s: %+v", what, p)
		}
	}
}

// What happened is told in the order of time; of one instant, in the order of a release's life.
func TestHappened_StampsAndWhatWasKept_InOrder(t *testing.T) {
	one, two, three := minute(1), minute(2), minute(3)
	kept := []PublicEvent{{What: Cancelled, At: one}, {What: Moved, At: one}, {What: Scheduled, At: one}}
	if got, want := eventsText(Happened(kept, &one, &one, &one)), "scheduled 22:01, moved 22:01, in-progress 22:01, deployed 22:01, rolled-back 22:01, cancelled 22:01"; got != want {
		t.Errorf("at once: %s, want %s", got, want)
	}
	if got, want := eventsText(Happened(kept[2:], &one, &two, &three)), "scheduled 22:01, in-progress 22:01, deployed 22:02, rolled-back 22:03"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := eventsText(Happened(nil, nil, nil, nil)); got != "" {
		t.Error(got)
	}
}

func TestKeptForPublic_ScheduledMovedCancelled(t *testing.T) {
	r := complete(Approved)
	r.Public, r.History = true, []HistoryEntry{{Epoch: 1, To: Approved, At: minute(0)}}
	scheduled, err := r.Advance(TransitionRequest{To: Scheduled}, Stamp{At: minute(1)})
	if err != nil {
		t.Fatal(err)
	}
	scheduled.PublicHistory = scheduled.KeptForPublic(r, minute(1))
	if e := scheduled.PublicHistory; eventsText(e) != "scheduled 22:01" || !e[0].Start.Equal(*r.ScheduledStart) || !e[0].End.Equal(*r.ScheduledEnd) {
		t.Errorf("scheduled: %+v", e)
	}
	// An earlier version kept nothing: when it was is known, what the window was then is not.
	older := scheduled
	older.PublicHistory = nil
	if e := older.KeptForPublic(older, minute(5)); eventsText(e) != "scheduled 22:01" || !e[0].Start.IsZero() {
		t.Errorf("of an earlier version: %+v", e)
	}
	moved := scheduled
	for n := range 12 {
		before := moved
		later := moved.ScheduledEnd.Add(time.Minute)
		moved.ScheduledEnd, moved.WindowVersion = &later, moved.WindowVersion+1
		moved.PublicHistory = moved.KeptForPublic(before, minute(2+n))
		want := min(n+1, 10) // the newest ten
		if got := slices.DeleteFunc(slices.Clone(moved.PublicHistory), func(e PublicEvent) bool { return e.What != Moved }); len(got) != want || !got[want-1].At.Equal(minute(2+n)) || !got[want-1].End.Equal(later) {
			t.Errorf("after %d moves: %s", n+1, eventsText(moved.PublicHistory))
		}
	}
	cancelled, err := moved.Advance(TransitionRequest{To: Cancelled}, Stamp{At: minute(30)})
	if err != nil {
		t.Fatal(err)
	}
	if got := eventsText(cancelled.KeptForPublic(moved, minute(30))); !strings.HasPrefix(got, "scheduled 22:01, moved 22:04, ") || !strings.HasSuffix(got, ", moved 22:13, cancelled 22:30") {
		t.Error(got)
	}
}

// What failed inside may have changed something; what was refused has not.
func TestFail_EachKind_SaysWhetherAnythingChanged(t *testing.T) {
	for kind := KindInternal; kind <= KindUnavailable; kind++ {
		want := OutcomeUnchanged
		if kind == KindInternal || kind == KindUnavailable || kind == KindThrottled {
			want = OutcomeUnknown
		}
		if got := Fail(kind, "code", "detail").Outcome; got != want {
			t.Errorf("kind %v: %v, want %v", kind, got, want)
		}
	}
}

func TestMarkdown_LineBreaksAndTabs_AreSpaces(t *testing.T) {
	if got := markdown("one\ntwo\rthree\tfour"); got != "one two three four" {
		t.Errorf("%q", got)
	}
}
