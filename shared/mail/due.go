package mail

import (
	"time"

	"example.com/releases/shared/release"
)

// HeadsUpLead is how long before its window starts a release is due for heads-ups.
const HeadsUpLead = 7 * 24 * time.Hour

// Due tells whether a scheduled release is due for heads-ups: it starts in less than
// the lead, and has not begun.
func Due(r release.Release, now time.Time) bool {
	return r.Status == release.Scheduled && r.ScheduledStart != nil && now.Before(*r.ScheduledStart) && r.ScheduledStart.Sub(now) < HeadsUpLead
}

// Ahead tells whether a scheduled release's window is not over, so that it is still worth
// telling a person who was told of another window.
func Ahead(r release.Release, now time.Time) bool {
	return r.Status == release.Scheduled && r.ScheduledStart != nil && r.ScheduledEnd != nil && now.Before(*r.ScheduledEnd)
}

// NextLook is when what people were told of a scheduled release's window is next compared
// with what they should know, after a look at now; the zero time for never. Requesters of
// new tasks are informed then: at most a day later, and near the start within hours. The
// look at the start finds out whether nobody was informed; the one an hour after the end,
// that the release was left scheduled. Changes to the release itself do not wait for it.
func NextLook(r release.Release, now time.Time) time.Time {
	if r.Deleting || r.Status != release.Scheduled || r.ScheduledStart == nil || r.ScheduledEnd == nil {
		return time.Time{}
	}
	start, end := *r.ScheduledStart, *r.ScheduledEnd
	for _, at := range []time.Time{
		start.Add(-HeadsUpLead + time.Millisecond), // Due wants less than the lead
		start.Add(-6 * 24 * time.Hour), start.Add(-5 * 24 * time.Hour), start.Add(-4 * 24 * time.Hour),
		start.Add(-3 * 24 * time.Hour), start.Add(-2 * 24 * time.Hour),
		start.Add(-24 * time.Hour), start.Add(-12 * time.Hour), start.Add(-4 * time.Hour), start.Add(-time.Hour),
		start, end.Add(leftOpenAfter),
	} {
		if at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// leftOpenAfter is how long after its window a release may be scheduled before its
// manager is reminded of it.
const leftOpenAfter = time.Hour

// LeftOpen tells whether a release is still scheduled more than leftOpenAfter past its window.
func LeftOpen(r release.Release, now time.Time) bool {
	return r.Status == release.Scheduled && r.ScheduledEnd != nil && !now.Before(r.ScheduledEnd.Add(leftOpenAfter))
}
