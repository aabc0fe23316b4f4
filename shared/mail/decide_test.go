package mail_test

import (
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

var now = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// planned is a release due tomorrow, in the second version of its window, with the change
// request C; D was dropped from it.
func planned() mail.Snapshot {
	start := now.Add(24 * time.Hour)
	end := start.Add(2 * time.Hour)
	s := mail.Snapshot{Release: release.Release{ID: "REL-2026-Q1-001", Status: release.Scheduled, WindowVersion: 2, ChangeIDs: []string{"C"}}, Now: now, UID: "uid"}
	s.ScheduledStart, s.ScheduledEnd = &start, &end
	return s
}

func ann() *mail.Person {
	people := mail.NewPeople(mail.NewGround([]release.Change{{ID: "C"}}, []string{"C"}), nil)
	people.Add(release.Task{ID: "T", TaskPlan: release.TaskPlan{RequesterEmail: "ann@example.com", ChangeRequestID: "C"}})
	return people.All["ann@example.com"]
}

// Every cell of what they should know × what they know × how the latest mail stands,
// without and with tasks that are no longer part of it. The words are typed by hand:
//
//   - nothing, but for the row, which forgets the dropped change request
//     wait   nothing at all, until the pending mail is on its way
//     drop   the pending mail is not sent
//     tell   heads-up; move: rescheduled; off: withdrawn; part: withdrawn for some tasks
//
// A capital letter: it takes the pending mail's place.
const cells = `
should    knows    | gone other | gone, it  | pending other | pending it
nothing   none     | -    -     | -    -    | -    wait     | -    -
nothing   another  | -    part  | -    -    | -    wait     | -    -
off       none     | -    -     | -    -    | drop drop     | -    -
off       another  | off  off   | -    -    | Off  Off      | -    -
window    none     | tell tell  | -    -    | Tell Tell     | -    Tell
window    another  | move move  | -    part | Move Move     | -    Move
window    it       | -    -     | -    part | drop drop     | -    Tell
window    part     | -    -     | tell tell | drop drop     | Tell Tell
`

func TestDecide_EveryCell(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(cells), "\n")[1:]
	if len(lines) != 8 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		columns := strings.Split(line, "|")
		which := strings.Fields(columns[0])
		for n, column := range columns[1:] {
			for lost, want := range strings.Fields(column) {
				pending, says := n >= 2, n%2 == 1
				if got := cell(which[0], which[1], says, pending, lost == 1); got != want {
					t.Errorf("should know %s, knows %s, latest says it %v, pending %v, tasks lost %v: %s, want %s", which[0], which[1], says, pending, lost == 1, got, want)
				}
			}
		}
	}
}

// cell decides what a cell of the table describes, and words the decision.
func cell(should, knows string, says, pending, lost bool) string {
	s, version := planned(), 0
	switch should {
	case "nothing":
		s.Unapproved = []string{"C"}
	case "off":
		s.Status = release.Cancelled
	case "window":
		version = 2
	}
	row := mail.RecipientState{ReleaseID: s.ID, Recipient: "ann@example.com", Address: "ann@example.com", Via: []string{"C", "D"}, Sequence: 3, MailID: "latest"}
	switch knows {
	case "another":
		row.Known = 1
	case "it":
		row.Known = version
	case "part":
		row.Known, row.Left = version, []string{"C"}
	}
	if row.Effect = version; !says {
		row.Effect = 2 - version // what they are told instead: the window, or that nothing comes of it
	}
	state := mail.Failed // so that they know what they knew
	if pending {
		state = mail.Pending
	}
	var gone mail.Listing
	if lost {
		gone.Add(release.Task{ID: "L"})
	}
	who := ann()
	who.Back = knows == "part"
	step, needed := s.Decide(row, state, who, gone)
	if !needed {
		if s.Off() {
			return "-" // of what is off, nothing is forgotten
		}
		return "wait"
	}
	word := "-"
	switch {
	case step.Notice == nil && step.Supersede != "":
		return "drop"
	case step.Notice == nil:
	case step.Notice.Partly:
		word = "part"
	default:
		word = map[mail.Kind]string{mail.HeadsUp: "tell", mail.Rescheduled: "move", mail.Withdrawn: "off"}[step.Notice.Kind]
	}
	if step.Supersede != "" {
		word = strings.ToUpper(word[:1]) + word[1:]
	}
	return word
}

// What is on its way counts as known, and what was superseded was never tried.
func TestDecide_LatestMailsState_SaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := planned()
	row := mail.RecipientState{ReleaseID: s.ID, Recipient: "ann@example.com", MailID: "latest", Effect: 2, Sequence: 2, Via: []string{"C"}}
	for state, want := range map[mail.State]string{
		mail.Pending: "", mail.Sending: "", mail.Sent: "", mail.Unknown: "", mail.Failed: "", mail.Suppressed: "",
		mail.Superseded: mail.ID("heads-up", s.ID, 3, "ann@example.com"),
	} {
		step, needed := s.Decide(row, state, ann(), mail.Listing{})
		if got := step.Row.MailID; needed != (want != "") || needed && got != want {
			t.Errorf("%s: %v %s, want %q", state, needed, got, want)
		}
	}
	// Cancelled: only who knows of it hears of its end.
	s.Status = release.Cancelled
	for state, want := range map[mail.State]bool{
		mail.Pending: true, // it is not sent
		mail.Sending: true, mail.Sent: true, mail.Unknown: true,
		mail.Failed: false, mail.Suppressed: false, mail.Superseded: false,
	} {
		step, needed := s.Decide(row, state, ann(), mail.Listing{})
		if needed != want || (step.Notice != nil) != (want && state != mail.Pending) {
			t.Errorf("%s and cancelled: %v %+v", state, needed, step.Notice)
		}
	}
}

func TestDecide_ReleaseThatTellsNothing_NothingToDo(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mail.Snapshot){
		"not scheduled":       func(s *mail.Snapshot) { s.Status = release.InProgress },
		"in more than a week": func(s *mail.Snapshot) { s.Now = s.ScheduledStart.Add(-mail.HeadsUpLead) },
		"begun":               func(s *mail.Snapshot) { s.Now = *s.ScheduledStart },
		"not approved":        func(s *mail.Snapshot) { s.Unapproved = []string{"C"} },
	} {
		s := planned()
		change(&s)
		if step, needed := s.Decide(mail.RecipientState{ReleaseID: s.ID, Recipient: "ann@example.com"}, "", ann(), mail.Listing{}); needed {
			t.Errorf("%s: %+v", name, step.Notice)
		}
	}
}
