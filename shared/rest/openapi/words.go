package openapi

import "example.com/releases/shared/operations"

const introduction = `Releases groups change requests into coordinated deployments: ITIL's *Release and Deployment Management*.

A release is planned, approved, scheduled, carried out and deployed, or rolled back, or cancelled; a step of this lifecycle that needs the CAB's approval is refused while a linked change request lacks it. When a release is deployed, its change requests and the tasks linked to them are resolved; when it is rolled back, they are open again. That happens within moments, and ` + "`settlement`" + ` tells how far it is.

**Who may do what.** Send an access token with each request. The roles are Viewer (reads), Auditor (writes to the log and completes the steps they own) and Admin (everything).

**Times** are RFC 3339, answered in UTC. Unknown fields and parameters are errors, and all that is wrong is named in one answer.

**Texts** hold what people can see: a character that is hidden (an override of the direction of writing, a tag, a zero-width space in a word, a control character) is refused by name and place. Joiners pass where a script or an emoji needs them. **E-mail addresses** are those that can be mailed: plain ASCII before the @, a host's name after it, which may be internationalised. An edit is judged by the fields that it changes.

**Reading again.** Every answer to a GET has an ` + "`ETag`" + `; send it as ` + "`If-None-Match`" + ` and the answer is 304 while nothing has changed. HEAD is answered wherever GET is, with the same status and headers and no body.

**Not overwriting others.** Send the ` + "`ETag`" + ` of what you read as ` + "`If-Match`" + ` with a change: it is refused with 412 if somebody else was faster. Only the revision counts for this, which a log entry does not raise.

**Happening once.** Send an ` + "`Idempotency-Key`" + ` with a POST: repeated within 24 hours with the same body it gets the same answer again and does nothing; with another body it is refused with 422.

**Pages.** Lists answer ` + "`nextCursor`" + ` while there is more; send it as ` + "`cursor`" + ` with the same filters. A cursor stays good when the thing it stands on is deleted.

**Problems** are RFC 9457 documents with a stable ` + "`code`" + `, a ` + "`detail`" + ` that says what to do next, and ` + "`errors`" + ` naming each wrong field.`

var tags = []object{
	{{"name", "Releases"}, {"description", "Plan, approve, schedule, carry out, deploy and roll back."}},
	{{"name", "Change requests"}, {"description", "What the Change Advisory Board decides on."}},
	{{"name", "Tasks"}, {"description", "What end users wait for."}},
}

var descriptions = map[operations.Name]string{
	operations.ListReleases:   "Summaries of all releases, or of those with one status, newest first. A release that was made a moment ago may be missing from the list for an instant; reading it by its id is always current.",
	operations.CreateRelease:  "The id names the quarter in which the release starts (in which it was made, where there is no window yet) and never changes. The release is born `planned`. Change requests may be linked at once; each must exist and be in no other live release.",
	operations.GetRelease:     "Everything about a release, strongly consistent: its plans, the linked change requests in short, the newest 500 entries of its log, which statuses are allowed next, and how far its settlement is.",
	operations.UpdateRelease:  "A JSON merge patch of what people edit. Until a release is in progress that is all of its plan; from then on the description, the manager, the rollback steps and what the public sees; at its end nothing. Moving the window of a scheduled release is logged, and those who were told are told again. Status, change requests and the completion of steps have requests of their own.",
	operations.DeleteRelease:  "Only a planned or cancelled release can be deleted. Its change requests become free, its log is gone.",
	operations.AddChanges:     "Any change request may join a planned release; after that only those that the CAB has approved, and none once the release is in progress. What is so already is answered as `unchanged`, so repeating is harmless. All ids are checked before anything is written; what is refused is named id by id.",
	operations.CheckReadiness: "For each next status: each condition, whether it holds, and which change requests hold it up. The advice blocks nothing. For `deployed` and `rolled-back` it counts whom that would reach.",
	operations.AppendLog:      "Author and address come from the token. The newest 500 entries are kept.",
	operations.ListLog:        "The deployment log in pages, newest first.",
	operations.TransitionRelease: "The lifecycle: planned → approved → scheduled → in-progress → deployed; cancelled from any of the first four; rolled-back from in-progress and deployed. " +
		"`approved`, `scheduled` and `in-progress` demand that every linked change request is CAB-approved, the latter two also a window. Each step is written to the log. Of two callers at the same time one succeeds and the other gets 409.",
	operations.CompleteStep:  "Steps of the rollout plan can be completed while the release is scheduled or in progress, those of the rollback plan also while it is deployed. Both directions are written to the log; what is so already changes nothing.",
	operations.ListChanges:   "All change requests, or those with one approval status, newest first.",
	operations.CreateChange:  "A `Standard` change is approved beforehand, unless the installation keeps duties separate; any other waits for the CAB.",
	operations.GetChange:     "With the newest decisions of the CAB, and the release it is in, or was in last, and the steps that would roll it back.",
	operations.UpdateChange:  "A JSON merge patch of what people edit. The type, the approval and the status cannot be patched. An approval is of what the CAB saw: an edit that changes `digest` puts an approved change request back to `pending`, and so blocks its release; editing it back does not approve it. `Standard` changes stay approved. While its release is in progress what was approved cannot change; once that is deployed it can, and the approval ends only if the release is rolled back.",
	operations.DecideChange:  "Records what the CAB decided, which can change until the release is in progress; no decision is overwritten. Where the installation keeps duties separate, whoever created the change request, or last changed what is decided on, cannot decide. Rejecting a change request that is linked blocks its release until it is removed or approved.",
	operations.ListChangeLog: "What was entered, decided and edited, newest first, whether the change request was in a release or not. A decision holds all that was decided on, an edit the new values of what changed; of old values there are fingerprints. While a change request is linked, the same stands in its release's log.",
	operations.ListTasks:     "The tasks of one requester (newest first), of one change request, or about one configuration item. Where a status narrows the list, a page may be short, or empty, and still have a next one.",
	operations.CreateTask:    "A task that is linked to a change request follows what happens to that from now on; what happened before does not touch it.",
	operations.GetTask:       "With the comments that releases have left and the badge of the release that it waits for.",
	operations.UpdateTask:    "A JSON merge patch. A task may move to another change request, unless a release that is still deployed has resolved it.",
}
