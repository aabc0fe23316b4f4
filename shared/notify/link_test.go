package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// A mail links to the page of its release where there is one: not where the Trust Center is
// turned off, nor where the page answers 404 because the release is not public.
func TestMail_Link_WhereThePageIs(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	internal := false
	for _, c := range []struct {
		change string
		public *bool
		page   bool
		want   string
	}{
		{"CHG-SHOWN", nil, true, "Status: https://releases.example.com/trust-center/REL-"},
		{"CHG-INTERNAL", &internal, true, ""},
		{"CHG-NO-PAGE", nil, false, ""},
	} {
		w.planner = w.planner.WithPublicURL("https://releases.example.com", c.page)
		w.change(c.change)
		w.task("T-"+c.change, "ann", c.change)
		start := w.now().Add(48 * time.Hour)
		end := start.Add(time.Hour)
		in := operations.CreateReleaseInput{LinkedChangeRequestIDs: []string{c.change}}
		in.Name, in.ScheduledStart, in.ScheduledEnd, in.Public = "Spring", &start, &end, c.public
		id := must(w.ops.CreateRelease(w.ctx, in, operations.Precondition{}))(t).ID
		w.transition(id, release.Approved, release.Scheduled)
		w.headsUp()
		mails := slices.DeleteFunc(w.inbox.Mails(), func(m mailbox.Mail) bool { return !strings.Contains(m.Subject, id) })
		if len(mails) != 1 {
			t.Fatalf("%s: %d mails about its release, want 1", c.change, len(mails))
		}
		if text := mails[0].Text; strings.Contains(text, "Status: ") != (c.want != "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: want the link %q (none where it is empty) in the mail\n%s", c.change, c.want, text)
		}
	}
}
