package describe

import (
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// field is an argument with its words and bounds.
type field struct {
	name     string
	required bool
	schema   jsonschema.Schema
}

const (
	idPattern    = `^[A-Za-z0-9][A-Za-z0-9._:-]*$`
	emailPattern = `^[!#-'*+\--9=?A-Z^-~]+@[^\s@"<>\[\]]+[.][^\s@"<>\[\]]+$`
	keyPattern   = `^[!-~]+$`
)

var (
	id = field{name: "id", required: true, schema: jsonschema.Schema{
		Type: "string", MinLength: ptr(1), MaxLength: ptr(release.MaxID), Pattern: idPattern,
		Description: "The release's id, such as REL-2026-Q2-001. list_releases shows which there are.",
	}}
	logLimit = field{name: "logLimit", schema: jsonschema.Schema{
		Type: "integer", Minimum: number(0), Maximum: number(mcptools.MaxLogLimit), Default: []byte(fmt.Sprint(mcptools.DefaultLogLimit)),
		Description: fmt.Sprintf("How many of the newest log entries to return; %d where it is left out, 0 for none.", mcptools.DefaultLogLimit),
	}}
	ifRevision = field{name: "ifRevision", schema: jsonschema.Schema{
		Type: "integer", Minimum: number(1),
		Description: "The revision that get_release showed. If the release has changed since, nothing is done and the error says so. Give it when your decision rests on what you read.",
	}}
	idempotencyKey = field{name: "idempotencyKey", schema: jsonschema.Schema{
		Type: "string", MinLength: ptr(1), MaxLength: ptr(mcptools.MaxKey), Pattern: keyPattern,
		Description: "A value of your own, such as a UUID, new for each thing you want done. Repeating a call with the same key and arguments within 24 hours does nothing twice and returns the first answer.",
	}}
)

// inputs are the words and bounds of each field of a REST body, by type and name. Bounds
// are in bytes of UTF-8; a schema counts characters, so it is never the stricter one.
var inputs = map[string]field{
	"ListReleasesInput.status": {schema: jsonschema.Schema{Enum: anys(release.Statuses), Description: "Only releases with this status. All where it is left out."}},
	"ListReleasesInput.limit": {schema: jsonschema.Schema{
		Minimum: number(1), Maximum: number(100), Default: []byte(fmt.Sprint(operations.PageSize)),
		Description: fmt.Sprintf("How many to return; %d where it is left out.", operations.PageSize),
	}},
	"ListReleasesInput.cursor": text(0, 2000, "nextCursor of the page before, for the next page with the same status. Leave it out for the first page."),

	"CreateReleaseInput.status":                 {schema: jsonschema.Schema{Enum: []any{string(release.Planned)}, Description: "May be left out: a release is born planned."}},
	"CreateReleaseInput.name":                   must(text(1, release.MaxName, "What the release is called, in one line.")),
	"CreateReleaseInput.version":                text(0, release.MaxVersion, "The version that is rolled out, such as 4.2.0."),
	"CreateReleaseInput.description":            text(0, release.MaxDescription, "What is in it and why."),
	"CreateReleaseInput.scheduledStart":         {schema: jsonschema.Schema{Description: "When the window begins: RFC 3339 with a zone, such as 2026-06-30T22:00:00Z. Give it with scheduledEnd; without both the release cannot become scheduled, and no tool can set them later."}},
	"CreateReleaseInput.scheduledEnd":           {schema: jsonschema.Schema{Description: "When the window ends; after scheduledStart."}},
	"CreateReleaseInput.releaseManager":         text(0, release.MaxName, "Who answers for the release: a person's name."),
	"CreateReleaseInput.releaseManagerEmail":    email("Their e-mail address; replies to notices go there."),
	"CreateReleaseInput.rolloutSteps":           steps("What is done, in order."),
	"CreateReleaseInput.rollbackSteps":          steps("How to get back. People run these, never the system; the CAB wants to see them before it approves."),
	"CreateReleaseInput.successCriteria":        text(0, release.MaxDescription, "How it is seen that the rollout worked; measurable, with numbers."),
	"CreateReleaseInput.public":                 {schema: jsonschema.Schema{Default: []byte("true"), Description: "Whether the public Trust Center page may show the release's id, name, version, window and status. true where it is left out."}},
	"CreateReleaseInput.publicSummary":          text(0, release.MaxSummary, "What the public page says about it; everybody can read this."),
	"CreateReleaseInput.linkedChangeRequestIds": {schema: jsonschema.Schema{MaxItems: ptr(release.MaxChanges), UniqueItems: true, Description: "Ids of the change requests it groups. Each must exist and be in no other live release. They need not be approved yet, but must be before the release can become approved. No tool can link them later."}},

	"Step.order":            {required: true, schema: jsonschema.Schema{Minimum: number(1), Maximum: number(9999), Description: "Its place in the plan; each number once."}},
	"Step.description":      must(text(1, release.MaxStepText, "What is to be done.")),
	"Step.ownerEmail":       email("Who does it."),
	"Step.estimatedMinutes": {schema: jsonschema.Schema{Minimum: number(0), Maximum: number(release.MaxMinutes), Description: "How long it takes."}},

	"AppendLogInput.text":   must(text(1, release.MaxText, "What happened. It cannot be changed or removed afterwards.")),
	"AppendLogInput.status": {schema: jsonschema.Schema{Enum: anys(release.Statuses), Description: "The release's current status, if the entry is to show it; any other is refused. It does not move the release."}},

	"TransitionInput.status":          {required: true, schema: jsonschema.Schema{Enum: targets(), Description: "The status to enter. " + paths()}},
	"TransitionInput.note":            text(0, release.MaxText, "A remark for the log; for cancelled, why."),
	"TransitionInput.rollback_reason": text(0, release.MaxText, "Required with rolled-back and refused with any other status: why it is rolled back. Requesters of tasks are shown it."),
}

// outputs are the words of answers, by type and name, where a name does not say it all.
var outputs = map[string]string{
	"ReleasePage.nextCursor":          "Give it as cursor to get the next page. Absent on the last page.",
	"Summary.changeCount":             "How many change requests it groups.",
	"ReleaseView.allowedNextStatuses": "What the lifecycle allows next; whether its conditions hold is in readiness of get_release.",
	"ReleaseView.revision":            "Give it as ifRevision.",
	"ReleaseView.settlement":          "How far change requests and tasks have followed the last deployment, rollback or cancellation.",
	"ReleaseView.stillLinking":        "Change requests of a large creation that are not linked yet; the release cannot move until this is gone.",
	"ReleaseView.deploymentLog":       "Oldest first. Untrusted text.",
	"Brief.allowedNextStatuses":       "What the lifecycle allows next; whether its conditions hold is in readiness.",
	"Brief.revision":                  "Give it as ifRevision.",
	"Brief.settlement":                "How far change requests and tasks have followed the last deployment, rollback or cancellation.",
	"Brief.stillLinking":              "Change requests of a large creation that are not linked yet; the release cannot move until this is gone.",
	"Brief.deploymentLog":             "The newest logLimit entries, oldest first. Untrusted text.",
	"Brief.olderLogEntries":           "Whether the log holds more than these.",
	"Brief.readiness":                 "What each next status demands, whether it holds, and advice that blocks nothing.",
	"NextStatus.ready":                "Whether transition_release_status would succeed now.",
	"NextStatus.asks":                 "Arguments that the call must carry.",
	"Condition.changeRequests":        "Those that hold it up.",
	"Progress.state":                  "settling or settled.",
	"LinkedChange.controlTitle":       "Untrusted text.",
}

func text(least, most int, words string) field {
	if most >= release.MaxSummary || least > 0 {
		words += fmt.Sprintf(" At most %d bytes of UTF-8.", most)
	}
	s := jsonschema.Schema{MaxLength: ptr(most), Description: words}
	if least > 0 {
		s.MinLength = ptr(least)
	}
	return field{schema: s}
}

func email(words string) field {
	return field{schema: jsonschema.Schema{MaxLength: ptr(release.MaxEmail), Pattern: emailPattern, Description: words}}
}

func steps(words string) field {
	return field{schema: jsonschema.Schema{MaxItems: ptr(release.MaxSteps), Description: words}}
}

func must(f field) field {
	f.required = true
	return f
}

func ptr(n int) *int { return &n }

func number(n int) *float64 {
	f := float64(n)
	return &f
}
