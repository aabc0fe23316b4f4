package operations

import (
	"context"

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

// Roles is the one table that says which role an operation needs. What goes beyond it is next
// to its operation (CompleteStep, LiftHold, ListTasks, GetTask, ListLog, DecideChange):
// requesters may read their own tasks without a role, an Auditor completes only the steps they
// own and lifts only the hold that they placed, a Viewer does not read the log of a deleted
// release, and with duties separate an Admin does not decide on a change request of their own.
// docs/security.md shows all of it to people.
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
