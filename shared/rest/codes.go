package rest

import (
	"net/http"
	"time"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// statuses is the one place where kinds of failure become HTTP statuses.
var statuses = [...]int{
	release.KindInternal:           http.StatusInternalServerError,
	release.KindInvalid:            http.StatusBadRequest,
	release.KindUnauthenticated:    http.StatusUnauthorized,
	release.KindForbidden:          http.StatusForbidden,
	release.KindNotFound:           http.StatusNotFound,
	release.KindConflict:           http.StatusConflict,
	release.KindPreconditionFailed: http.StatusPreconditionFailed,
	release.KindTooLarge:           http.StatusRequestEntityTooLarge,
	release.KindUnsupportedMedia:   http.StatusUnsupportedMediaType,
	release.KindUnprocessable:      http.StatusUnprocessableEntity,
	release.KindThrottled:          http.StatusTooManyRequests,
	release.KindUnavailable:        http.StatusServiceUnavailable,
}

// Status is the HTTP status of a kind of failure.
func Status(kind release.ErrorKind) int {
	if kind < 0 || int(kind) >= len(statuses) {
		return http.StatusInternalServerError
	}
	return statuses[kind]
}

// Code is one row of the registry of problem codes: the title of its problems, what a REST
// client should do next, and an example.
type Code struct {
	Title string
	// Next says what to do next, after a read or a write; nil where the detail says it.
	Next    func(e *release.Error, writes bool) string
	Example release.Error // holds the code and its kind
}

// next is a fixed advice, whatever the failure holds.
func next(advice string) func(*release.Error, bool) string {
	return func(*release.Error, bool) string { return advice }
}

func allowedNext(e *release.Error, _ bool) string {
	switch {
	case e.AlreadySo:
		return "If this repeats a request whose answer was lost, that one succeeded."
	case len(e.AllowedNextStatuses) == 0:
		return "Its lifecycle has ended."
	}
	return "Allowed next: " + release.Join(e.AllowedNextStatuses) + "."
}

func frozenScope(e *release.Error, _ bool) string {
	if e.Status.HasBegun() {
		return "Plan what is left in another release."
	}
	return "Only its log still takes entries."
}

func held(e *release.Error, _ bool) string {
	return release.HoldsText(e.Holds) + " Whoever placed a hold lifts it with " + routeOf[operations.LiftHold] + "; an Admin adds ?holder= and the subject in holds[]. cancelled and rolled-back can be entered nevertheless."
}

func readBeforeRepeating(e *release.Error, writes bool) string {
	if !writes || e.Outcome == release.OutcomeUnchanged {
		return "Try again in a moment."
	}
	return "Read before you repeat, or repeat with the same Idempotency-Key."
}

const tokenNeeded = "A valid access token is needed"

// Codes is the one list of every code that a problem can have, ordered by HTTP status. The
// documents are made from it; a test keeps it equal to the codes that are used.
var Codes = []Code{
	{"The request is not valid", next("Correct it and send the request again; errors[] says what is wrong with each."), release.Error{
		Kind: release.KindInvalid, Code: "invalid-request",
		Detail: "What is wrong with the request: name, scheduledEnd.",
		Fields: []release.FieldError{
			{Field: "name", Message: "is required and must not be blank (at most 200 bytes)"},
			{Field: "scheduledEnd", Message: "must be after scheduledStart"},
		},
	}},
	{"The body is not a JSON object", next("Correct it and send it again."), release.Error{
		Kind: release.KindInvalid, Code: "invalid-json",
		Detail: "What was sent is not valid JSON at byte 17.",
	}},
	{"A header is not valid", next("Correct it, or leave it out, and send the request again."), release.Error{
		Kind: release.KindInvalid, Code: "invalid-header",
		Detail: "The header Idempotency-Key must be one value of 1 to 255 visible ASCII characters without spaces, such as a UUID.",
		Fields: []release.FieldError{{Field: "Idempotency-Key", Message: "must be one value of 1 to 255 visible ASCII characters without spaces, such as a UUID"}},
	}},
	{"The cursor is not valid", next("Start again without a cursor, with the same filters as before."), release.Error{
		Kind: release.KindInvalid, Code: "invalid-cursor",
		Detail: "This cursor is not one that this list gave out.",
		Fields: []release.FieldError{{Field: "cursor", Message: "is not a cursor of this list"}},
	}},
	{"Change requests do not exist", next("Correct or leave them out and send the request again; errors[] says what is wrong with each."), release.Error{
		Kind: release.KindInvalid, Code: "unknown-change-requests",
		Detail: "Some ids name no change request.",
		Fields: []release.FieldError{{Field: "add[1]", ID: "CHG-1003", Code: "not-found", Message: "there is no change request CHG-1003"}},
	}},

	// The gateway answers these, from what the authorizer says; the last only where the
	// authorizer was bypassed. They share a title because one template words them all.
	{tokenNeeded, nil, release.Error{
		Kind: release.KindUnauthenticated, Code: "token-missing",
		Detail: "This needs an access token. Send it in the header: Authorization: Bearer <token>.",
	}},
	{tokenNeeded, nil, release.Error{
		Kind: release.KindUnauthenticated, Code: "token-invalid",
		Detail: "The access token is not valid here. It may have expired or be meant for another service. Get a new one and repeat the request.",
	}},
	{tokenNeeded, next("Send one in the header Authorization: Bearer <token>."), release.Error{
		Kind: release.KindUnauthenticated, Code: "unauthenticated",
		Detail: "The request carries no access token.",
	}},
	{"Insufficient role", next("Ask whoever manages your identity provider for the role, or somebody who has it to do this."), release.Error{
		Kind: release.KindForbidden, Code: "forbidden",
		Detail: "This needs the role Admin; your token carries the role Viewer.",
	}},
	{"The step belongs to somebody else", next("Ask its owner (ownerEmail) or an Admin."), release.Error{
		Kind: release.KindForbidden, Code: "not-step-owner",
		Detail: "Only the step's owner or an Admin can complete it, and your token does not carry the owner's verified e-mail address.",
	}},
	{"The hold is somebody else's", next("Ask them (holds[] of the release) or an Admin."), release.Error{
		Kind: release.KindForbidden, Code: "not-hold-owner",
		Detail: "Only whoever placed a hold, or an Admin, can lift it.",
	}},
	// The gateway's, like the quota's below: for what an organisation puts before the service.
	{"A firewall refused the request", nil, release.Error{
		Kind: release.KindForbidden, Code: "request-blocked",
		Detail: "The firewall before this service refused the request, and nothing was changed. Quote the requestId to whoever runs this service if the request is what you meant.",
	}},
	{"Not found", next("Check the id and the path, or list what exists; GET /openapi.json has every path and method."), release.Error{
		Kind: release.KindNotFound, Code: "not-found",
		Detail: "There is no release REL-2026-Q2-999.",
	}},
	{"Nothing has been sealed yet", next("Ask again in a minute or two: the record is sealed each minute. If it stays so, tell whoever runs this service."), release.Error{
		Kind: release.KindNotFound, Code: "nothing-sealed",
		Detail: "Nothing has been sealed yet.",
	}},
	{"The lifecycle does not allow this step", allowedNext, release.Error{
		Kind: release.KindConflict, Code: "invalid-transition",
		Detail: "A release that is planned cannot become deployed.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"Change requests lack the CAB's approval", next("Record its decision with " + routeOf[operations.DecideChange] + ", or remove what is not approved with " + routeOf[operations.AddChanges] + "."), release.Error{
		Kind: release.KindConflict, Code: "cab-approval-missing",
		Detail: "REL-2026-Q2-001 cannot become approved: the CAB has not approved CHG-1002.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
		ChangeRequests: []string{"CHG-1002"},
	}},
	{"The release is held", held, release.Error{
		Kind: release.KindConflict, Code: "held",
		Detail: "REL-2026-Q2-001 cannot become deployed while it is held.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
		Holds: []release.Hold{{By: "Otto Auditor", Subject: "5f0b36e2-6a3f-4a7c-8a0b-0e7b1f6c2d22", Since: time.Date(2026, 6, 30, 22, 10, 0, 0, time.UTC), Text: "The disk of the second node is full."}},
	}},
	{"The release has ended", next("To put something on record, write a note without hold."), release.Error{
		Kind: release.KindConflict, Code: "release-ended",
		Detail: "REL-2026-Q2-001 is cancelled: there is nothing left to stop, and no hold was placed.",
		Status: release.Cancelled, AllowedNextStatuses: []release.Status{},
	}},
	{"There are too many holds", next("To put something on record, write a note without hold."), release.Error{
		Kind: release.KindConflict, Code: "too-many-holds",
		Detail: "REL-2026-Q2-001 is already held by 20 people, the most that can hold a release; it stays held.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The release has no window", next("Set both with " + routeOf[operations.UpdateRelease] + "."), release.Error{
		Kind: release.KindConflict, Code: "window-missing",
		Detail: "REL-2026-Q2-001 cannot become scheduled without a window (scheduledStart before scheduledEnd).",
		Status: release.Approved, AllowedNextStatuses: []release.Status{release.Scheduled, release.Cancelled},
	}},
	{"The status has changed", next("Read the release and decide again."), release.Error{
		Kind: release.KindConflict, Code: "status-changed",
		Detail: "Somebody else moved REL-2026-Q2-001 to approved at the same time.",
		Status: release.Approved, AllowedNextStatuses: []release.Status{release.Scheduled, release.Cancelled},
	}},
	{"The log entry names another status", next("Leave status out, or send the current one."), release.Error{
		Kind: release.KindConflict, Code: "status-not-current",
		Detail: "REL-2026-Q2-001 is planned, not deployed: the entry was not written.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"There is nothing to erase", next("Read the entry in the log: what has been erased already is empty there."), release.Error{
		Kind: release.KindConflict, Code: "nothing-to-erase",
		Detail: "The entry e0 of REL-2026-Q2-001 has no text, or not any more.",
	}},
	{"The entry is not sealed yet", next("Write a log entry, and try again in a few minutes."), release.Error{
		Kind: release.KindConflict, Code: "not-sealed",
		Detail: "The entry 12 of REL-2026-Q2-001 is from before its words stood beside it: it takes that form when it is sealed, minutes after the next entry.",
	}},
	{"The release is still being created", next("Try again in a moment."), release.Error{
		Kind: release.KindConflict, Code: "linking",
		Detail: "REL-2026-Q2-001 is still being created: 40 of its change requests are not linked yet.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"Change requests cannot be linked", next("errors[] says why, id by id. Correct or leave them out and send the request again."), release.Error{
		Kind: release.KindConflict, Code: "not-linkable",
		Detail: "CHG-1003 cannot be linked to REL-2026-Q2-001.",
		Fields: []release.FieldError{{Field: "add[1]", ID: "CHG-1003", Code: "linked-elsewhere", Message: "CHG-1003 is in REL-2026-Q2-002; a change request is in at most one live release"}},
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
		ChangeRequests: []string{"CHG-1003"},
	}},
	{"The release would hold too many change requests", next("Remove some, or plan a second release."), release.Error{
		Kind: release.KindConflict, Code: "too-many-changes",
		Detail: "REL-2026-Q2-001 would hold 104 change requests; a release holds at most 100.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The scope is frozen", frozenScope, release.Error{
		Kind: release.KindConflict, Code: "scope-frozen",
		Detail: "REL-2026-Q2-001 is in-progress: its change requests can no longer be linked or removed.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"The release cannot be deleted", next("Cancel it first, or keep it as a record."), release.Error{
		Kind: release.KindConflict, Code: "not-deletable",
		Detail: "REL-2026-Q2-001 is scheduled; only planned and cancelled releases can be deleted.",
		Status: release.Scheduled, AllowedNextStatuses: []release.Status{release.InProgress, release.Cancelled},
	}},
	{"A field can no longer change", next("Leave it out and send the request again."), release.Error{
		Kind: release.KindConflict, Code: "field-frozen",
		Detail: "REL-2026-Q2-001 is in-progress: name can no longer change; " + release.EditableSentence(release.InProgress),
		Fields: []release.FieldError{{Field: "name", Message: "cannot change while the release is in-progress"}},
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"Steps cannot be completed now", next("Read the release to see where it stands; what was done at another time belongs in the log."), release.Error{
		Kind: release.KindConflict, Code: "steps-closed",
		Detail: "REL-2026-Q2-001 is planned: steps of the rollout plan can be completed while it is scheduled, in-progress.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The CAB's decision is final", next("If the change must not go on, roll the release back or cancel it."), release.Error{
		Kind: release.KindConflict, Code: "decision-frozen",
		Detail: "CHG-1001 is in REL-2026-Q2-001, which is in-progress: the CAB's decision can no longer change.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"The change request is frozen", next("Enter the difference as another change request, or roll the release back or cancel it."), release.Error{
		Kind: release.KindConflict, Code: "change-frozen",
		Detail: "CHG-1001 is in REL-2026-Q2-001, which is in-progress: what the CAB approved cannot change meanwhile.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"Somebody else has to decide", next("Ask another Admin to record the CAB's decision."), release.Error{
		Kind: release.KindConflict, Code: "own-change",
		Detail: "You cannot decide on CHG-1001: you created it, and duties are separate here.",
	}},
	{"The change request is not free yet", next("Try again in a moment."), release.Error{
		Kind: release.KindConflict, Code: "settling",
		Detail: "CHG-1001 is being given back by REL-2026-Q2-001, which has ended (rolled-back).",
	}},
	{"A release has resolved the task", next("Edit its other fields, or open a new task."), release.Error{
		Kind: release.KindConflict, Code: "task-resolved-by-release",
		Detail: "TASK-1001 was resolved by REL-2026-Q2-001, which is deployed: it stays linked to CHG-1001 so that a rollback finds it.",
	}},
	{"The id is taken", next("Read what has it, or choose another id."), release.Error{
		Kind: release.KindConflict, Code: "already-exists",
		Detail: "There is already a change request CHG-1001.",
	}},
	{"The same request is being carried out", next("Send the same request again in a moment to get its answer."), release.Error{
		Kind: release.KindConflict, Code: "request-in-progress",
		Detail: "Another request with this idempotency key is being carried out.",
	}},

	{"It has changed since it was read", next("Read it again, see what changed, and send your change with the new ETag, without W/, in If-Match."), release.Error{
		Kind: release.KindPreconditionFailed, Code: "revision-stale",
		Detail: "The release REL-2026-Q2-001 is at revision 4, not 3.",
	}},
	{"It already exists", next("Leave the header out, or send the ETag of what you have read in If-Match."), release.Error{
		Kind: release.KindPreconditionFailed, Code: "already-there",
		Detail: "If-None-Match: * requires that nothing exists here yet, but something does.",
	}},
	{"The body is too large", next("Send less, or in several requests."), release.Error{
		Kind: release.KindTooLarge, Code: "too-large",
		Detail: "The body is larger than 256 KiB.",
	}},
	{"The body is not JSON", next("Send plain JSON in UTF-8, with that Content-Type and without Content-Encoding."), release.Error{
		Kind: release.KindUnsupportedMedia, Code: "unsupported-media-type",
		Detail: "The body is not JSON in UTF-8 with the header Content-Type: application/json.",
	}},
	{"The Idempotency-Key was used for another request", next("Use a new Idempotency-Key for a new request."), release.Error{
		Kind: release.KindUnprocessable, Code: "idempotency-key-reused",
		Detail: "This idempotency key was used for another request within 24 hours.",
	}},
	{"Too many requests", next("Try again in a moment; with an Idempotency-Key it is safe to send the same request again."), release.Error{
		Kind: release.KindThrottled, Code: "throttled", Outcome: release.OutcomeUnknown,
		Detail: "Too many requests at once.",
	}},
	{"The quota is used up", nil, release.Error{
		Kind: release.KindThrottled, Code: "quota-exceeded",
		Detail: "The number of requests that this client may send is used up until its period ends. Nothing was changed. Ask whoever runs this service for a larger quota.",
	}},
	{"Something went wrong here", next("Try again; if it happens again, quote the requestId to whoever runs this service."), release.Error{
		Kind: release.KindInternal, Code: "internal", Outcome: release.OutcomeUnknown,
		Detail: "Something went wrong here, not with your request.",
	}},
	{"The service is not available", readBeforeRepeating, release.Error{
		Kind: release.KindUnavailable, Code: "unavailable", Outcome: release.OutcomeUnknown,
		Detail: "The data store did not answer in time.",
	}},
}
