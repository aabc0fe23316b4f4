package mail_test

import (
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// The looks at a release, from weeks before its window until it rests.
func TestNextLook_WholeLife(t *testing.T) {
	t.Parallel()
	s := planned()
	start, end := *s.ScheduledStart, *s.ScheduledEnd
	const day = 24 * time.Hour
	want := []time.Time{
		start.Add(-7*day + time.Millisecond), start.Add(-6 * day), start.Add(-5 * day), start.Add(-4 * day), start.Add(-3 * day), start.Add(-2 * day),
		start.Add(-day), start.Add(-12 * time.Hour), start.Add(-4 * time.Hour), start.Add(-time.Hour),
		start, end.Add(time.Hour),
	}
	at := start.Add(-100 * day)
	for n, next := range want {
		if got := mail.NextLook(s.Release, at); !got.Equal(next) {
			t.Fatalf("look %d, after %v: %v, want %v", n, at, got, next)
		}
		// Somewhere in between, as a look that a change of the release causes, it is the same.
		if got := mail.NextLook(s.Release, next.Add(-time.Nanosecond)); !got.Equal(next) {
			t.Errorf("right before look %d: %v", n, got)
		}
		at = next
	}
	if got := mail.NextLook(s.Release, at); !got.IsZero() {
		t.Errorf("it does not rest: %v", got)
	}
	if first := want[0]; mail.Due(s.Release, first.Add(-time.Millisecond)) || !mail.Due(s.Release, first) {
		t.Error("the first look is not when it becomes due")
	}
}

func TestNextLook_NotScheduled_Never(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*release.Release){
		"planned":     func(r *release.Release) { r.Status = release.Planned },
		"in progress": func(r *release.Release) { r.Status = release.InProgress },
		"cancelled":   func(r *release.Release) { r.Status = release.Cancelled },
		"deleting":    func(r *release.Release) { r.Deleting = true },
		"no start":    func(r *release.Release) { r.ScheduledStart = nil },
		"no end":      func(r *release.Release) { r.ScheduledEnd = nil },
	} {
		r := planned().Release
		change(&r)
		if got := mail.NextLook(r, now); !got.IsZero() {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLeftOpen_OnlyScheduledAndAnHourAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := planned()
	late := s.ScheduledEnd.Add(time.Hour)
	if mail.LeftOpen(s.Release, late.Add(-time.Second)) || !mail.LeftOpen(s.Release, late) {
		t.Error("not an hour after the end")
	}
	s.Status = release.InProgress
	if mail.LeftOpen(s.Release, late) {
		t.Error("one that runs is not left open")
	}
}

func TestOutdated_LeftOpen_OnceItMoves(t *testing.T) {
	t.Parallel()
	s := planned()
	m := mail.Mail{Kind: string(mail.WindowOver), WindowVersion: 2}
	if why := m.Outdated(s.Release, 0, now); why != "" {
		t.Errorf("%q", why)
	}
	moved, begun := s.Release, s.Release
	moved.WindowVersion, begun.Status = 3, release.InProgress
	for _, r := range []release.Release{moved, begun, {}} {
		if m.Outdated(r, 0, now) == "" {
			t.Errorf("%s, window %d: still sent", r.Status, r.WindowVersion)
		}
	}
}
