package release

import (
	"cmp"
	"slices"
	"time"
)

// Published is all that the public may see of a release; whatever is not in here
// stays inside.
type Published struct {
	ID      string
	Name    string
	Version string
	Status  Status
	Start   time.Time // of the window, as planned
	End     time.Time
	Summary string

	// Happened is what became of it and when, oldest first. Events from before an
	// upgrade that introduced PublicHistory may be missing.
	Happened []PublicEvent

	// WindowVersion counts the windows; calendars take the event with the higher one.
	WindowVersion int
	// ChangedAt is when something of the above last changed, or came to be seen. It is
	// not the release's own updatedAt, which tells of edits that are nobody's business.
	ChangedAt time.Time
}

// PublicEvent is something that happened to a release and that the public may know: it
// entered a status, from scheduled on, or its window was moved. It says neither who did it
// nor why.
type PublicEvent struct {
	What Status // or Moved
	At   time.Time
	// Start and End are the window that was made known, where the event is of one.
	Start, End time.Time
}

// Moved is what a PublicEvent calls a new window of a release that stays scheduled. It is
// no status.
const Moved Status = "moved"

// mostMoves is how many moves of a window are kept for the public: the newest.
const mostMoves = 10

// Published returns what the public may see of the release; false where that is
// nothing: it never was scheduled, or it opted out. ChangedAt is left to who stores it.
func (r Release) Published() (Published, bool) {
	if !r.Public || r.WindowVersion == 0 || !r.hasWindow() || r.Deleting {
		return Published{}, false
	}
	return Published{
		ID: r.ID, Name: r.Name, Version: r.Version, Status: r.Status, Start: *r.ScheduledStart, End: *r.ScheduledEnd,
		Summary: r.PublicSummary, WindowVersion: r.WindowVersion, Happened: Happened(r.PublicHistory, r.ActualStart, r.ActualEnd, r.RolledBackAt),
	}, true
}

// Equal tells whether the public would see the same.
func (p Published) Equal(other Published) bool {
	a, b := p, other
	a.Happened, b.Happened = nil, nil
	return a.ID == b.ID && a.Name == b.Name && a.Version == b.Version && a.Status == b.Status && a.Summary == b.Summary &&
		a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.ChangedAt.Equal(b.ChangedAt) && a.WindowVersion == b.WindowVersion &&
		slices.Equal(p.Happened, other.Happened)
}

// When tells when something happened; false where it did not happen or was not kept. Of
// several moves it is the last.
func (p Published) When(what Status) (time.Time, bool) {
	for _, e := range slices.Backward(p.Happened) {
		if e.What == what {
			return e.At, true
		}
	}
	return time.Time{}, false
}

// Happened merges what is kept for the public with the release's own stamps, which items
// of every version have.
func Happened(kept []PublicEvent, start, end, back *time.Time) []PublicEvent {
	all := slices.Clone(kept)
	for _, stamp := range []struct {
		what Status
		at   *time.Time
	}{{InProgress, start}, {Deployed, end}, {RolledBack, back}} {
		if stamp.at != nil {
			all = append(all, PublicEvent{What: stamp.what, At: *stamp.at})
		}
	}
	sortEvents(all)
	return all
}

func sortEvents(all []PublicEvent) {
	order := []Status{Scheduled, Moved, InProgress, Deployed, RolledBack, Cancelled}
	slices.SortStableFunc(all, func(a, b PublicEvent) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(slices.Index(order, a.What), slices.Index(order, b.What)))
	})
}

// KeptForPublic is what the release's public history is after a write: what was kept, when
// it was scheduled and cancelled, and the move of a window that the public knew. What a
// release had done before such things were kept, or while it was not public, comes from its
// history.
func (r Release) KeptForPublic(before Release, at time.Time) []PublicEvent {
	kept := slices.Clone(before.PublicHistory)
	for _, h := range r.History {
		known := slices.ContainsFunc(kept, func(e PublicEvent) bool { return e.What == h.To })
		if h.To != Scheduled && h.To != Cancelled || known {
			continue
		}
		e := PublicEvent{What: h.To, At: h.At}
		if h.To == Scheduled && h.Epoch > before.Epoch() {
			e.Start, e.End = *r.ScheduledStart, *r.ScheduledEnd
		}
		kept = append(kept, e)
	}
	was, seen := before.Published()
	if is, _ := r.Published(); seen && was.WindowVersion != is.WindowVersion && r.Epoch() == before.Epoch() {
		kept = append(kept, PublicEvent{What: Moved, At: at.UTC().Truncate(time.Second), Start: is.Start, End: is.End})
	}
	sortEvents(kept)
	moves := 0
	for n, e := range slices.Backward(kept) {
		if e.What != Moved {
			continue
		}
		if moves++; moves > mostMoves {
			kept = slices.Delete(kept, n, n+1)
		}
	}
	return kept
}
