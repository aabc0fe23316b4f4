package rest

import "example.com/releases/shared/release"

// Code is one row of the registry of problem codes: the title that its problems
// carry and one that is true.
type Code struct {
	Title   string
	Example release.Error // holds the code and its kind
}

const tokenNeeded = "A valid access token is needed"

// Codes is the one list of every code that a problem can have, by HTTP status. The
// documents are made from it; a test holds it equal to what the code uses.
var Codes = []Code{
	{"The request is not valid", release.Error{
		Kind: release.KindInvalid, Code: "invalid-request",
		Detail: "Nothing was changed. Correct name, scheduledEnd and send the request again; errors[] says what is wrong with each.",
		Fields: []release.FieldError{
			{Field: "name", Message: "is required and must not be blank (at most 200 bytes)"},
			{Field: "scheduledEnd", Message: "must be after scheduledStart"},
		},
	}},
	{"The body is not a JSON object", release.Error{
		Kind: release.KindInvalid, Code: "invalid-json",
		Detail: "The body is not valid JSON at byte 17. Nothing was changed. Correct it and send it again.",
	}},
	{"A header is not valid", release.Error{
		Kind: release.KindInvalid, Code: "invalid-header",
		Detail: "The header Idempotency-Key must be one value of 1 to 255 visible ASCII characters without spaces, such as a UUID. Nothing was changed. Correct it, or leave it out, and send the request again.",
		Fields: []release.FieldError{{Field: "Idempotency-Key", Message: "must be one value of 1 to 255 visible ASCII characters without spaces, such as a UUID"}},
	}},
	{"The cursor is not valid", release.Error{
		Kind: release.KindInvalid, Code: "invalid-cursor",
		Detail: "This cursor is not one that this list gave out. Start again without a cursor, with the same filters as before.",
		Fields: []release.FieldError{{Field: "cursor", Message: "is not a cursor of this list"}},
	}},
	{"Change requests do not exist", release.Error{
		Kind: release.KindInvalid, Code: "unknown-change-requests",
		Detail: "Nothing was changed. Some ids name no change request; errors[] says what is wrong with each. Correct or leave them out and send the request again.",
		Fields: []release.FieldError{{Field: "add[1]", ID: "CHG-1003", Code: "not-found", Message: "there is no change request CHG-1003"}},
	}},

	// The gateway answers these, from what the authorizer says; the last only if it was
	// left out. One title, because one template words them all.
	{tokenNeeded, release.Error{
		Kind: release.KindUnauthenticated, Code: "token-missing",
		Detail: "This needs an access token. Send it in the header: Authorization: Bearer <token>.",
	}},
	{tokenNeeded, release.Error{
		Kind: release.KindUnauthenticated, Code: "token-invalid",
		Detail: "The access token is not valid here. It may have expired or be meant for another service. Get a new one and repeat the request.",
	}},
	{tokenNeeded, release.Error{
		Kind: release.KindUnauthenticated, Code: "unauthenticated",
		Detail: "Send an access token in the header Authorization: Bearer <token>.",
	}},
	{"The role does not suffice", release.Error{
		Kind: release.KindForbidden, Code: "forbidden",
		Detail: "This needs the role Admin; your token carries the role Viewer. Nothing was changed. Ask whoever manages your identity provider for the role, or somebody who has it to do this.",
	}},
	{"The step belongs to somebody else", release.Error{
		Kind: release.KindForbidden, Code: "not-step-owner",
		Detail: "Only the step's owner or an Admin can complete it, and your token does not carry the owner's verified e-mail address. Nothing was changed.",
	}},
	// The gateway's, as are the quota's below: what an organisation puts before the service.
	{"A firewall refused the request", release.Error{
		Kind: release.KindForbidden, Code: "request-blocked",
		Detail: "The firewall before this service refused the request, and nothing was changed. Quote the requestId to whoever runs this service if the request is what you meant.",
	}},
	{"There is no such thing", release.Error{
		Kind: release.KindNotFound, Code: "not-found",
		Detail: "There is no release REL-2026-Q2-999. Check the id, or list what exists.",
	}},
	{"The lifecycle does not allow this step", release.Error{
		Kind: release.KindConflict, Code: "invalid-transition",
		Detail: "A release that is planned cannot become deployed. Allowed next: approved, cancelled.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"Change requests lack the CAB's approval", release.Error{
		Kind: release.KindConflict, Code: "cab-approval-missing",
		Detail: "REL-2026-Q2-001 cannot become approved: the CAB has not approved CHG-1002. Record its decision with POST /api/change-requests/{id}/decision, or remove what is not approved from the release.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
		ChangeRequests: []string{"CHG-1002"},
	}},
	{"The release has no window", release.Error{
		Kind: release.KindConflict, Code: "window-missing",
		Detail: "REL-2026-Q2-001 cannot become scheduled without a window: set scheduledStart and scheduledEnd, start before end, with PATCH /api/releases/REL-2026-Q2-001.",
		Status: release.Approved, AllowedNextStatuses: []release.Status{release.Scheduled, release.Cancelled},
	}},
	{"Somebody else was faster", release.Error{
		Kind: release.KindConflict, Code: "status-changed",
		Detail: "Somebody else moved REL-2026-Q2-001 to approved at the same moment. Nothing was changed by this request. Read the release and decide again.",
		Status: release.Approved, AllowedNextStatuses: []release.Status{release.Scheduled, release.Cancelled},
	}},
	{"The log entry names another status", release.Error{
		Kind: release.KindConflict, Code: "status-not-current",
		Detail: "REL-2026-Q2-001 is planned, not deployed. The entry was not written. Leave status out, or send the current one.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The release is still being created", release.Error{
		Kind: release.KindConflict, Code: "linking",
		Detail: "REL-2026-Q2-001 is still being created: 40 of its change requests are not linked yet. Nothing was changed. Try again in a moment.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"Change requests cannot be linked", release.Error{
		Kind: release.KindConflict, Code: "not-linkable",
		Detail: "CHG-1003 cannot be linked to REL-2026-Q2-001; errors[] says why, id by id. Correct or leave them out and send the request again.",
		Fields: []release.FieldError{{Field: "add[1]", ID: "CHG-1003", Code: "linked-elsewhere", Message: "CHG-1003 is in REL-2026-Q2-002; a change request is in at most one live release"}},
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
		ChangeRequests: []string{"CHG-1003"},
	}},
	{"The release would hold too many change requests", release.Error{
		Kind: release.KindConflict, Code: "too-many-changes",
		Detail: "REL-2026-Q2-001 would hold 104 change requests; a release holds at most 100. Nothing was changed. Remove some, or plan a second release.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The scope is frozen", release.Error{
		Kind: release.KindConflict, Code: "scope-frozen",
		Detail: "REL-2026-Q2-001 is in-progress: its change requests can no longer be linked or removed. Nothing was changed. Plan what is left in another release.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"The release cannot be deleted", release.Error{
		Kind: release.KindConflict, Code: "not-deletable",
		Detail: "REL-2026-Q2-001 is scheduled; only planned and cancelled releases can be deleted. Nothing was changed. Cancel it first, or keep it as a record.",
		Status: release.Scheduled, AllowedNextStatuses: []release.Status{release.InProgress, release.Cancelled},
	}},
	{"A field can no longer change", release.Error{
		Kind: release.KindConflict, Code: "field-frozen",
		Detail: "REL-2026-Q2-001 is in-progress: name can no longer change. Nothing was changed. What can: description, releaseManager, releaseManagerEmail, rollbackSteps, public, publicSummary.",
		Fields: []release.FieldError{{Field: "name", Message: "cannot change while the release is in-progress"}},
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"Steps cannot be completed now", release.Error{
		Kind: release.KindConflict, Code: "steps-closed",
		Detail: "REL-2026-Q2-001 is planned: steps of the rollout plan can be completed while it is scheduled, in-progress. Nothing was changed.",
		Status: release.Planned, AllowedNextStatuses: []release.Status{release.Approved, release.Cancelled},
	}},
	{"The CAB's decision is final", release.Error{
		Kind: release.KindConflict, Code: "decision-frozen",
		Detail: "CHG-1001 is in REL-2026-Q2-001, which is in-progress: the CAB's decision can no longer change. Nothing was changed. If the change must not go on, roll the release back or cancel it.",
		Status: release.InProgress, AllowedNextStatuses: []release.Status{release.Deployed, release.RolledBack, release.Cancelled},
	}},
	{"The change request is still being given back", release.Error{
		Kind: release.KindConflict, Code: "settling",
		Detail: "CHG-1001 is being given back by REL-2026-Q2-001, which has ended (rolled-back). Nothing was changed. Try again in a moment.",
	}},
	{"A release has resolved the task", release.Error{
		Kind: release.KindConflict, Code: "task-resolved-by-release",
		Detail: "TASK-1001 was resolved by REL-2026-Q2-001, which is deployed: it stays linked to CHG-1001 so that a rollback finds it. Nothing was changed. Edit its other fields, or open a new task.",
	}},
	{"The id is taken", release.Error{
		Kind: release.KindConflict, Code: "already-exists",
		Detail: "There is already a change request CHG-1001. Nothing was changed. Read it, or choose another id.",
	}},
	{"The same request is being carried out", release.Error{
		Kind: release.KindConflict, Code: "request-in-progress",
		Detail: "Another request with this Idempotency-Key is being carried out. Send the same request again in a moment to get its answer.",
	}},

	{"It has changed since it was read", release.Error{
		Kind: release.KindPreconditionFailed, Code: "revision-stale",
		Detail: "The release REL-2026-Q2-001 is at revision 4, not 3 as If-Match says. Nothing was changed. Read it again, see what changed, and send your change with the new ETag.",
	}},
	{"There is something already", release.Error{
		Kind: release.KindPreconditionFailed, Code: "already-there",
		Detail: "If-None-Match: * asks that there be nothing here yet, and there is. Nothing was changed. Leave the header out, or send the ETag of what you have read in If-Match.",
	}},
	{"The body is too large", release.Error{
		Kind: release.KindTooLarge, Code: "too-large",
		Detail: "The body is larger than 256 KiB. Nothing was changed. Send less, or in several requests.",
	}},
	{"The body is not sent as JSON", release.Error{
		Kind: release.KindUnsupportedMedia, Code: "unsupported-media-type",
		Detail: "Send the body as JSON in UTF-8, with the header Content-Type: application/json. Nothing was changed.",
	}},
	{"The Idempotency-Key was used for another request", release.Error{
		Kind: release.KindUnprocessable, Code: "idempotency-key-reused",
		Detail: "This Idempotency-Key was used for another request within 24 hours. Nothing was changed. Use a new key for a new request.",
	}},
	{"Too many requests", release.Error{
		Kind: release.KindThrottled, Code: "throttled",
		Detail: "Too many requests at once. Try again in a moment; with an Idempotency-Key it is safe to send the same request again.",
	}},
	{"The quota is used up", release.Error{
		Kind: release.KindThrottled, Code: "quota-exceeded",
		Detail: "The number of requests that this client may send is used up until its period ends. Nothing was changed. Ask whoever runs this service for a larger quota.",
	}},
	{"Something went wrong here", release.Error{
		Kind: release.KindInternal, Code: "internal",
		Detail: "Something went wrong here, not with your request. Try again; if it stays, quote the requestId to whoever runs this service.",
	}},
	{"The service is not available", release.Error{
		Kind: release.KindUnavailable, Code: "unavailable",
		Detail: "The data store did not answer in time. It is not known whether the change was made: read before you repeat, or repeat with the same Idempotency-Key.",
	}},
}
