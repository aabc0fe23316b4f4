package openapi

import (
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// fieldDoc is what the document says of a field beyond its type: words for people, limits
// of a value (or of each in a list), and limits of the list itself.
type fieldDoc struct {
	text   string
	limits object
	list   object
}

func docOf(text string) fieldDoc { return fieldDoc{text: text} }

func text(words string, least, most int, pattern string) fieldDoc {
	limits := object{{"maxLength", most}, {"pattern", pattern}}
	if least > 0 {
		limits = append(object{{"minLength", least}}, limits...)
	}
	return fieldDoc{text: words, limits: limits}
}

func email(words string) fieldDoc {
	return fieldDoc{text: words, limits: object{{"format", "email"}, {"maxLength", release.MaxEmail}, {"pattern", emailText}}}
}

func oneOf[T ~string](words string, values ...T) fieldDoc {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return fieldDoc{text: words, limits: object{{"enum", all}}}
}

func number(words string, least, most int) fieldDoc {
	return fieldDoc{text: words, limits: object{{"minimum", least}, {"maximum", most}}}
}

func (f fieldDoc) upTo(most int) fieldDoc {
	f.list = object{{"maxItems", most}}
	return f
}

func (f fieldDoc) unique() fieldDoc {
	f.list = append(f.list, member{"uniqueItems", true})
	return f
}

func (f fieldDoc) withWords(words string) fieldDoc {
	f.text = words
	return f
}

var identifier = fieldDoc{text: "The id.", limits: object{{"maxLength", release.MaxID}, {"pattern", "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"}}}

var ci = fieldDoc{text: "The id of a configuration item.", limits: object{{"minLength", 1}, {"maxLength", release.MaxCI}, {"pattern", ciText}}}

// demanded are the fields without which a request is refused, and which a patch cannot
// take away.
var demanded = map[string][]string{
	"NewRelease": {"name"}, "ReleasePatch": {"name"}, "StatusChange": {"status"}, "NewLogEntry": {"text"}, "StepCompletion": {"completed"},
	"NewStep":          {"order", "description"},
	"NewChangeRequest": {"changeType"}, "Decision": {"decision"},
	"NewTask": {"title", "requesterEmail"}, "TaskPatch": {"title", "requesterEmail", "status"},
}

const (
	insensitive = " Upper and lower case are the same."
	inUTF8      = " The bound counts bytes of UTF-8."
)

// facts are looked up by a schema's name and a field's, then by the field's alone.
var facts = map[string]fieldDoc{
	// What the schemas as such are.
	"Release":            docOf("A release: change requests that are deployed together, its plans, its log and how far its settlement is."),
	"NewRelease":         docOf("A release to be planned."),
	"ReleasePatch":       docOf("What changes of a release (RFC 7396): fields that are left out stay, null takes a field back. Lists are replaced as a whole; a step that keeps its `order` keeps its completion."),
	"Step":               docOf("A line of a rollout or rollback plan."),
	"NewStep":            docOf("A line of a rollout or rollback plan. Whether it is completed is not set here."),
	"ChangeRequestPatch": docOf("What changes of a change request (RFC 7396): fields that are left out stay, null takes a field back."),
	"TaskPatch":          docOf("What changes of a task (RFC 7396): fields that are left out stay, null takes a field back."),
	"Problem":            docOf("What went wrong and what to do next (RFC 9457)."),
	"Progress":           docOf("How far what follows the latest deployment, rollback or cancellation has come."),

	"id":                               identifier,
	"NewChangeRequest.id":              identifier.withWords("An id of your own, for example from an ITSM suite; one is made where it is left out."),
	"NewTask.id":                       identifier.withWords("An id of your own, for example from an ITSM suite; one is made where it is left out."),
	"name":                             text("What people call it."+inUTF8, 1, release.MaxName, someLine),
	"version":                          text("The version that is released."+inUTF8, 0, release.MaxVersion, lineText),
	"description":                      text("What it is about."+inUTF8, 0, release.MaxDescription, proseText),
	"Step.description":                 docOf("What is done."),
	"NewStep.description":              text("What is done."+inUTF8, 1, release.MaxStepText, someProse),
	"status":                           oneOf("Where the release stands.", release.Statuses...),
	"NewRelease.status":                oneOf("A release is born planned; nothing else can be said here."+insensitive, release.Planned),
	"StatusChange.status":              oneOf("The status to enter."+insensitive, release.Statuses...),
	"NewLogEntry.status":               oneOf("The release's current status, to have the entry refused if it has moved on."+insensitive, release.Statuses...),
	"LogEntry.status":                  oneOf("The status the release had, or entered with this entry.", release.Statuses...),
	"ListReleasesInput.status":         oneOf("Only releases with this status."+insensitive, release.Statuses...),
	"scheduledStart":                   docOf("When it begins."),
	"scheduledEnd":                     docOf("When it ends; after `scheduledStart`."),
	"releaseManager":                   text("Who answers for the release."+inUTF8, 0, release.MaxName, lineText),
	"releaseManagerEmail":              email("Where to reach them; replies to mails about the release go there."),
	"rolloutSteps":                     docOf("What is done to deploy, in order.").upTo(release.MaxSteps),
	"rollbackSteps":                    docOf("What is done to get back, in order.").upTo(release.MaxSteps),
	"successCriteria":                  text("How all agree whether it worked; best with numbers in it."+inUTF8, 0, release.MaxDescription, proseText),
	"public":                           docOf("Whether the public Trust Center may show the release's window."),
	"publicSummary":                    text("What the public reads about it."+inUTF8, 0, release.MaxSummary, proseText),
	"linkedChangeRequestIds":           identifier.withWords("The ids of the change requests in the release.").upTo(release.MaxChanges).unique(),
	"actualStart":                      docOf("When it went in progress."),
	"actualEnd":                        docOf("When it was deployed."),
	"rolledBackAt":                     docOf("When it was rolled back."),
	"rolledBackReason":                 docOf("Why it was rolled back."),
	"createdAt":                        docOf("When it was made."),
	"createdBy":                        docOf("Who made it."),
	"updatedAt":                        docOf("When it last changed."),
	"revision":                         docOf("Grows by one with each change; the ETag begins with it."),
	"allowedNextStatuses":              oneOf("The statuses that the lifecycle allows next; none at its end.", release.Statuses...),
	"settlement":                       docOf("How far what follows the latest deployment, rollback or cancellation has come."),
	"changedSinceApproval":             oneOf("The fields of the plan that changed after the release was approved; left out where none did.", release.PlanFields()...),
	"stillLinking":                     docOf("Change requests that a large creation has yet to link; until it is gone the release cannot move."),
	"linkedChangeRequests":             docOf("The linked change requests in short."),
	"deploymentLog":                    docOf("The newest 500 entries of the log, oldest first."),
	"order":                            number("Its place in the plan, which also names it.", 1, 9999),
	"ownerEmail":                       email("Who does it; an Auditor completes the steps they own."),
	"estimatedMinutes":                 number("How long it takes.", 0, release.MaxMinutes),
	"completed":                        docOf("Whether it is done."),
	"completedBy":                      docOf("Who completed it."),
	"completedAt":                      docOf("When it was completed."),
	"changeCount":                      docOf("How many change requests are linked."),
	"releases":                         docOf("The releases of this page, newest first."),
	"nextCursor":                       docOf("What to send as `cursor` for the next page; there is none on the last."),
	"limit":                            number("How many a page holds; 25 where it is left out.", 1, 100).or(operations.PageSize),
	"cursor":                           {text: "The `nextCursor` of the page before, with the same filters.", limits: object{{"maxLength", 5000}, {"pattern", "^[A-Za-z0-9_-]+$"}}},
	"add":                              identifier.withWords("Change requests to link.").upTo(release.MaxChanges).unique(),
	"remove":                           identifier.withWords("Change requests to remove. Together with `add` 1 to 100 ids.").upTo(release.MaxChanges).unique(),
	"added":                            docOf("What was linked."),
	"removed":                          docOf("What was removed."),
	"unchanged":                        docOf("What was so already."),
	"note":                             text("A remark for the record."+inUTF8, 0, release.MaxText, proseText),
	"rollback_reason":                  text("Why it is rolled back: required with `rolled-back`, refused with any other status. Every requester reads it."+inUTF8, 0, release.MaxText, proseText),
	"text":                             text("What happened."+inUTF8, 1, release.MaxText, someProse),
	"timestamp":                        docOf("When it was written."),
	"author":                           docOf("Who wrote it, from the token."),
	"authorEmail":                      docOf("Their address, from the token."),
	"entries":                          docOf("The entries of this page, newest first."),
	"LogEntry":                         docOf("An entry of a log: what happened, who did it and, by its kind, what came of it. Only notes are written by people; every other kind is left by the operation itself."),
	"LogEntry.id":                      docOf("Orders the entries of one log by acceptance."),
	"LogEntry.kind":                    oneOf("What the entry is about.", release.LogKinds...),
	"ListLogInput.kind":                oneOf("Only entries of this kind."+insensitive, release.LogKinds...),
	"authorEmailVerified":              docOf("False where the token did not say that the address is the author's own; left out otherwise."),
	"subject":                          docOf("The subject of the author's token, which tells two people of one name apart; `system` for what the system does by itself."),
	"LogEntry.releaseId":               identifier.withWords("The release in which this happened to the change request."),
	"LogEntry.changeRequestId":         identifier.withWords("The change request that the entry is about."),
	"LogEntry.decision":                oneOf("What the CAB decided.", release.CABDecisions...),
	"LogEntry.changes":                 docOf("The fields as they were written: all with `created`, those that differ with `edit`. Only in the log's own pages, not with the release."),
	"LogEntry.added":                   docOf("The change requests that joined the release, each as it was then."),
	"LogEntry.removed":                 docOf("The change requests that left the release, each as it was then."),
	"LogEntry.step":                    docOf("The step that was completed or opened again."),
	"LogEntry.settlement":              docOf("What the settlement reached, in numbers."),
	"legacy":                           docOf("True for entries of before kinds were kept; their kind is derived."),
	"FieldChange":                      docOf("What became of one field."),
	"FieldChange.field":                docOf("The field's name; `rolloutSteps[3]` is the step of order 3."),
	"to":                               docOf("What was written: a text as it is, anything else as JSON, empty where the field was emptied."),
	"was":                              docOf("A fingerprint of the value before; left out where there was none."),
	"Fingerprint":                      docOf("Recognises a value without telling it."),
	"sha256":                           docOf("The SHA-256 of the value, in hexadecimal."),
	"bytes":                            docOf("The length of the value in bytes of UTF-8."),
	"ScopedChange":                     docOf("A change request as it was when it joined a release or left it."),
	"plan":                             oneOf("Which plan.", release.RolloutPlan, release.RollbackPlan),
	"SettlementCounts":                 docOf("What a settlement reached in the end."),
	"SettlementCounts.changes":         docOf("How many change requests followed."),
	"SettlementCounts.tasks":           docOf("How many tasks followed."),
	"LogEntry.text":                    docOf("What happened."),
	"epoch":                            docOf("Numbers the status changes of a release from 1: the one that is being settled."),
	"state":                            oneOf("Whether everything has followed.", "settling", "settled"),
	"changes":                          docOf("The change requests that follow."),
	"Progress.tasks":                   docOf("The tasks that follow."),
	"total":                            docOf("How many there are."),
	"settled":                          docOf("How many have followed."),
	"next":                             docOf("Each next status and what it demands."),
	"advice":                           docOf("What is worth a second look; none of it blocks."),
	"ready":                            docOf("Whether every condition holds."),
	"conditions":                       docOf("Each condition, and whether it holds."),
	"asks":                             docOf("Fields that the request itself has to carry."),
	"touches":                          docOf("Whom it would reach."),
	"condition":                        oneOf("Which condition it is.", release.GuardApproval, release.GuardWindow, release.GuardReason),
	"holds":                            docOf("Whether it holds."),
	"detail":                           docOf("The same for people."),
	"changeRequests":                   docOf("The ids of the change requests that hold it up."),
	"Touched.changeRequests":           docOf("How many change requests."),
	"tasks":                            docOf("How many tasks."),
	"people":                           docOf("How many people asked for them."),
	"Advice.code":                      oneOf("Which advice it is.", release.AdviceCodes...),
	"Advice.changeRequests":            docOf("The change requests it is about."),
	"changeType":                       oneOf("ITIL's kind of change; `Standard` is approved beforehand."+insensitive, release.ChangeTypes...),
	"cabDecision":                      oneOf("What the Change Advisory Board decided.", release.CABDecisions...),
	"approvalStatus":                   oneOf("The approval; a change request counts as approved when this and `cabDecision` both say so.", release.ApprovalStatuses...),
	"ChangeRequest.status":             oneOf("`Resolved` once a release with it is deployed.", release.ChangeStatuses...),
	"title":                            text("What it is."+inUTF8, 0, release.MaxName, lineText),
	"NewTask.title":                    text("What it is."+inUTF8, 1, release.MaxName, someLine),
	"TaskPatch.title":                  text("What it is."+inUTF8, 1, release.MaxName, someLine),
	"controlId":                        text("The control that it implements."+inUTF8, 0, release.MaxID, lineText),
	"controlTitle":                     text("The control's title."+inUTF8, 0, release.MaxName, lineText),
	"affectedCiIds":                    ci.withWords("The configuration items that it touches, by the ids that the CMDB has for them." + inUTF8).upTo(release.MaxCIs).unique(),
	"justification":                    text("Why the change is needed; what the CAB asks for before it decides."+inUTF8, 0, release.MaxText, proseText),
	"risk":                             oneOf("How much can go wrong."+insensitive, release.Risks...),
	"impact":                           text("What it does to whom while it is made, and if it fails."+inUTF8, 0, release.MaxText, proseText),
	"backoutPlan":                      text("How to get back if it fails."+inUTF8, 0, release.MaxBackoutPlan, proseText),
	"decidedBy":                        docOf("Who recorded the decision."),
	"decidedAt":                        docOf("When it was recorded."),
	"decisionNote":                     docOf("The remark that came with the decision."),
	"approvalVoided":                   docOf("The edit that took the CAB's approval away; gone with the next decision."),
	"by":                               docOf("Who it was."),
	"Voided.at":                        docOf("When it was."),
	"digest":                           docOf("Names what the CAB decides on as it stands: `v1:` and the SHA-256, in hexadecimal, of its canonical JSON (RFC 8785)."),
	"releaseId":                        docOf("The live release that it is in."),
	"ChangeRequestPage.changeRequests": docOf("The change requests of this page, newest first."),
	"ChangeRequest.linkedRelease":      docOf("The release it is in, or was in last, with the way back that the CAB wants to see."),
	"ListChangesInput.approvalStatus":  oneOf("Only change requests with this approval."+insensitive, release.ApprovalStatuses...),
	"decision":                         oneOf("What the CAB decided."+insensitive, release.DecisionApproved, release.DecisionRejected),
	"requesterName":                    text("Who asked for it."+inUTF8, 0, release.MaxName, lineText),
	"requesterEmail":                   email("Their address, where they are told."),
	"ListTasksInput.requesterEmail":    email("Whose tasks: one of `requesterEmail`, `changeRequestId` and `ciId` is needed, and only one."),
	"ListTasksInput.changeRequestId":   identifier.withWords("The tasks linked to a change request."),
	"ListTasksInput.ciId":              ci.withWords("The tasks about a configuration item."),
	"ListTasksInput.status":            oneOf("Only tasks with this status."+insensitive, release.TaskStatuses...),
	"Task.status":                      oneOf("Where it stands; the first three are open.", release.TaskStatuses...),
	"NewTask.status":                   oneOf("Where it stands; `Open` where it is left out."+insensitive, release.TaskStatuses...),
	"TaskPatch.status":                 oneOf("Where it stands."+insensitive, release.TaskStatuses...),
	"ciIds":                            ci.withWords("The configuration items that it is about, by the ids that the CMDB has for them." + inUTF8).upTo(release.MaxCIs).unique(),
	"changeRequestId":                  identifier.withWords("The change request that it waits for."),
	"comments":                         docOf("What releases have left on it, oldest first."),
	"at":                               docOf("When it was written."),
	"Comment.id":                       docOf("The release and its epoch that left it."),
	"Comment.text":                     docOf("What the requester reads."),
	"Comment.author":                   docOf("Who left it."),
	"resolvedAt":                       docOf("When it was resolved."),
	"reopenedAt":                       docOf("When it was last opened again."),
	"reopenCount":                      docOf("How often it was opened again."),
	"Task.linkedRelease":               docOf("The badge: the release that its change request is in, or was in last."),
	"badge":                            docOf("The badge's text."),
	"TaskPage.tasks":                   docOf("The tasks of this page."),
	"Problem.type":                     {text: "Names the kind of problem, as a reference to where it is explained.", limits: object{{"format", "uri-reference"}}},
	"Problem.title":                    docOf("The kind of problem for people."),
	"Problem.status":                   number("The HTTP status.", 400, 599),
	"Problem.detail":                   docOf("What happened and what to do next."),
	"Problem.code":                     docOf("The kind of problem for programs; it is stable."),
	"errors":                           docOf("Every wrong field, or every id that was refused."),
	"currentStatus":                    oneOf("Where the release stands, if that is why.", release.Statuses...),
	"requestId":                        docOf("Finds the request in the log, with failures of the service only."),
	"field":                            docOf("The field's path, such as `rolloutSteps[0].order`, or the name of a parameter or header."),
	"message":                          docOf("What is wrong with it."),
	"code":                             docOf("Why an id was refused."),
	"FieldError.id":                    docOf("The id that was refused."),
}

func (f fieldDoc) or(value any) fieldDoc {
	f.limits = append(f.limits, member{"default", value})
	return f
}
