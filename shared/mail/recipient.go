package mail

import "time"

// Window is when a release runs.
type Window struct{ Start, End time.Time }

// RecipientState is what one person knows, or is about to be told, of a release's window. A row
// per person and release; it changes only together with a mail in the outbox, so it
// says at any time what there still is to tell.
type RecipientState struct {
	ReleaseID string
	Recipient string // who it is: release.AddressKey, or the lower-case address of older rows
	Address   string // as the task spells it
	Name      string

	// Known is the version of the window that has reached the person, 0 for none, as
	// far as it is settled; the latest mail adds to it once it is on its way.
	Known       int
	KnownWindow Window
	// MailID is the latest mail, and Effect the version of the window that the person
	// knows with it; 0 takes the window back.
	MailID       string
	Effect       int
	EffectWindow Window
	// Sequence numbers the calendar's event at this person; it only grows.
	Sequence int
	UID      string
	// Via are the change requests because of which the person was told; Left, those that
	// were dropped while the person stayed concerned by others.
	Via  []string
	Left []string
	// Facts is what the person was told of the release itself, as JSON: they may have to
	// be told that it is off when it is gone.
	Facts string

	Revision int
}
