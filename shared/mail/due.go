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

// Ahead tells whether a scheduled release's window is not over, so that a person who
// was told of another window still has something from hearing of this one.
func Ahead(r release.Release, now time.Time) bool {
	return r.Status == release.Scheduled && r.ScheduledStart != nil && r.ScheduledEnd != nil && now.Before(*r.ScheduledEnd)
}

// Outdated says why a pending mail should not be sent any more, judged by the release
// as it is, the zero value where it is gone, and by its latest settlement's epoch, 0 for
// none; empty where it should.
func (m Mail) Outdated(r release.Release, settlement int, now time.Time) string {
	switch Kind(m.Kind) {
	case HeadsUp, Rescheduled:
		switch {
		case r.Deleting || r.Status != release.Scheduled:
			return "the release is no longer scheduled"
		case r.WindowVersion != m.WindowVersion:
			return "the window has moved since"
		case Kind(m.Kind) == HeadsUp && !now.Before(*r.ScheduledStart):
			return "missed: the window has begun"
		case !Ahead(r, now):
			return "missed: the window is over"
		}
	case Resolved, RolledBack:
		if settlement == 0 || settlement != m.Number {
			return "the release has moved on since"
		}
	}
	return ""
}
