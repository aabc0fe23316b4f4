package release

import "time"

// Published is all that the public may see of a release; whatever is not in here
// stays inside.
type Published struct {
	ID      string
	Name    string
	Version string
	Status  Status
	Start   time.Time
	End     time.Time
	Summary string

	// WindowVersion counts the windows; calendars take the event with the higher one.
	WindowVersion int
	// ChangedAt is when something of the above last changed, or came to be seen. It is
	// not the release's own updatedAt, which tells of edits that are nobody's business.
	ChangedAt time.Time
}

// Published returns what the public may see of the release; false where that is
// nothing: it never was scheduled, or it opted out. ChangedAt is left to who stores it.
func (r Release) Published() (Published, bool) {
	if !r.Public || r.WindowVersion == 0 || !r.hasWindow() || r.Deleting {
		return Published{}, false
	}
	return Published{
		ID: r.ID, Name: r.Name, Version: r.Version, Status: r.Status, Start: *r.ScheduledStart, End: *r.ScheduledEnd,
		Summary: r.PublicSummary, WindowVersion: r.WindowVersion,
	}, true
}
