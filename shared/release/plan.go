package release

import (
	"fmt"
	"strings"
	"time"
)

// Plan is everything of a release that people write and may edit.
type Plan struct {
	Name                string     `json:"name" doc:"What people call the release, in one line."`
	Version             string     `json:"version" doc:"The version that is rolled out, such as 4.2.0."`
	Description         string     `json:"description" doc:"What is in it and why."`
	ScheduledStart      *time.Time `json:"scheduledStart,omitempty" doc:"When the window begins, with a zone, such as 2026-06-30T22:00:00Z. Without a window the release cannot become scheduled."`
	ScheduledEnd        *time.Time `json:"scheduledEnd,omitempty" doc:"When the window ends; after 'scheduledStart'."`
	ReleaseManager      string     `json:"releaseManager" doc:"Who answers for the release: a person's name."`
	ReleaseManagerEmail string     `json:"releaseManagerEmail,omitempty" doc:"Their e-mail address; replies to mails about the release go there."`
	RolloutSteps        []Step     `json:"rolloutSteps" doc:"What is done to deploy, in order."`
	RollbackSteps       []Step     `json:"rollbackSteps" doc:"How to get back, in order. People carry these out, never the system; the CAB wants to see them before it approves."`
	SuccessCriteria     string     `json:"successCriteria" doc:"How everybody sees that it worked: measurable, with numbers."`
	Public              bool       `json:"public" doc:"Whether the public Trust Center may show the release's id, name, version, window and status."`
	PublicSummary       string     `json:"publicSummary,omitempty" doc:"What the public reads about it."`
}

// planField is a field of a plan: its name, whether it can still be edited while the release is in progress or deployed,
// and its value as a text. Two plans with equal texts have the same value in that field.
type planField struct {
	name  string
	later bool
	text  func(Plan) string
}

// planFields are the fields of a plan. Digests of them are stored in this order: a new one comes last. Once a release is
// in progress, the plan that the CAB saw is fixed; who is responsible for it, how to roll back and what the public reads
// can still be corrected.
var planFields = []planField{
	{"name", false, func(p Plan) string { return p.Name }},
	{"version", false, func(p Plan) string { return p.Version }},
	{"description", true, func(p Plan) string { return p.Description }},
	{"scheduledStart", false, func(p Plan) string { return timeText(p.ScheduledStart) }},
	{"scheduledEnd", false, func(p Plan) string { return timeText(p.ScheduledEnd) }},
	{"releaseManager", true, func(p Plan) string { return p.ReleaseManager }},
	{"releaseManagerEmail", true, func(p Plan) string { return p.ReleaseManagerEmail }},
	{"rolloutSteps", false, func(p Plan) string { return stepsText(p.RolloutSteps) }},
	{"rollbackSteps", true, func(p Plan) string { return stepsText(p.RollbackSteps) }},
	{"successCriteria", false, func(p Plan) string { return p.SuccessCriteria }},
	{"public", true, func(p Plan) string { return fmt.Sprint(p.Public) }},
	{"publicSummary", true, func(p Plan) string { return p.PublicSummary }},
}

// PlanFields lists the fields of a plan, for documents.
func PlanFields() []string { return editable(Planned) }

// editable names the fields of a release that may be edited in a status.
func editable(s Status) []string {
	var names []string
	for _, f := range planFields {
		if s.IsAhead() || f.later && s.HasBegun() {
			names = append(names, f.name)
		}
	}
	return names
}

// EditableSentence tells what of a release can be edited in a status, as a refusal says it.
func EditableSentence(s Status) string {
	can := editable(s)
	if len(can) == 0 {
		return "nothing can, but the log still takes entries."
	}
	return "what can: " + strings.Join(can, ", ") + "."
}

// Check notes every wrong field of a new release's plan.
func (p Plan) Check(f *ValidationErrors) { p.check(edit{f, true}, Plan{}) }

// CheckEdit notes every wrong field of a release's plan among those that differ from
// what is stored.
func (p Plan) CheckEdit(f *ValidationErrors, was Plan) { p.check(edit{f, false}, was) }

// The bounds of the plan's own fields; those that other things have too are in bounds.go.
const (
	MaxVersion = 64
	MaxSummary = 500 // publicSummary
)

func (p Plan) check(e edit, was Plan) {
	e.line("name", was.Name, p.Name, 1, MaxName)
	e.line("version", was.Version, p.Version, 0, MaxVersion)
	e.prose("description", was.Description, p.Description, MaxDescription)
	e.line("releaseManager", was.ReleaseManager, p.ReleaseManager, 0, MaxName)
	e.email("releaseManagerEmail", was.ReleaseManagerEmail, p.ReleaseManagerEmail, false)
	e.prose("successCriteria", was.SuccessCriteria, p.SuccessCriteria, MaxDescription)
	e.prose("publicSummary", was.PublicSummary, p.PublicSummary, MaxSummary)
	e.window(was.ScheduledStart, was.ScheduledEnd, p.ScheduledStart, p.ScheduledEnd)
	e.steps("rolloutSteps", was.RolloutSteps, p.RolloutSteps)
	e.steps("rollbackSteps", was.RollbackSteps, p.RollbackSteps)
	e.stepsTogether(was, p)
}
