package openapi

const introduction = `Releases groups change requests into coordinated deployments: ITIL's *Release and Deployment Management*.

A release is planned, approved, scheduled, carried out and deployed, or rolled back, or cancelled; a step of this lifecycle that needs the CAB's approval is refused while a linked change request lacks it. When a release is deployed, its change requests and the tasks linked to them are resolved; when it is rolled back, they are reopened. That happens within moments, and ` + "`settlement`" + ` tells how far it has come.

**Who may do what.** Send an access token with each request. The roles are Viewer (reads), Auditor (also writes to the log, holds a release and lifts that hold, completes the steps they own, and fetches evidence) and Admin (everything).

**Times** are RFC 3339, in UTC in every answer. Unknown fields and parameters are errors, and one answer names everything that is wrong.

**Texts** hold what people can see: a character that is hidden (an override of the direction of writing, a tag, a zero-width space in a word, a control character) is refused by name and place. Joiners pass where a script or an emoji needs them. **E-mail addresses** are those that can be mailed: plain ASCII before the @, a host's name after it, which may be internationalised. An edit is judged by the fields that it changes.

**Reading again.** Every answer to a GET has an ` + "`ETag`" + `; send it as ` + "`If-None-Match`" + ` and the answer is 304 while nothing has changed. HEAD works wherever GET does, with the same status and headers and no body.

**Not overwriting others.** Send the ` + "`ETag`" + ` of what you read as ` + "`If-Match`" + ` with a change: it is refused with 412 if somebody else was faster. Only the revision counts for this, which a log entry does not raise.

**Happening once.** Send an ` + "`Idempotency-Key`" + ` with a POST: repeated within 24 hours with the same body it gets the same answer again and does nothing; with another body it is refused with 422.

**Pages.** Lists answer ` + "`nextCursor`" + ` while there is more; send it as ` + "`cursor`" + ` with the same filters. A cursor stays valid when the item it points at is deleted.

**Problems** are RFC 9457 documents with a stable ` + "`code`" + `, a ` + "`detail`" + ` that says what to do next, and ` + "`errors`" + ` naming each wrong field.`

var tags = []object{
	{{"name", "Releases"}, {"description", "Plan, approve, schedule, carry out, deploy and roll back."}},
	{{"name", "Change requests"}, {"description", "What the Change Advisory Board decides on."}},
	{{"name", "Tasks"}, {"description", "What end users wait for."}},
	{{"name", "Record"}, {"description", "Proof that nothing was changed afterwards."}},
}
