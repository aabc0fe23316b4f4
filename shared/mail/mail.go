// Package mail is the domain of what people are told by e-mail: what a mail is and the
// states it goes through, what each person was told of a release, the jobs that ask for
// planning, and the rules that decide what is due, what is outdated and whom to inform.
// Types and pure functions that use the standard library and package release: it must
// not know where anything is stored, nor how a mail is worded or sent.
package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"example.com/releases/shared/release"
)

// State is the state of an outbox item.
type State string

// The states of an outbox item. From pending it goes to sending, under a lease, and
// back only where SES has said that it did not accept the mail. Where that is unclear it
// ends as unknown, which is never sent again automatically. See Transition.
const (
	Pending    State = "pending"
	Sending    State = "sending"
	Sent       State = "sent"
	Failed     State = "failed"     // refused for good
	Suppressed State = "suppressed" // the address bounced or complained before
	Superseded State = "superseded" // replaced by something newer before it was sent
	Unknown    State = "unknown"    // SES may have accepted it; its Send event tells
)

// Mail is an outbox item: one mail to one person, with everything it says. There is
// one per kind, release, number and recipient, however often it is planned.
type Mail struct {
	ID        string // see ID
	Kind      string
	ReleaseID string
	// Number tells apart the mails of one kind about one release to one person. After a
	// settlement it is its epoch. For a window it is the SEQUENCE of the person's calendar
	// event: the window's version, or more where a change request was dropped.
	Number        int
	WindowVersion int    // of the window it tells of; 0 where it tells of none
	Recipient     string // the address, as the task spells it
	Snapshot      string // all that it says, as JSON

	State    State
	Reason   string // why it ended as it did, where that needs one
	Attempts int
	Lease    string // who is sending it
	// DueAt is from when it may be sent: the earlier, the sooner. While somebody is sending
	// it, it is when the lease ends.
	DueAt     time.Time
	Urgent    bool   // to be sent before others
	MessageID string // SES's
	Feedback  string // what came back after it was sent
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Kept is how long a mail, and what its reader was told, is kept after it was planned. It
// is longer than any release plausibly lives: as long as the item exists, the mail cannot be
// planned and sent a second time. It is not longer, because the item is personal data.
const Kept = 400 * 24 * time.Hour

// ID is the deterministic id of an outbox item. It fits into an SES tag.
func ID(kind, releaseID string, number int, recipient string) string {
	return hashed(kind, releaseID, number, release.AddressKey(recipient))
}

// OlderIDs are the ids that the item may have if it was written when addresses had other
// keys.
func OlderIDs(kind, releaseID string, number int, recipient string) []string {
	var ids []string
	for _, key := range release.OlderAddressKeys(recipient) {
		ids = append(ids, hashed(kind, releaseID, number, key))
	}
	return ids
}

func hashed(kind, releaseID string, number int, recipientKey string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s", kind, releaseID, number, recipientKey))
	return hex.EncodeToString(sum[:16])
}

// New gives a mail its id and its first state.
func New(m Mail, now time.Time) Mail {
	m.ID = ID(m.Kind, m.ReleaseID, m.Number, m.Recipient)
	m.State, m.CreatedAt, m.UpdatedAt, m.DueAt = Pending, now, now, now
	if m.Urgent {
		m.DueAt = now.Add(-headStart)
	}
	return m
}

// Transition is a change of a mail's state, with the states from which it may happen.
type Transition struct {
	From []State
	To   State
}

// The transitions of a mail; there are no others.
var (
	Claim     = Transition{[]State{Pending}, Sending}
	Delay     = Transition{[]State{Sending}, Pending} // SES asks to come later
	Accept    = Transition{[]State{Sending, Unknown}, Sent}
	Refuse    = Transition{[]State{Sending}, Failed}
	Lose      = Transition{[]State{Sending}, Unknown} // nobody knows how the attempt ended
	Suppress  = Transition{[]State{Pending}, Suppressed}
	Supersede = Transition{[]State{Pending}, Superseded}
	Resend    = Transition{[]State{Unknown}, Pending} // an operator's decision
	// Confirm is SES's own Send event, which is the last word on a send of unknown outcome.
	Confirm = Transition{[]State{Sending, Unknown, Pending}, Sent}
)

// Circuit is the switch that stops all sending while SES refuses the whole account. It
// closes by itself: the first mail after it tries again.
type Circuit struct {
	Until  time.Time
	Reason string
	// Quota tells that the account has sent what it may in 24 hours, which passes and is
	// nobody's fault.
	Quota bool
}

// Open tells whether nothing may be sent at a time.
func (c Circuit) Open(now time.Time) bool { return now.Before(c.Until) }
