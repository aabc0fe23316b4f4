package mail_test

import (
	"fmt"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// worked is the planned release, with a manager and an owner of steps.
func worked() mail.Snapshot {
	s := planned()
	s.ReleaseManager, s.ReleaseManagerEmail = "Rita", "rita@example.com"
	s.RolloutSteps = []release.Step{{Order: 1, Description: "Stop the jobs\nand wait", OwnerEmail: "olaf@example.com"}, {Order: 2, Description: "Switch", OwnerEmail: "OLAF@example.com"}}
	s.RollbackSteps = []release.Step{{Order: 1, Description: "Back", OwnerEmail: "rita@example.com"}, {Order: 2, Description: "Nobody's"}}
	s.Team = mail.Team(s.Release)
	return s
}

func TestTeam_ManagerAndOwners_OneMemberAPerson(t *testing.T) {
	t.Parallel()
	s := worked()
	rita, olaf := s.Team["rita@example.com"], s.Team["olaf@example.com"]
	if len(s.Team) != 2 || !rita.Manages || rita.Name != "Rita" || len(rita.Steps) != 1 || olaf.Manages || fmt.Sprint(olaf.Steps) != "[{rollout 1 Stop the jobs\nand wait} {rollout 2 Switch}]" {
		t.Errorf("%+v %+v", rita, olaf)
	}
	other := s.Release
	other.RolloutSteps = []release.Step{{Order: 5, Description: "Other", OwnerEmail: "olaf@example.com"}}
	if !mail.SameTeam(s.Release, other) {
		t.Error("other steps of the same people are another team")
	}
	for name, change := range map[string]func(*release.Release){
		"another manager": func(r *release.Release) { r.ReleaseManagerEmail = "max@example.com" },
		"an owner less":   func(r *release.Release) { r.RolloutSteps = nil },
		"roles":           func(r *release.Release) { r.ReleaseManagerEmail = "olaf@example.com" },
	} {
		other := s.Release
		if change(&other); mail.SameTeam(s.Release, other) {
			t.Errorf("%s: the same team", name)
		}
	}
}

// What somebody who works on a release is told, by what they know, how their latest mail
// stands, and what became of the window: typed by hand. A capital letter: it takes the pending
// mail's place; "drop": the pending mail is not sent.
func TestDecideTeam_EveryCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		knows   int // version of the window that has reached them, 0 for none
		pending int // version that a pending mail tells; 0 for no mail, -1 for one that takes it back
		moved   time.Duration
		off     bool
		manager string
		owner   string
	}{
		{knows: 0, manager: "fixed", owner: "fixed"},
		{knows: 2, manager: "-", owner: "-"},
		{knows: 1, moved: 15 * time.Minute, manager: "moved", owner: "moved"},
		{knows: 1, moved: -15 * time.Minute, manager: "moved", owner: "moved"},
		{knows: 1, moved: 15*time.Minute - time.Second, manager: "moved", owner: "-"},
		{knows: 0, pending: 2, manager: "-", owner: "-"},
		{knows: 0, pending: 1, moved: time.Hour, manager: "Fixed", owner: "Fixed"},
		{knows: 0, pending: 1, moved: time.Minute, manager: "Fixed", owner: "-"},
		{knows: 1, pending: 2, moved: time.Hour, manager: "-", owner: "-"},
		{knows: 2, pending: 1, moved: time.Hour, manager: "drop", owner: "drop"},
		{knows: 0, off: true, manager: "-", owner: "-"},
		{knows: 2, off: true, manager: "off", owner: "off"},
		{knows: 1, pending: 2, moved: time.Hour, off: true, manager: "Off", owner: "Off"},
		{knows: 0, pending: 2, off: true, manager: "drop", owner: "drop"},
		{knows: 2, pending: -1, off: true, manager: "-", owner: "-"},
	} {
		for who, want := range map[string]string{"rita@example.com": c.manager, "olaf@example.com": c.owner} {
			s := worked()
			now := mail.Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
			windows := map[int]mail.Window{1: {Start: now.Start.Add(-c.moved), End: now.End.Add(-c.moved)}, 2: now}
			row := mail.RecipientState{ReleaseID: s.ID, Recipient: who, Address: who, Team: true, Known: c.knows, KnownWindow: windows[c.knows], Effect: c.knows, EffectWindow: windows[c.knows], Sequence: 3}
			latest := mail.Mail{}
			if c.pending != 0 {
				row.Effect, row.EffectWindow, row.MailID = max(c.pending, 0), windows[c.pending], "latest"
				latest = mail.Mail{Kind: "window-moved", State: mail.Pending}
			}
			if c.off {
				s.Status = release.Cancelled
			}
			got := "-"
			step, changes := s.DecideTeam(row, latest, s.Team[who])
			if changes {
				if got = "drop"; step.Notice != nil {
					got = map[mail.Kind]string{mail.WindowFixed: "fixed", mail.WindowMoved: "moved", mail.WindowOff: "off"}[step.Notice.Kind]
					if step.Notice.Sequence <= 3 || step.Notice.UID != "uid" {
						t.Errorf("%+v: sequence %d, UID %q", c, step.Notice.Sequence, step.Notice.UID)
					}
				}
				if step.Supersede != "" && got != "drop" {
					got = string(got[0]-'a'+'A') + got[1:]
				}
				if twice, changes := s.DecideTeam(step.Row, mail.Mail{Kind: "window-moved", State: mail.Pending}, s.Team[who]); changes {
					t.Errorf("%+v: decided, and then decided %+v", c, twice)
				}
			}
			if got != want {
				t.Errorf("%s %+v: %s, want %s", who, c, got, want)
			}
		}
	}
}

// What a mail says is judged by what it says: an owner's stands while the window moves by less
// than owners are told of, a manager's does not.
func TestOutdated_SmallMove_OwnersMailStands(t *testing.T) {
	t.Parallel()
	s := worked()
	for who, want := range map[string]bool{"rita@example.com": true, "olaf@example.com": false} {
		step, _ := s.DecideTeam(mail.RecipientState{ReleaseID: s.ID, Recipient: who, Team: true}, mail.Mail{}, s.Team[who])
		m, err := step.Notice.Outbox(step.Row.Sequence, step.Row.Effect)
		if err != nil {
			t.Fatal(err)
		}
		r := s.Release
		if why := m.Outdated(r, 0, now); why != "" {
			t.Errorf("%s: %s", who, why)
		}
		later := r.ScheduledStart.Add(14 * time.Minute)
		r.ScheduledStart, r.WindowVersion = &later, 3
		if got := m.Outdated(r, 0, now) != ""; got != want {
			t.Errorf("%s: outdated %v after a small move, want %v", who, got, want)
		}
		later = later.Add(time.Minute)
		if why := m.Outdated(r, 0, now); why == "" {
			t.Errorf("%s: a mail of another window goes", who)
		}
		r = s.Release
		r.Status = release.InProgress
		if why := m.Outdated(r, 0, now); why == "" {
			t.Errorf("%s: it goes though the release has begun", who)
		}
	}
}

// Either end counts: a window that only begins or ends at another time is another one.
func TestDecideTeam_OneEndMoved_OwnerIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start, end time.Duration
		want       bool
	}{
		{0, 0, false},
		{14 * time.Minute, 0, false},
		{0, 14 * time.Minute, false},
		{15 * time.Minute, 0, true},
		{-15 * time.Minute, 0, true},
		{0, 15 * time.Minute, true},
		{0, -15 * time.Minute, true},
	} {
		s := worked()
		row := mail.RecipientState{ReleaseID: s.ID, Recipient: "olaf@example.com", Team: true, Known: 1, Effect: 1, Sequence: 1}
		row.KnownWindow = mail.Window{Start: s.ScheduledStart.Add(-c.start), End: s.ScheduledEnd.Add(-c.end)}
		row.EffectWindow = row.KnownWindow
		if _, informed := s.DecideTeam(row, mail.Mail{}, s.Team["olaf@example.com"]); informed != c.want {
			t.Errorf("start by %v, end by %v: told %v", c.start, c.end, informed)
		}
	}
}
