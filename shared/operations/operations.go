// Package operations is what a caller may do, one function per operation: role,
// validation, write. REST and MCP call nothing else, so they cannot differ. It must
// know neither HTTP nor MCP.
package operations

import (
	"context"
	"crypto/rand"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// Name is an operation's name: the same words as its folder under functions/.
type Name string

// The operations.
const (
	ListReleases      Name = "list-releases"
	CreateRelease     Name = "create-release"
	GetRelease        Name = "get-release"
	DeleteRelease     Name = "delete-release"
	AddChanges        Name = "add-changes"
	UpdateRelease     Name = "update-release"
	CheckReadiness    Name = "check-readiness"
	AppendLog         Name = "append-log"
	ListLog           Name = "list-log"
	LiftHold          Name = "lift-hold"
	GetReview         Name = "get-review"
	GetEvidence       Name = "get-evidence"
	EraseWords        Name = "erase-words"
	CompleteStep      Name = "complete-step"
	TransitionRelease Name = "transition-release"
	ListChanges       Name = "list-changes"
	CreateChange      Name = "create-change"
	GetChange         Name = "get-change"
	UpdateChange      Name = "update-change"
	DecideChange      Name = "decide-change"
	ListChangeLog     Name = "list-change-log"
	ListTasks         Name = "list-tasks"
	CreateTask        Name = "create-task"
	GetTask           Name = "get-task"
	UpdateTask        Name = "update-task"
	GetCheckpoint     Name = "get-checkpoint"
)

// Roles is the one table that says which role an operation needs. Three rules go beyond it
// and are next to their operations: requesters may read their own tasks without a role, an
// Auditor completes only the steps they own, and lifts only the hold that they placed.
var Roles = map[Name]release.Role{
	ListReleases:      release.Viewer,
	CreateRelease:     release.Admin,
	GetRelease:        release.Viewer,
	DeleteRelease:     release.Admin,
	AddChanges:        release.Admin,
	UpdateRelease:     release.Admin,
	CheckReadiness:    release.Viewer,
	AppendLog:         release.Auditor,
	ListLog:           release.Viewer,
	LiftHold:          release.Auditor,
	GetReview:         release.Viewer,
	GetEvidence:       release.Auditor,
	EraseWords:        release.Admin,
	CompleteStep:      release.Auditor,
	TransitionRelease: release.Admin,
	ListChanges:       release.Viewer,
	CreateChange:      release.Admin,
	GetChange:         release.Viewer,
	UpdateChange:      release.Admin,
	DecideChange:      release.Admin,
	ListChangeLog:     release.Viewer,
	ListTasks:         release.Viewer,
	CreateTask:        release.Admin,
	GetTask:           release.Viewer,
	UpdateTask:        release.Admin,
	GetCheckpoint:     release.Viewer,
}

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

// allow returns the caller if their role suffices for the operation.
func allow(ctx context.Context, op Name) (release.Caller, error) {
	who, ok := release.CallerFrom(ctx)
	if !ok {
		return who, release.Fail(release.KindUnauthenticated, "unauthenticated",
			"The request carries no access token.")
	}
	if need := Roles[op]; who.Role < need {
		has := "no role here"
		if who.Role != release.NoRole {
			has = "the role " + who.Role.String()
		}
		return who, release.Fail(release.KindForbidden, "forbidden",
			"This needs the role %s; your token carries %s.", need, has)
	}
	return who, nil
}

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
