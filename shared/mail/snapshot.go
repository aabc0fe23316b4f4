package mail

import (
	"encoding/json"
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
	row.Name, row.Address, row.Via, row.Left = who.Name, who.Address, who.Via, nil
	row.Effect, row.EffectWindow = version, n.Window
	row.Sequence = max(row.Sequence+1, version)
	if row.UID == "" {
		row.UID = s.UID
	}
	n.UID, n.Sequence = row.UID, row.Sequence
	facts, _ := json.Marshal(n.Facts) // strings always marshal
	row.Facts = string(facts)
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
	row.Effect, row.EffectWindow, row.Left = 0, Window{}, nil
	row.Sequence++
	n.UID, n.Sequence = row.UID, row.Sequence
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
