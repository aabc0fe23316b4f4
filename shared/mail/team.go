package mail

import (
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Member is somebody who works on a release: its manager, or an owner of steps.
type Member struct {
	Address string
	Name    string
	Manages bool
	Steps   []OwnedStep // theirs, in the order of the plans
	// Sequence is that of the calendar event that they have as a member of the team.
	Sequence int
}

// OwnedStep is a step as a notice lists it.
type OwnedStep struct {
	Plan        release.PlanName `json:"plan"`
	Order       int              `json:"order"`
	Description string           `json:"description"`
}

// Team lists, by the keys of their addresses, everybody who works on a release and can be
// mailed.
func Team(r release.Release) map[string]*Member {
	team := map[string]*Member{}
	member := func(email string) *Member {
		if !release.Mailable(email) {
			return &Member{}
		}
		key := release.AddressKey(email)
		if team[key] == nil {
			team[key] = &Member{Address: email}
		}
		return team[key]
	}
	m := member(r.ReleaseManagerEmail)
	m.Manages, m.Name = true, r.ReleaseManager
	for _, plan := range []struct {
		name  release.PlanName
		steps []release.Step
	}{{release.RolloutPlan, r.RolloutSteps}, {release.RollbackPlan, r.RollbackSteps}} {
		for _, s := range plan.steps {
			m := member(s.OwnerEmail)
			m.Steps = append(m.Steps, OwnedStep{plan.name, s.Order, s.Description})
		}
	}
	return team
}

// SameTeam tells whether two versions of a release are worked on by the same people in the
// same roles, whatever their steps say.
func SameTeam(a, b release.Release) bool {
	one, other := Team(a), Team(b)
	for key, m := range one {
		if n := other[key]; n == nil || n.Manages != m.Manages {
			return false
		}
	}
	return len(one) == len(other)
}

// notable is how far a window has to move before owners of steps are told of it. The
// manager, who moves it, is told of every move.
const notable = 15 * time.Minute

// near tells whether neither end of a window has moved by as much as owners are told of.
func near(a, b Window) bool {
	return a.Start.Sub(b.Start).Abs() < notable && a.End.Sub(b.End).Abs() < notable
}

// DecideTeam says what must be done so that somebody who works on a release has its window in
// their calendar: a manager each window, an owner of steps each that differs enough from the
// one they know. False where nothing is to be done; called again, it returns the same until
// something changes.
//
// row is what they were told as a member of the team, latest the mail row.MailID, and m is nil
// where they are none any more.
func (s Snapshot) DecideTeam(row RecipientState, latest Mail, m *Member) (Step, bool) {
	after, pending := row, ""
	switch latest.State {
	case Sending, Sent, Unknown:
		after.Known, after.KnownWindow = row.Effect, row.EffectWindow
	case Pending:
		if OfTeam(Kind(latest.Kind)) { // a requester's is not ours to supersede
			pending = row.MailID
		}
	}
	tried, triedWindow := row.Effect, row.EffectWindow
	if latest.State == Superseded {
		tried, triedWindow = after.Known, after.KnownWindow
	}
	if s.Off() || m == nil {
		switch {
		case tried == 0:
			return Step{}, false
		case after.Known == 0:
			return s.retract(after, pending)
		}
		return s.dismiss(after, pending, m), true
	}
	if !Ahead(s.Release, s.Now) {
		return Step{}, false
	}
	window := Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
	says := func(version int, w Window) bool {
		return version == s.WindowVersion || version > 0 && !m.Manages && near(w, window)
	}
	switch {
	case says(tried, triedWindow):
		return Step{}, false
	case says(after.Known, after.KnownWindow):
		return s.retract(after, pending)
	}
	return s.inform(after, pending, m, window), true
}

// retract takes back a pending mail that is no longer true.
func (s Snapshot) retract(row RecipientState, pending string) (Step, bool) {
	row.MailID, row.Effect, row.EffectWindow = "", row.Known, row.KnownWindow
	return Step{Row: row, Supersede: pending}, pending != ""
}

// inform tells a member of the team of a window.
func (s Snapshot) inform(row RecipientState, pending string, m *Member, window Window) Step {
	row.Name, row.Address = m.Name, m.Address
	n := s.Notice(WindowFixed, row, Listing{})
	if row.Known > 0 {
		n.Kind, n.Before = WindowMoved, row.KnownWindow
	}
	n.Window = window
	n.addRole(m)
	row.Effect, row.EffectWindow = s.WindowVersion, window
	row.Sequence = max(row.Sequence+1, s.WindowVersion)
	return s.stepWith(row, pending, n)
}

// dismiss tells somebody that nothing comes of a window, or that they no longer work on it.
func (s Snapshot) dismiss(row RecipientState, pending string, m *Member) Step {
	n := s.Notice(WindowOff, row, Listing{})
	n.Cancelled, n.Window = s.Off(), row.KnownWindow
	n.Manages = n.Cancelled && release.AddressKey(n.ManagerEmail) == release.AddressKey(n.Address)
	n.addRole(m)
	if s.ActualStart != nil {
		n.Began = *s.ActualStart
	}
	row.Effect, row.EffectWindow = 0, Window{}
	row.Sequence++
	return s.stepWith(row, pending, n)
}

// Covers tells whether a notice to somebody as a requester says all that another would say to
// them as a member of the team, so that they get one mail and not two.
func (n Notice) Covers(other Notice) bool {
	switch {
	case OfTeam(n.Kind):
		return false
	case other.Kind == WindowOff:
		return n.Kind == Withdrawn && n.Cancelled && other.Cancelled
	}
	return (n.Kind == HeadsUp || n.Kind == Rescheduled) && n.Window == other.Window && n.Manages == other.Manages && slices.Equal(n.Steps, other.Steps)
}

// CoveredBy is a step without its mail, because a requester's tells the person the same.
func (s Step) CoveredBy(requester RecipientState) Step {
	s.Notice = nil
	s.Row.MailID, s.Row.UID = requester.MailID, requester.UID
	s.Row.Sequence = max(s.Row.Sequence, requester.Sequence)
	return s
}

// Renumbered is a step whose calendar event follows another that the person has.
func (s Snapshot) Renumbered(step Step, sequence int) Step {
	if step.Notice == nil || step.Row.Sequence > sequence {
		return step
	}
	step.Row.Sequence = sequence + 1
	step.Notice.Sequence = step.Row.Sequence
	step.Row.MailID = ID(string(step.Notice.Kind), s.ID, step.Row.Sequence, step.Notice.Address)
	return step
}

// WithoutEvent is a step whose mail leaves the calendar alone.
func (s Step) WithoutEvent() Step {
	n := *s.Notice
	n.UID = ""
	s.Notice = &n
	return s
}

// addRole has a notice say what the reader does in the release.
func (n *Notice) addRole(m *Member) {
	if m == nil {
		return
	}
	n.Manages, n.Steps = m.Manages, slices.Clone(m.Steps[:min(MaxTasks, len(m.Steps))])
	for i := range n.Steps {
		n.Steps[i].Description = firstLine(n.Steps[i].Description)
	}
	n.MoreSteps = len(m.Steps) - len(n.Steps)
}

// mostOfStep is how many characters of a step's description a notice keeps.
const mostOfStep = 250

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if long := []rune(line); len(long) > mostOfStep {
		return string(long[:mostOfStep])
	}
	return strings.TrimSpace(line)
}
