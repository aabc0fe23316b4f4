// Package operations is what a caller may do, one function per operation: role,
// validation, write. REST and MCP call nothing else, so they cannot differ. It must
// know neither HTTP nor MCP.
package operations

import (
	"crypto/rand"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// Operations runs the operations on one store. Tests replace the clock and the source of
// ids.
type Operations struct {
	store *dynamo.Store
	now   func() time.Time
	newID func() string

	separateDuties bool
}

// New returns the operations on a store, with the system's clock and random ids.
func New(store *dynamo.Store) *Operations {
	return &Operations{store: store, now: time.Now, newID: randomID}
}

// WithClock returns the operations with another clock, for tests and replays.
func (o *Operations) WithClock(now func() time.Time) *Operations {
	c := *o
	c.now = now
	return &c
}

// WithSeparateDuties returns the operations with duties separate, or not: whoever created
// a change request or last changed what the CAB decides on cannot decide on it, and
// nothing is pre-approved.
func (o *Operations) WithSeparateDuties(separate bool) *Operations {
	c := *o
	c.separateDuties = separate
	return &c
}

// randomID is 65 random bits in base32: enough that ids do not collide, and short enough to
// read out over the phone.
func randomID() string { return rand.Text()[:13] }

// Precondition is what a caller may attach to a write.
type Precondition struct {
	// IfRevision refuses the write unless what it changes still has this revision; 0 for any.
	IfRevision int
	// IdempotencyKey makes the write happen once per key; nil where the caller sent none.
	IdempotencyKey *IdempotencyKey
}

// IdempotencyKey is the Idempotency-Key of a request: Key is unique to the caller, the
// operation and the key sent, and Body is a digest of the request.
type IdempotencyKey struct {
	Key  string
	Body string
}

func (o *Operations) write(who release.Caller, pre Precondition) dynamo.Write {
	return dynamo.Write{
		Stamp:      release.Stamp{At: o.now().UTC(), By: who.Person, Request: o.newID()},
		IfRevision: pre.IfRevision, SeparateDuties: o.separateDuties,
	}
}
