package mail

import (
	"encoding/json"
	"slices"
	"time"

	"example.com/releases/shared/release"
)

// Snapshot is a release at the moment of planning.
type Snapshot struct {
	release.Release
	Gone bool // deleted, or being deleted: only those who were told know that it existed
	Now  time.Time
	UID  string // of its calendar event
	Link string // where to read more
	// Team are those who work on the release, by their keys. A requester's notice says what
	// they do in it.
	Team map[string]*Member
}

// Off tells that the release will not run any more.
func (s Snapshot) Off() bool { return s.Gone || s.Status == release.Cancelled }

// announce is a heads-up, or a rescheduling for those who knew another window.
func (s Snapshot) announce(row RecipientState, version int, pending string, who *Person) Step {
	n := s.Notice(HeadsUp, row, who.Tasks)
	if row.Known > 0 && row.Known != version {
		n.Kind, n.Before = Rescheduled, row.KnownWindow
	}
	n.Window = Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
	n.Name, n.Address = who.Name, who.Address
	n.CI, n.Unlinked = who.CI, who.Unlinked.Count
	row.Name, row.Address, row.Via, row.Left = who.Name, who.Address, who.Via, nil
	row.Effect, row.EffectWindow = version, n.Window
	row.Sequence = max(row.Sequence+1, version)
	if m := s.Team[release.AddressKey(n.Address)]; m != nil {
		n.addRole(m)
		if m.Sequence > 0 {
			row.Sequence = max(row.Sequence, m.Sequence+1) // one calendar, one event
		}
	}
	return s.stepWith(row, pending, n)
}

// stepWith is the step to a person who is told what a notice says, with the calendar event that
// their row now stands at.
func (s Snapshot) stepWith(row RecipientState, pending string, n Notice) Step {
	if row.UID == "" {
		row.UID = s.UID
	}
	n.UID, n.Sequence = row.UID, row.Sequence
	row.keepFacts(n)
	row.MailID = ID(string(n.Kind), s.ID, row.Sequence, n.Address)
	return Step{Row: row, Supersede: pending, Notice: &n}
}

// withdraw tells a person that the release will not run for them.
func (s Snapshot) withdraw(row RecipientState, pending string, who *Person, lost Listing) Step {
	tasks := lost
	if s.Off() && who != nil {
		tasks = who.Tasks
	}
	n := s.Notice(Withdrawn, row, tasks)
	n.Cancelled, n.Window = s.Off(), row.KnownWindow
	if s.Off() && who != nil {
		n.CI, n.Unlinked = who.CI, who.Unlinked.Count
	}
	if s.ActualStart != nil {
		n.Began = *s.ActualStart
	}
	row.Effect, row.EffectWindow, row.Left = 0, Window{}, nil
	row.Sequence++
	n.UID = row.UID
	if m := s.Team[release.AddressKey(n.Address)]; m != nil {
		row.Sequence = max(row.Sequence, m.Sequence+1)
		if !s.Off() {
			n.UID = "" // it still takes place, and they work on it
		}
	}
	n.Sequence = row.Sequence
	row.MailID = ID(string(n.Kind), s.ID, row.Sequence, n.Address)
	return Step{Row: row, Supersede: pending, Notice: &n}
}

// withdrawPart tells a person that some of their tasks are no longer part of the release
// while others are. The window they know, and so their calendar, stays as it is.
func (s Snapshot) withdrawPart(row RecipientState, lost Listing) Step {
	n := s.Notice(Withdrawn, row, lost)
	n.Partly, n.Window = true, row.KnownWindow
	row.Sequence++
	n.Sequence = row.Sequence
	return Step{Row: row, Notice: &n}
}

// Over is what a person is told when the release was deployed or rolled back in an epoch:
// Resolved or RolledBack, of tasks that were part of it, or StaysOpen, of those that were
// not. Whoever has the window in their calendar gets when it really took place, also where it
// was rolled back: it did take place.
func (s Snapshot) Over(kind Kind, epoch int, who *Person, row RecipientState) Notice {
	entry, tasks := s.History[epoch-1], who.Tasks
	if kind == StaysOpen {
		tasks = who.Unlinked
	}
	n := s.Notice(kind, RecipientState{Name: who.Name, Address: who.Address}, tasks)
	n.At = entry.At
	if row.Revision > 0 { // otherwise nobody has promised them anything
		n.CI, n.Unlinked = who.CI, who.Unlinked.Count
	}
	switch kind {
	case StaysOpen:
		n.Undone = entry.To == release.RolledBack
	case RolledBack:
		n.Reason = entry.Reason
		n.Unfinished = !slices.ContainsFunc(s.History[:epoch], func(h release.HistoryEntry) bool { return h.To == release.Deployed })
	}
	if took, known := tookPlace(s.Release); known && row.HasEvent() {
		n.Window, n.UID, n.Sequence = took, row.UID, row.Sequence
		for _, h := range s.History[:epoch] { // the row does not change here, so count each end of the release
			if h.To == release.Deployed || h.To == release.RolledBack {
				n.Sequence++
			}
		}
	}
	return n
}

// tookPlace is when a release that is over really took place, to the minute, as the public
// feed has it; false where that was not recorded.
func tookPlace(r release.Release) (Window, bool) {
	end := r.ActualEnd
	if end == nil {
		end = r.RolledBackAt
	}
	if r.ActualStart == nil || end == nil {
		return Window{}, false
	}
	w := Window{Start: r.ActualStart.UTC().Truncate(time.Minute), End: end.UTC().Truncate(time.Minute)}
	if !w.End.After(w.Start) {
		w.End = w.Start.Add(time.Minute) // "DTEND MUST be later than DTSTART" (RFC 5545, 3.8.2.2)
	}
	return w, true
}

// Notice is what a mail of a kind says of the release to a person, of some of their tasks.
func (s Snapshot) Notice(kind Kind, row RecipientState, tasks Listing) Notice {
	n := Notice{
		Kind: kind, ReleaseID: s.ID, Name: row.Name, Address: row.Address, Planned: s.Now.UTC().Truncate(time.Second),
		Facts: facts(s.Release, s.Link),
	}
	if s.Gone {
		_ = json.Unmarshal([]byte(row.Facts), &n.Facts) // written by us; without it the mail only says less
	}
	if s.Status == release.Cancelled && len(s.History) > 0 {
		n.At = s.History[len(s.History)-1].At
	}
	n.Tasks, n.More = tasks.tasks()
	return n
}

func facts(r release.Release, link string) Facts {
	return Facts{ReleaseName: r.Name, Version: r.Version, Manager: r.ReleaseManager, ManagerEmail: r.ReleaseManagerEmail, Link: link}
}

// Outbox is the outbox item of a notice.
func (n Notice) Outbox(number, windowVersion int) (Mail, error) {
	snapshot, err := n.Encode()
	return Mail{
		Kind: string(n.Kind), ReleaseID: n.ReleaseID, Number: number, WindowVersion: windowVersion, Recipient: n.Address, Snapshot: snapshot,
		Urgent: n.Urgent(),
	}, err
}
