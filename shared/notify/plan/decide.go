package plan

import (
	"encoding/json"
	"slices"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// snapshot is a release at the moment of planning.
type snapshot struct {
	release.Release
	gone bool // deleted, or being deleted: only those told know that it was there
	now  time.Time
	uid  string
	link string
}

// off tells that the release will not run any more.
func (s snapshot) off() bool { return s.gone || s.Status == release.Cancelled }

// step is what is to be written for one person: their row and, with it, a mail that is
// superseded and one that is new, where there are such.
type step struct {
	row       mail.RecipientState
	supersede string
	notice    *mail.Notice
}

// decide says what must be done so that a person knows what they should of a release's
// window; false where they do. It is a pure function of what was read: asked again, it
// says the same until something changes.
//
// row is what the person was told, the zero value but for its key where that is
// nothing; latest is the state of row.MailID; who is nil where no open task of theirs
// is touched any more; lost are their open tasks that only dropped change requests
// touch.
func (s snapshot) decide(row mail.RecipientState, latest mail.State, who *person, lost []release.Task) (step, bool) {
	known, window, pending := row.Known, row.KnownWindow, ""
	switch latest {
	case mail.Sending, mail.Sent, mail.Unknown:
		known, window = row.Effect, row.EffectWindow
	case mail.Pending:
		pending = row.MailID
	}
	// What was tried stays tried: a mail that SES refused is not planned again. One that
	// was superseded was not tried.
	tried := row.Effect
	if latest == mail.Superseded {
		tried = known
	}
	after := row
	after.Known, after.KnownWindow = known, window
	if !s.off() {
		after.Via = stillIn(row.Via, s.ChangeIDs)
	}
	dropped := len(after.Via) < len(row.Via)
	// What was taken back from a person and is part of it again, is news to them again.
	again := who != nil && len(who.touchedBy(stillIn(row.Left, s.ChangeIDs))) > 0
	switch want, say := s.want(known, who, lost); {
	case say && want != tried && want == known && pending != "":
		after.MailID, after.Effect, after.EffectWindow = "", known, window
		if want > 0 {
			after.Via = who.via
		}
		return step{row: after, supersede: pending}, true
	case say && want != tried && want != known && want > 0:
		return s.announceWindow(after, want, pending, who), true
	case say && want != tried && want != known:
		return s.withdraw(after, pending, who, lost), true
	case say && want == known && want == tried && want > 0 && again:
		return s.announceWindow(after, want, pending, who), true
	case len(lost) == 0 || tried == 0 || known == 0 && pending == "":
		return step{row: after}, dropped
	case pending == "":
		after.Left = append(slices.Clone(row.Left), stillOut(row.Via, s.ChangeIDs)...)
		slices.Sort(after.Left)
		after.Left = slices.Compact(after.Left)
		return s.withdrawPartly(after, lost), true
	case who != nil && s.Status == release.Scheduled && len(s.Unapproved) == 0 && row.Effect == s.WindowVersion:
		return s.announceWindow(after, row.Effect, pending, who), true // the pending one lists what is no longer so
	}
	return step{}, false // until the pending one is on its way
}

// want is the version of the window that the person should know, 0 for none; false
// where there is nothing to say to that.
func (s snapshot) want(known int, who *person, lost []release.Task) (version int, say bool) {
	switch {
	case s.off():
		return 0, true
	case s.Status != release.Scheduled:
		return 0, false
	case who == nil && len(lost) > 0:
		return 0, true
	case who == nil, len(s.Unapproved) > 0:
		// Nobody is told of a date that the CAB may yet refuse.
		return 0, false
	case known > 0 && mail.Ahead(s.Release, s.now), mail.Due(s.Release, s.now):
		return s.WindowVersion, true
	}
	return 0, false
}

// announceWindow is a heads-up, or that the window has moved for those who knew another.
func (s snapshot) announceWindow(row mail.RecipientState, version int, pending string, who *person) step {
	n := s.notice(mail.HeadsUp, row, who.tasks)
	if row.Known > 0 && row.Known != version {
		n.Kind, n.Before = mail.Rescheduled, row.KnownWindow
	}
	n.Window = mail.Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
	n.Name, n.Address = who.name, who.address
	row.Name, row.Address, row.Via, row.Left = who.name, who.address, who.via, nil
	row.Effect, row.EffectWindow = version, n.Window
	row.Sequence = max(row.Sequence+1, version)
	if row.UID == "" {
		row.UID = s.uid
	}
	n.UID, n.Sequence = row.UID, row.Sequence
	facts, _ := json.Marshal(n.Facts) // strings always marshal
	row.Facts = string(facts)
	row.MailID = mail.ID(string(n.Kind), s.ID, row.Sequence, n.Address)
	return step{row: row, supersede: pending, notice: &n}
}

// withdraw is that nothing comes of it for this person.
func (s snapshot) withdraw(row mail.RecipientState, pending string, who *person, lost []release.Task) step {
	tasks := lost
	if s.off() && who != nil {
		tasks = who.tasks
	}
	n := s.notice(mail.Withdrawn, row, tasks)
	n.Cancelled, n.Window = s.off(), row.KnownWindow
	row.Effect, row.EffectWindow, row.Left = 0, mail.Window{}, nil
	row.Sequence++
	n.UID, n.Sequence = row.UID, row.Sequence
	row.MailID = mail.ID(string(n.Kind), s.ID, row.Sequence, n.Address)
	return step{row: row, supersede: pending, notice: &n}
}

// withdrawPartly is that some of a person's tasks are no longer in it while others stay.
// It leaves the window they know, and so their calendar, as it is.
func (s snapshot) withdrawPartly(row mail.RecipientState, lost []release.Task) step {
	n := s.notice(mail.Withdrawn, row, lost)
	n.Partly, n.Window = true, row.KnownWindow
	row.Sequence++
	n.Sequence = row.Sequence
	return step{row: row, notice: &n}
}

func (s snapshot) notice(kind mail.Kind, row mail.RecipientState, tasks []release.Task) mail.Notice {
	n := mail.Notice{
		Kind: kind, ReleaseID: s.ID, Name: row.Name, Address: row.Address, Planned: s.now.UTC().Truncate(time.Second),
		Facts: facts(s.Release, s.link),
	}
	if s.gone {
		_ = json.Unmarshal([]byte(row.Facts), &n.Facts) // ours; without it the mail says less
	}
	if s.Status == release.Cancelled && len(s.History) > 0 {
		n.At = s.History[len(s.History)-1].At
	}
	n.Tasks, n.More = listed(tasks)
	return n
}

func facts(r release.Release, link string) mail.Facts {
	return mail.Facts{ReleaseName: r.Name, Version: r.Version, Manager: r.ReleaseManager, ManagerEmail: r.ReleaseManagerEmail, Link: link}
}

// stillOut is the rest of stillIn.
func stillOut(ids, among []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(among, id) })
}

func stillIn(ids, among []string) []string {
	var still []string
	for _, id := range ids {
		if slices.Contains(among, id) {
			still = append(still, id)
		}
	}
	return still
}

// outboxItem is the outbox item of a notice.
func outboxItem(n mail.Notice, number, windowVersion int) (mail.Mail, error) {
	snapshot, err := n.Encode()
	return mail.Mail{
		Kind: string(n.Kind), ReleaseID: n.ReleaseID, Number: number, WindowVersion: windowVersion, Recipient: n.Address, Snapshot: snapshot,
	}, err
}
