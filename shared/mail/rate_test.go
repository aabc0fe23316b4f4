package mail_test

import (
	"slices"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Who is in a hurry goes before who is not, and before nobody who has waited for a day.
func TestNew_Urgent_AheadByADay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	unasked := slices.Clone(mail.Kinds)
	soon, later := mail.Window{Start: now.Add(23 * time.Hour)}, mail.Window{Start: now.Add(24 * time.Hour)}
	for _, c := range []struct {
		n    mail.Notice
		want bool
	}{
		{mail.Notice{Kind: mail.HeadsUp, Window: soon}, true},
		{mail.Notice{Kind: mail.HeadsUp, Window: later}, false},
		{mail.Notice{Kind: mail.Rescheduled, Window: later, Before: soon}, true},
		{mail.Notice{Kind: mail.Rescheduled, Window: later, Before: later}, false},
		{mail.Notice{Kind: mail.Withdrawn, Window: soon}, true},
		{mail.Notice{Kind: mail.Withdrawn}, false},
		{mail.Notice{Kind: mail.WindowFixed, Window: soon}, true},
		{mail.Notice{Kind: mail.WindowFixed, Window: later}, false},
		{mail.Notice{Kind: mail.WindowMoved, Window: later, Before: soon}, true},
		{mail.Notice{Kind: mail.WindowOff, Window: soon}, true},
		{mail.Notice{Kind: mail.RolledBack}, true},
		{mail.Notice{Kind: mail.Resolved, Window: soon}, false},
		{mail.Notice{Kind: mail.StaysOpen, Window: soon}, false},
		{mail.Notice{Kind: mail.WindowOver, Window: soon}, false},
	} {
		unasked = slices.DeleteFunc(unasked, func(k mail.Kind) bool { return k == c.n.Kind })
		c.n.Planned = now
		m, err := c.n.Outbox(1, 1)
		if err != nil || m.Urgent != c.want {
			t.Errorf("%+v: urgent %v, %v", c.n, m.Urgent, err)
		}
		waited := mail.New(mail.Mail{Number: 2}, now.Add(-25*time.Hour))
		younger := mail.New(mail.Mail{Number: 3}, now)
		if m = mail.New(m, now); m.DueAt.Before(younger.DueAt) != c.want || !waited.DueAt.Before(m.DueAt) || !m.WaitingSince().Equal(now) {
			t.Errorf("%+v: due %v", c.n, m.DueAt)
		}
	}
	if len(unasked) > 0 {
		t.Errorf("no row says whether %s is urgent", release.Join(unasked))
	}
}

func TestSlots_ShareTheRate(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]int{"": 1, "0.1": 1, "14": 1, "50": 1, "51": 2, "1000": 20} {
		r, err := mail.ParseRate(rate)
		if err != nil || mail.Slots(r) != want {
			t.Errorf("%q: %d slots, %v; want %d", rate, mail.Slots(r), err, want)
		}
	}
	for _, rate := range []string{"0", "-1", "1001", "NaN", "Inf", "x"} {
		if _, err := mail.ParseRate(rate); err == nil {
			t.Errorf("%q is a rate", rate)
		}
	}
}
