package mail

import (
	"encoding/json"
	"time"
)

// Window is when a release runs.
type Window struct{ Start, End time.Time }

// RecipientState is what one person knows, or is about to be told, of a release's window.
// There is one row per person and release, and another if they work on it. A row changes only
// in the transaction that puts a mail into the outbox, so comparing it with the window
// always says what there still is to tell.
type RecipientState struct {
	ReleaseID string
	Recipient string // who it is: release.AddressKey, or the lower-case address of older rows
	Team      bool   // what they know as somebody who works on the release, not as a requester
	Address   string // as the task spells it
	Name      string

	// Known is the version of the window that has certainly reached the person, 0 for none;
	// that of the latest mail follows once it is being sent.
	Known       int
	KnownWindow Window
	// MailID is the latest mail, and Effect the version of the window that the person
	// knows once they have it; 0 means that it withdraws the window.
	MailID       string
	Effect       int
	EffectWindow Window
	// Sequence is the SEQUENCE of this person's calendar event; it only grows.
	Sequence int
	UID      string
	// Via are the change requests because of which the person was told; Left are those
	// that were dropped while others still affect the person.
	Via  []string
	Left []string
	// Facts is what the person was told of the release itself, as JSON: they may have to
	// be told of its cancellation when it is already deleted.
	Facts string

	Revision int
}

// Knows tells whether a window, one that still stands, has reached the person, judging by
// the state of the latest mail. What is being sent cannot be stopped any more.
func (t RecipientState) Knows(state State) bool {
	switch state {
	case Sending, Sent, Unknown:
		return t.Effect > 0
	}
	return t.Known > 0
}

// HasEvent tells whether the person's calendar may have an entry of the release.
func (t RecipientState) HasEvent() bool { return t.UID != "" && (t.Known > 0 || t.Effect > 0) }

// keepFacts keeps what a notice says of the release itself.
func (t *RecipientState) keepFacts(n Notice) {
	facts, _ := json.Marshal(n.Facts) // strings always marshal
	t.Facts = string(facts)
}
