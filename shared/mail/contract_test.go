package mail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// The states a mail goes through, typed by hand: there are no other ways.
func TestTransitions_AreTheContracts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		have mail.Transition
		from string
		to   mail.State
	}{
		"Claim": {mail.Claim, "pending", "sending"}, "Delay": {mail.Delay, "sending", "pending"}, "Accept": {mail.Accept, "sending, unknown", "sent"},
		"Refuse": {mail.Refuse, "sending", "failed"}, "Lose": {mail.Lose, "sending", "unknown"}, "Suppress": {mail.Suppress, "pending", "suppressed"},
		"Supersede": {mail.Supersede, "pending", "superseded"}, "Resend": {mail.Resend, "unknown", "pending"}, "Confirm": {mail.Confirm, "sending, unknown, pending", "sent"},
	} {
		if from := release.Join(c.have.From); from != c.from || c.have.To != c.to {
			t.Errorf("%s: from %s to %s, want from %s to %s", name, from, c.have.To, c.from, c.to)
		}
	}
	if want := "heads-up, rescheduled, withdrawn, resolved, rolled-back, stays-open, window-over, window-fixed, window-moved, window-off"; release.Join(mail.Kinds) != want {
		t.Errorf("the kinds are %s, want %s", release.Join(mail.Kinds), want)
	}
}

// The outbox's key is stored and never changes: one for each kind, release, number and person.
func TestID_EachPart_MakesAnother(t *testing.T) {
	t.Parallel()
	const want = "90460f1e5fa904745bed42cf6eac2840"
	one := mail.ID("heads-up", "REL-2026-Q2-001", 1, "ann@example.com")
	if one != want {
		t.Errorf("it is %s, and items are stored under %s", one, want)
	}
	if other := mail.ID("heads-up", "REL-2026-Q2-001", 1, "Ann@Example.com"); other != one {
		t.Error("one person has two keys")
	}
	for what, other := range map[string]string{
		"kind": mail.ID("rescheduled", "REL-2026-Q2-001", 1, "ann@example.com"), "release": mail.ID("heads-up", "REL-2026-Q2-002", 1, "ann@example.com"),
		"number": mail.ID("heads-up", "REL-2026-Q2-001", 2, "ann@example.com"), "person": mail.ID("heads-up", "REL-2026-Q2-001", 1, "bob@example.com"),
	} {
		if other == one {
			t.Errorf("another %s has the same key", what)
		}
	}
}

// Each kind of mail is compared with the release as it is when it would be sent.
func TestOutdated_EachKind_ByTheReleaseAsItIs(t *testing.T) {
	t.Parallel()
	s := planned()
	scheduled := s.Release
	before, within, after := scheduled.ScheduledStart.Add(-time.Hour), scheduled.ScheduledStart.Add(time.Minute), *scheduled.ScheduledEnd
	moved, begun, deleting := scheduled, scheduled, scheduled
	moved.WindowVersion++
	begun.Status, deleting.Deleting = release.InProgress, true
	mentioned := map[string]bool{}
	for _, c := range []struct {
		kinds      string
		r          release.Release
		now        time.Time
		settlement int
		outdated   bool
	}{
		{"heads-up rescheduled window-over window-fixed window-moved window-off withdrawn", scheduled, before, 0, false},
		{"heads-up", scheduled, within, 0, true},
		{"rescheduled window-fixed window-moved", scheduled, within, 0, false},
		{"heads-up rescheduled window-fixed window-moved", scheduled, after, 0, true},
		{"heads-up rescheduled window-over window-fixed window-moved", moved, before, 0, true},
		{"heads-up rescheduled window-over window-fixed window-moved", begun, before, 0, true},
		{"heads-up rescheduled window-over window-fixed window-moved", deleting, before, 0, true},
		{"heads-up rescheduled window-over window-fixed window-moved", release.Release{}, before, 0, true},
		{"withdrawn", release.Release{}, after, 0, false},
		{"resolved rolled-back stays-open", begun, after, 7, false},
		{"resolved rolled-back stays-open", begun, after, 8, true},
		{"resolved rolled-back stays-open", release.Release{}, after, 0, true},
	} {
		for _, kind := range mail.Kinds {
			if !slices.Contains(strings.Fields(c.kinds), string(kind)) {
				continue
			}
			mentioned[fmt.Sprint(kind, " ", c.outdated)] = true
			m := mail.Mail{Kind: string(kind), WindowVersion: scheduled.WindowVersion, Number: 7}
			if why := m.Outdated(c.r, c.settlement, c.now); (why != "") != c.outdated {
				t.Errorf("%s at %s, settlement %d, a release that is %q: %q", kind, c.now.Format(time.RFC3339), c.settlement, c.r.Status, why)
			}
		}
	}
	// No row has a mail that tells of a withdrawal outdated: it is true whatever follows.
	for _, kind := range mail.Kinds {
		if never := kind == mail.Withdrawn || kind == mail.WindowOff; !mentioned[string(kind)+" false"] || !never && !mentioned[string(kind)+" true"] {
			t.Errorf("%s: no row says when it is outdated, or none when it is not", kind)
		}
	}
}

// What is on its way cannot be stopped, and counts as known.
func TestKnows_ByTheLatestMailsState(t *testing.T) {
	t.Parallel()
	for state, want := range map[mail.State]int{
		"": 1, mail.Pending: 1, mail.Failed: 1, mail.Suppressed: 1, mail.Superseded: 1, mail.Sending: 2, mail.Sent: 2, mail.Unknown: 2,
	} {
		known, effect := mail.RecipientState{Known: 1}, mail.RecipientState{Effect: 1}
		if known.Knows(state) != (want == 1) || effect.Knows(state) != (want == 2) {
			t.Errorf("%q: by what is known %v, by the mail %v", state, known.Knows(state), effect.Knows(state))
		}
	}
}

// Each end that the release has come to raises the event's number, whatever else happened.
func TestOver_EachEnd_RaisesTheSequence(t *testing.T) {
	t.Parallel()
	s := planned()
	began, ended := now, now.Add(time.Hour)
	s.ActualStart, s.ActualEnd = &began, &ended
	for n, to := range []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed, release.RolledBack} {
		s.History = append(s.History, release.HistoryEntry{Epoch: n + 1, To: to, Reason: "it broke"})
	}
	row := mail.RecipientState{UID: "uid", Known: 1, Sequence: 3, Revision: 1}
	linked, unlinked := task(1, "ann@example.com", "C"), task(2, "ann@example.com", "")
	who := &mail.Person{Address: "ann@example.com"}
	who.Tasks.Add(linked)
	who.Unlinked.Add(unlinked)
	for _, c := range []struct {
		kind     mail.Kind
		epoch    int
		sequence int
		task     string
		undone   bool
		reason   string
	}{
		{mail.Resolved, 4, 4, linked.ID, false, ""},
		{mail.RolledBack, 5, 5, linked.ID, false, "it broke"},
		{mail.StaysOpen, 4, 4, unlinked.ID, false, ""},
		{mail.StaysOpen, 5, 5, unlinked.ID, true, ""},
	} {
		n := s.Over(c.kind, c.epoch, who, row)
		if n.Sequence != c.sequence || len(n.Tasks) != 1 || n.Tasks[0].ID != c.task || n.Undone != c.undone || n.Reason != c.reason {
			t.Errorf("%s in epoch %d: %+v", c.kind, c.epoch, n)
		}
	}
}

// Two rows can be of one person, one of them under an older key: the one under the person's
// own key says what they were told, in whatever order they come.
func TestNewPeople_TwoRowsOfOnePerson_OwnKeyCounts(t *testing.T) {
	t.Parallel()
	ground := mail.NewGround([]release.Change{{ID: "in"}, {ID: "old"}, {ID: "own"}}, []string{"in"})
	rows := []mail.RecipientState{
		{Recipient: "an older key", Address: "ann@example.com", Via: []string{"old"}},
		{Recipient: "ann@example.com", Address: "ann@example.com", Via: []string{"own"}},
	}
	for range 2 {
		people := mail.NewPeople(ground, rows)
		people.Add(task(1, "Ann@example.com", "own"))
		people.Add(task(2, "Ann@example.com", "old"))
		if ann := people.All["ann@example.com"]; ann == nil || ann.Lost.Count != 1 || ann.Lost.Oldest[0].ID != task(1, "", "").ID {
			t.Errorf("%+v", ann)
		}
		slices.Reverse(rows)
	}
	people := mail.NewPeople(ground, []mail.RecipientState{{Recipient: "an older key", Address: "Ann@Example.com", Via: []string{"old"}}})
	people.Add(task(2, "ann@example.com", "old"))
	if ann := people.All["ann@example.com"]; ann == nil || ann.Lost.Count != 1 {
		t.Errorf("a row under an older key is not found: %+v", ann)
	}
}
