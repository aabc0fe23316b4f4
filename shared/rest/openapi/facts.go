package openapi

import (
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// fact is what the document says of a field beyond its type: words for people, limits
// of a value (or of each in a list), and limits of the list itself.
type fact struct {
	text   string
	limits object
	list   object
}

// lineText and proseText are what texts of one line and of several may hold.
const (
	lineText  = `^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$`
	proseText = `^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]*$`
	someLine  = `^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$`
	someProse = `^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029]*$`
)

func said(text string) fact { return fact{text: text} }

func text(words string, least, most int, pattern string) fact {
	limits := object{{"maxLength", most}, {"pattern", pattern}}
	if least > 0 {
		limits = append(object{{"minLength", least}}, limits...)
	}
	return fact{text: words, limits: limits}
}

func email(words string) fact {
	return fact{text: words, limits: object{{"format", "email"}, {"maxLength", release.MaxEmail}}}
}

func oneOf[T ~string](words string, values ...T) fact {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return fact{text: words, limits: object{{"enum", all}}}
}

func number(words string, least, most int) fact {
	return fact{text: words, limits: object{{"minimum", least}, {"maximum", most}}}
}

func (f fact) upTo(most int) fact {
	f.list = object{{"maxItems", most}}
	return f
}

func (f fact) unique() fact {
	f.list = append(f.list, member{"uniqueItems", true})
	return f
}

func (f fact) saying(words string) fact {
	f.text = words
	return f
}

var identifier = fact{text: "The id.", limits: object{{"maxLength", release.MaxID}, {"pattern", "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"}}}

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
var facts = map[string]fact{
	// What the schemas as such are.
	"Release":            said("A release: change requests that are deployed together, its plans, its log and how far its settlement is."),
	"NewRelease":         said("A release to be planned."),
	"ReleasePatch":       said("What changes of a release (RFC 7396): fields that are left out stay, null takes a field back. Lists are replaced as a whole; a step that keeps its `order` keeps its completion."),
	"Step":               said("A line of a rollout or rollback plan."),
	"NewStep":            said("A line of a rollout or rollback plan. Whether it is completed is not set here."),
	"ChangeRequestPatch": said("What changes of a change request (RFC 7396): fields that are left out stay, null takes a field back."),
	"TaskPatch":          said("What changes of a task (RFC 7396): fields that are left out stay, null takes a field back."),
	"Problem":            said("What went wrong and what to do next (RFC 9457)."),
	"Progress":           said("How far what follows the latest deployment, rollback or cancellation has come."),

	"id":                               identifier,
	"NewChangeRequest.id":              identifier.saying("An id of your own, for example from an ITSM suite; one is made where it is left out."),
	"NewTask.id":                       identifier.saying("An id of your own, for example from an ITSM suite; one is made where it is left out."),
	"name":                             text("What people call it."+inUTF8, 1, release.MaxName, someLine),
	"version":                          text("The version that is released."+inUTF8, 0, release.MaxVersion, lineText),
	"description":                      text("What it is about."+inUTF8, 0, release.MaxDescription, proseText),
	"Step.description":                 said("What is done."),
	"NewStep.description":              text("What is done."+inUTF8, 1, release.MaxStepText, someProse),
	"status":                           oneOf("Where the release stands.", release.Statuses...),
	"NewRelease.status":                oneOf("A release is born planned; nothing else can be said here."+insensitive, release.Planned),
	"StatusChange.status":              oneOf("The status to enter."+insensitive, release.Statuses...),
	"NewLogEntry.status":               oneOf("The release's current status, to have the entry refused if it has moved on."+insensitive, release.Statuses...),
	"LogEntry.status":                  oneOf("The status the release had, or entered with this entry.", release.Statuses...),
	"ListReleasesInput.status":         oneOf("Only releases with this status."+insensitive, release.Statuses...),
	"scheduledStart":                   said("When it begins."),
	"scheduledEnd":                     said("When it ends; after `scheduledStart`."),
	"releaseManager":                   text("Who answers for the release."+inUTF8, 0, release.MaxName, lineText),
	"releaseManagerEmail":              email("Where to reach them; replies to mails about the release go there."),
	"rolloutSteps":                     said("What is done to deploy, in order.").upTo(release.MaxSteps),
	"rollbackSteps":                    said("What is done to get back, in order.").upTo(release.MaxSteps),
	"successCriteria":                  text("How all agree whether it worked; best with numbers in it."+inUTF8, 0, release.MaxDescription, proseText),
	"public":                           said("Whether the public Trust Center may show the release's window."),
	"publicSummary":                    text("What the public reads about it."+inUTF8, 0, release.MaxSummary, proseText),
	"linkedChangeRequestIds":           identifier.saying("The ids of the change requests in the release.").upTo(release.MaxChanges).unique(),
	"actualStart":                      said("When it went in progress."),
	"actualEnd":                        said("When it was deployed."),
	"rolledBackAt":                     said("When it was rolled back."),
	"rolledBackReason":                 said("Why it was rolled back."),
	"createdAt":                        said("When it was made."),
	"createdBy":                        said("Who made it."),
	"updatedAt":                        said("When it last changed."),
	"revision":                         said("Grows by one with each change; the ETag begins with it."),
	"allowedNextStatuses":              oneOf("The statuses that the lifecycle allows next; none at its end.", release.Statuses...),
	"settlement":                       said("How far what follows the latest deployment, rollback or cancellation has come."),
	"stillLinking":                     said("Change requests that a large creation has yet to link; until it is gone the release cannot move."),
	"linkedChangeRequests":             said("The linked change requests in short."),
	"deploymentLog":                    said("The newest 500 entries of the log, oldest first."),
	"order":                            number("Its place in the plan, which also names it.", 1, 9999),
	"ownerEmail":                       email("Who does it; an Auditor completes the steps they own."),
	"estimatedMinutes":                 number("How long it takes.", 0, release.MaxMinutes),
	"completed":                        said("Whether it is done."),
	"completedBy":                      said("Who completed it."),
	"completedAt":                      said("When it was completed."),
	"changeCount":                      said("How many change requests are linked."),
	"releases":                         said("The releases of this page, newest first."),
	"nextCursor":                       said("What to send as `cursor` for the next page; there is none on the last."),
	"limit":                            number("How many a page holds; 25 where it is left out.", 1, 100).or(operations.PageSize),
	"cursor":                           {text: "The `nextCursor` of the page before, with the same filters.", limits: object{{"pattern", "^[A-Za-z0-9_-]+$"}}},
	"add":                              identifier.saying("Change requests to link.").upTo(release.MaxChanges).unique(),
	"remove":                           identifier.saying("Change requests to remove. Together with `add` 1 to 100 ids.").upTo(release.MaxChanges).unique(),
	"added":                            said("What was linked."),
	"removed":                          said("What was removed."),
	"unchanged":                        said("What was so already."),
	"note":                             text("A remark for the record."+inUTF8, 0, release.MaxText, proseText),
	"rollback_reason":                  text("Why it is rolled back: required with `rolled-back`, refused with any other status. Every requester reads it."+inUTF8, 0, release.MaxText, proseText),
	"text":                             text("What happened."+inUTF8, 1, release.MaxText, someProse),
	"timestamp":                        said("When it was written."),
	"author":                           said("Who wrote it, from the token."),
	"authorEmail":                      said("Their address, from the token."),
	"entries":                          said("The entries of this page, newest first."),
	"LogEntry.id":                      said("Orders the entries of a release."),
	"LogEntry.text":                    said("What happened."),
	"epoch":                            said("Numbers the status changes of a release from 1: the one that is being settled."),
	"state":                            oneOf("Whether everything has followed.", "settling", "settled"),
	"changes":                          said("The change requests that follow."),
	"Progress.tasks":                   said("The tasks that follow."),
	"total":                            said("How many there are."),
	"settled":                          said("How many have followed."),
	"next":                             said("Each next status and what it demands."),
	"advice":                           said("What is worth a second look; none of it blocks."),
	"ready":                            said("Whether every condition holds."),
	"conditions":                       said("Each condition, and whether it holds."),
	"asks":                             said("Fields that the request itself has to carry."),
	"touches":                          said("Whom it would reach."),
	"condition":                        oneOf("Which condition it is.", release.DemandApproval, release.DemandWindow, release.DemandReason),
	"holds":                            said("Whether it holds."),
	"detail":                           said("The same for people."),
	"changeRequests":                   said("The ids of the change requests that hold it up."),
	"Touched.changeRequests":           said("How many change requests."),
	"tasks":                            said("How many tasks."),
	"people":                           said("How many people asked for them."),
	"Advice.code":                      oneOf("Which advice it is.", release.AdviceCodes...),
	"Advice.changeRequests":            said("The change requests it is about."),
	"changeType":                       oneOf("ITIL's kind of change; `Standard` is approved beforehand."+insensitive, release.ChangeTypes...),
	"cabDecision":                      oneOf("What the Change Advisory Board decided.", release.CABDecisions...),
	"approvalStatus":                   oneOf("The approval; a change request counts as approved when this and `cabDecision` both say so.", release.ApprovalStatuses...),
	"ChangeRequest.status":             oneOf("`Resolved` once a release with it is deployed.", release.ChangeStatuses...),
	"title":                            text("What it is."+inUTF8, 0, release.MaxName, lineText),
	"NewTask.title":                    text("What it is."+inUTF8, 1, release.MaxName, someLine),
	"TaskPatch.title":                  text("What it is."+inUTF8, 1, release.MaxName, someLine),
	"controlId":                        text("The control that it implements."+inUTF8, 0, release.MaxID, lineText),
	"controlTitle":                     text("The control's title."+inUTF8, 0, release.MaxName, lineText),
	"affectedCiIds":                    identifier.saying("The configuration items that it touches.").upTo(release.MaxCIs).unique(),
	"decidedBy":                        said("Who recorded the decision."),
	"decidedAt":                        said("When it was recorded."),
	"decisionNote":                     said("The remark that came with the decision."),
	"releaseId":                        said("The live release that it is in."),
	"ChangeRequestPage.changeRequests": said("The change requests of this page, newest first."),
	"ChangeRequest.linkedRelease":      said("The release it is in, or was in last, with the way back that the CAB wants to see."),
	"ListChangesInput.approvalStatus":  oneOf("Only change requests with this approval."+insensitive, release.ApprovalStatuses...),
	"decision":                         oneOf("What the CAB decided."+insensitive, release.DecisionApproved, release.DecisionRejected),
	"requesterName":                    text("Who asked for it."+inUTF8, 0, release.MaxName, lineText),
	"requesterEmail":                   email("Their address, where they are told."),
	"ListTasksInput.requesterEmail":    email("Whose tasks: one of `requesterEmail`, `changeRequestId` and `ciId` is needed, and only one."),
	"ListTasksInput.changeRequestId":   identifier.saying("The tasks linked to a change request."),
	"ListTasksInput.ciId":              identifier.saying("The tasks about a configuration item."),
	"ListTasksInput.status":            oneOf("Only tasks with this status."+insensitive, release.TaskStatuses...),
	"Task.status":                      oneOf("Where it stands; the first three are open.", release.TaskStatuses...),
	"NewTask.status":                   oneOf("Where it stands; `Open` where it is left out."+insensitive, release.TaskStatuses...),
	"TaskPatch.status":                 oneOf("Where it stands."+insensitive, release.TaskStatuses...),
	"ciIds":                            identifier.saying("The configuration items that it is about.").upTo(release.MaxCIs).unique(),
	"changeRequestId":                  identifier.saying("The change request that it waits for."),
	"comments":                         said("What releases have left on it, oldest first."),
	"at":                               said("When it was written."),
	"Comment.id":                       said("The release and its epoch that left it."),
	"Comment.text":                     said("What the requester reads."),
	"Comment.author":                   said("Who left it."),
	"resolvedAt":                       said("When it was resolved."),
	"reopenedAt":                       said("When it was last opened again."),
	"reopenCount":                      said("How often it was opened again."),
	"Task.linkedRelease":               said("The badge: the release that its change request is in, or was in last."),
	"badge":                            said("The badge's text."),
	"TaskPage.tasks":                   said("The tasks of this page."),
	"Problem.type":                     {text: "Names the kind of problem, as a reference to where it is explained.", limits: object{{"format", "uri-reference"}}},
	"Problem.title":                    said("The kind of problem for people."),
	"Problem.status":                   number("The HTTP status.", 400, 599),
	"Problem.detail":                   said("What happened and what to do next."),
	"Problem.code":                     said("The kind of problem for programs; it is stable."),
	"errors":                           said("Every wrong field, or every id that was refused."),
	"currentStatus":                    oneOf("Where the release stands, if that is why.", release.Statuses...),
	"requestId":                        said("Finds the request in the log, with failures of the service only."),
	"field":                            said("The field's path, such as `rolloutSteps[0].order`, or the name of a parameter or header."),
	"message":                          said("What is wrong with it."),
	"code":                             said("Why an id was refused."),
	"FieldError.id":                    said("The id that was refused."),
}

func (f fact) or(value any) fact {
	f.limits = append(f.limits, member{"default", value})
	return f
}
