package kill

import (
	"testing"
	"time"

	"example.com/releases/shared/local/traffic"
)

// How many mails an outbox item's state allows in the inbox: a mail that was sent twice across
// a kill, or not at all, is noticed. A brief run does not wait for the leases of mails to
// expire, so it allows more.
func TestJudge_EachState_AllowsSoManyMails(t *testing.T) {
	soon, past := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	for _, c := range []struct {
		state    string
		due      time.Time
		brief    bool
		accepted int
		right    bool
	}{
		{"sent", past, false, 1, true},
		{"sent", past, false, 0, false},
		{"sent", past, false, 2, false},
		{"unknown", past, false, 0, true},
		{"unknown", past, false, 1, true},
		{"unknown", past, false, 2, false},
		{"superseded", past, false, 0, true},
		{"superseded", past, false, 1, false},
		{"failed", past, false, 0, false},
		{"suppressed", past, false, 0, false},
		{"pending", past, false, 0, false},
		{"pending", past, true, 0, true},
		{"pending", past, true, 1, false},
		{"sending", soon, false, 0, false},
		{"sending", soon, true, 1, true},
		{"sending", soon, true, 2, false},
		{"sending", past, true, 1, false},
	} {
		r := &run{Options: Options{Brief: c.brief}, simulation: traffic.New(traffic.Options{})}
		r.judge(outboxItem{id: "x", kind: "resolved", release: "REL-2026-Q4-001", recipient: "ann@example.com", state: c.state, due: c.due}, c.accepted)
		if wrong := r.simulation.Wrong(); len(wrong) == 0 != c.right {
			t.Errorf("%s, brief %v, accepted %d times: found %v, want it to be right: %v", c.state, c.brief, c.accepted, wrong, c.right)
		}
	}
}
