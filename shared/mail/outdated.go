package mail

import (
	"time"

	"example.com/releases/shared/release"
)

// Outdated says why a pending mail should not be sent any more, judged by the release
// as it is, the zero value where it is gone, and by its latest settlement's epoch, 0 for
// none; empty where it should.
func (m Mail) Outdated(r release.Release, settlement int, now time.Time) string {
	switch Kind(m.Kind) {
	case HeadsUp, Rescheduled, WindowOver, WindowFixed, WindowMoved:
		switch {
		case r.Deleting || r.Status != release.Scheduled:
			return "the release is no longer scheduled"
		case r.WindowVersion != m.WindowVersion && !m.nearEnough(r):
			return "the window has moved since"
		case Kind(m.Kind) == HeadsUp && !now.Before(*r.ScheduledStart):
			return "missed: the window has begun"
		case Kind(m.Kind) != WindowOver && !Ahead(r, now):
			return "missed: the window is over"
		}
	case Resolved, RolledBack, StaysOpen:
		if settlement == 0 || settlement != m.Number {
			return "the release has moved on since"
		}
	}
	return ""
}

// nearEnough tells whether a mail is to an owner of steps, and the window has since moved by
// less than owners are told of.
func (m Mail) nearEnough(r release.Release) bool {
	n, err := Decode(m.Snapshot)
	return err == nil && OfTeam(n.Kind) && !n.Manages && r.ScheduledStart != nil && r.ScheduledEnd != nil && near(n.Window, Window{*r.ScheduledStart, *r.ScheduledEnd})
}
