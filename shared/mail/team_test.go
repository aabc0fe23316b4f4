package mail_test

import (
	"fmt"
	"strings"
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

// What is on its way to a member of the team counts as known; what is still pending is taken
// back, unless it is a requester's.
func TestDecideTeam_LatestMailsState_SaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := worked()
	now := mail.Window{Start: *s.ScheduledStart, End: *s.ScheduledEnd}
	informed := mail.RecipientState{ReleaseID: s.ID, Recipient: "rita@example.com", Team: true, MailID: "latest", Effect: 2, EffectWindow: now, Sequence: 3}
	off := s
	off.Status = release.Cancelled
	for state, onItsWay := range map[mail.State]bool{mail.Sending: true, mail.Sent: true, mail.Unknown: true, mail.Pending: false, mail.Failed: false, mail.Suppressed: false} {
		step, changes := off.DecideTeam(informed, mail.Mail{Kind: "window-fixed", State: state}, s.Team["rita@example.com"])
		if sent := changes && step.Notice != nil; sent != onItsWay {
			t.Errorf("%s: cancelled, and they are told %v", state, sent)
		}
	}
	takenBack := mail.RecipientState{ReleaseID: s.ID, Recipient: "rita@example.com", Team: true, Known: 2, KnownWindow: now, MailID: "latest", Sequence: 4}
	for kind, want := range map[string]string{"window-fixed": "latest", "window-moved": "latest", "window-off": "latest", "heads-up": ""} {
		if step, _ := s.DecideTeam(takenBack, mail.Mail{Kind: kind, State: mail.Pending}, s.Team["rita@example.com"]); step.Supersede != want {
			t.Errorf("a pending %s: it supersedes %q, want %q", kind, step.Supersede, want)
		}
	}
}

// A requester's mail spares a member of the team theirs only where it says the same.
func TestCovers_OnlyWhatSaysTheSame(t *testing.T) {
	t.Parallel()
	w := mail.Window{Start: now, End: now.Add(time.Hour)}
	steps := []mail.OwnedStep{{Plan: release.RolloutPlan, Order: 1}}
	fixed := mail.Notice{Kind: mail.WindowFixed, Window: w, Steps: steps}
	off := mail.Notice{Kind: mail.WindowOff, Cancelled: true}
	for _, c := range []struct {
		n, other mail.Notice
		want     bool
	}{
		{mail.Notice{Kind: mail.HeadsUp, Window: w, Steps: steps}, fixed, true},
		{mail.Notice{Kind: mail.Rescheduled, Window: w, Steps: steps}, fixed, true},
		{mail.Notice{Kind: mail.Withdrawn, Window: w, Steps: steps}, fixed, false},
		{mail.Notice{Kind: mail.WindowMoved, Window: w, Steps: steps}, fixed, false},
		{mail.Notice{Kind: mail.HeadsUp, Steps: steps}, fixed, false},
		{mail.Notice{Kind: mail.HeadsUp, Window: w}, fixed, false},
		{mail.Notice{Kind: mail.HeadsUp, Window: w, Steps: steps, Manages: true}, fixed, false},
		{mail.Notice{Kind: mail.Withdrawn, Cancelled: true}, off, true},
		{mail.Notice{Kind: mail.Withdrawn}, off, false},
		{mail.Notice{Kind: mail.HeadsUp, Cancelled: true}, off, false},
		{mail.Notice{Kind: mail.Withdrawn, Cancelled: true}, mail.Notice{Kind: mail.WindowOff}, false},
	} {
		if got := c.n.Covers(c.other); got != c.want {
			t.Errorf("%s covers %s: %v (%+v, %+v)", c.n.Kind, c.other.Kind, got, c.n, c.other)
		}
	}
}

// The event of a later mail has a higher number than any that the person has.
func TestRenumbered_FollowsTheOther(t *testing.T) {
	t.Parallel()
	s := worked()
	step, _ := s.DecideTeam(mail.RecipientState{ReleaseID: s.ID, Recipient: "rita@example.com", Team: true, Sequence: 4}, mail.Mail{}, s.Team["rita@example.com"])
	for other, want := range map[int]int{4: 5, 5: 6, 6: 7} { // the step's own is 5
		got := s.Renumbered(step, other)
		if got.Row.Sequence != want || got.Row.MailID != mail.ID("window-fixed", s.ID, want, "rita@example.com") {
			t.Errorf("after %d: %d", other, got.Row.Sequence)
		}
	}
}

func TestDecideTeam_ManyAndLongSteps_AreCut(t *testing.T) {
	t.Parallel()
	for count, more := range map[int]int{20: 0, 21: 1} {
		s := worked()
		s.RolloutSteps = nil
		for n := range count {
			s.RolloutSteps = append(s.RolloutSteps, release.Step{Order: n + 1, OwnerEmail: "olaf@example.com", Description: strings.Repeat("ü", 249+n) + "\nand more"})
		}
		step, _ := s.DecideTeam(mail.RecipientState{ReleaseID: s.ID, Recipient: "olaf@example.com", Team: true}, mail.Mail{}, mail.Team(s.Release)["olaf@example.com"])
		if n := step.Notice; len(n.Steps) != 20 || n.MoreSteps != more {
			t.Errorf("of %d steps %d are listed, and %d more", count, len(n.Steps), n.MoreSteps)
		}
		for n, want := range []int{249, 250, 250} {
			if got := len([]rune(step.Notice.Steps[n].Description)); got != want {
				t.Errorf("of %d characters %d are left", 249+n, got)
			}
		}
	}
}

// A line that has the most characters only with the space at its end is not cut, and so
// loses the space as any other line does.
func TestDecideTeam_StepEndsInASpace_SpaceIsLeftOut(t *testing.T) {
	t.Parallel()
	s := worked()
	line := strings.Repeat("ü", 249)
	s.RolloutSteps = []release.Step{{Order: 1, OwnerEmail: "olaf@example.com", Description: line + " \nand more"}}
	step, _ := s.DecideTeam(mail.RecipientState{ReleaseID: s.ID, Recipient: "olaf@example.com", Team: true}, mail.Mail{}, mail.Team(s.Release)["olaf@example.com"])
	if got := step.Notice.Steps[0].Description; got != line {
		t.Errorf("it ends in %q", got[len(got)-3:])
	}
}
