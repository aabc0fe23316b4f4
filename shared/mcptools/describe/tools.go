package describe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// Tool is a tool as tools/list shows it.
type Tool struct {
	Name         string             `json:"name"`
	Title        string             `json:"title"`
	Description  string             `json:"description"`
	Annotations  Hints              `json:"annotations"`
	InputSchema  *jsonschema.Schema `json:"inputSchema"`
	OutputSchema *jsonschema.Schema `json:"outputSchema"`
}

// Hints are the four hints of MCP; all are always stated, since one that is left out does
// not mean false.
type Hints struct {
	ReadOnly    bool `json:"readOnlyHint"`
	Destructive bool `json:"destructiveHint"`
	Idempotent  bool `json:"idempotentHint"`
	OpenWorld   bool `json:"openWorldHint"`
}

// Tools describes the tools, in the order in which an agent needs them.
func Tools() []Tool {
	return []Tool{
		{
			Name: "list_releases", Title: "List releases",
			Description: "Lists ITIL releases, newest first, in pages: id, name, version, status, window and number of change requests. " +
				"Use it to find a release's id or to see what is planned, running or done; for all about one release use get_release.",
			Annotations:  Hints{ReadOnly: true, Idempotent: true},
			InputSchema:  input(nil, bodies["list_releases"], nil),
			OutputSchema: output(reflect.TypeFor[operations.ReleasePage]()),
		},
		{
			Name: "get_release", Title: "Read a release",
			Description: "Reads one release whole: plan and steps, linked change requests with the CAB's decisions, settlement progress, the newest log entries, and readiness: " +
				"which statuses it can enter now and what holds the others up. Use it before transition_release_status, and after a call that timed out; to watch a release, with detail concise.",
			Annotations:  Hints{ReadOnly: true, Idempotent: true},
			InputSchema:  input([]field{id, detail, logLimit, logCursor}, nil, nil),
			OutputSchema: output(reflect.TypeFor[operations.Brief]()),
		},
		{
			Name: "create_release", Title: "Plan a release",
			Description: "Plans a new release, with its change requests if you know them. It begins as planned and gets its id from the quarter of scheduledStart. " +
				"Give the window, the steps and the change requests at once: you may be shown no tool to add them later. Then move it with transition_release_status. Needs the role Admin.",
			Annotations:  Hints{},
			InputSchema:  input(nil, bodies["create_release"], []field{idempotencyKey}),
			OutputSchema: output(reflect.TypeFor[operations.ReleaseView]()),
		},
		{
			Name: "append_release_log", Title: "Write into the deployment log",
			Description: "Adds an entry to a release's deployment log, under the name of the person whose token you use: what was done or seen, in any status. " +
				"It does not move the release: transition_release_status does, and writes its own entry. With hold it stops the release; no tool can lift a hold, only a person. Needs the role Auditor or Admin.",
			Annotations:  Hints{},
			InputSchema:  input([]field{id}, bodies["append_release_log"], []field{ifRevision, idempotencyKey}),
			OutputSchema: output(reflect.TypeFor[release.LogEntry]()),
		},
		{
			Name: "transition_release_status", Title: "Move a release to its next status",
			Description: "Moves a release along its lifecycle: " + paths() + " " + demands() +
				" Entering deployed resolves the linked change requests and the tasks behind them, rolled-back reopens them; requesters are told by e-mail. " +
				"The release cannot return to where it was: ask the person you work for before you enter " + release.Either(settling()) + ". " +
				"Call get_release first: its readiness says what would succeed. Needs the role Admin.",
			Annotations:  Hints{Destructive: true, Idempotent: true},
			InputSchema:  input([]field{id}, bodies["transition_release_status"], []field{ifRevision, idempotencyKey}),
			OutputSchema: output(reflect.TypeFor[operations.MovedRelease]()),
		},
		{
			Name: "update_release", Title: "Edit a release's plan",
			Description: "Changes fields of a release's plan: only those that you give, each as a whole, so give all steps of a plan to change one. Until a release is in-progress all can be changed, then only the description, the manager, the rollback steps and what the public sees. " +
				"Moving the window of a scheduled release tells people by e-mail: ask the person you work for first. It neither moves the release (transition_release_status) nor links change requests (add_changes). Needs the role Admin.",
			Annotations:  Hints{Destructive: true, Idempotent: true},
			InputSchema:  patch(input([]field{id}, bodies["update_release"], []field{ifRevision})),
			OutputSchema: output(reflect.TypeFor[operations.ReleaseView]()),
		},
		{
			Name: "add_changes", Title: "Link or remove change requests",
			Description: "Links change requests to a release, or removes them from it; list_change_requests shows which there are. Any can be linked while the release is planned, later only CAB-approved ones, none from in-progress on. " +
				"All ids are checked before anything is changed. Ask the person you work for before you remove one. Needs the role Admin.",
			Annotations:  Hints{Destructive: true, Idempotent: true},
			InputSchema:  input([]field{id}, bodies["add_changes"], []field{ifRevision, idempotencyKey}),
			OutputSchema: output(reflect.TypeFor[operations.LinkResult]()),
		},
		{
			Name: "list_change_requests", Title: "List change requests",
			Description: "Lists change requests, newest first, in pages: what the Change Advisory Board decided, what each is about, and the release that it is in. " +
				"Use it to find what can be linked with add_changes. Deciding on them stays with people.",
			Annotations:  Hints{ReadOnly: true, Idempotent: true},
			InputSchema:  input(nil, bodies["list_change_requests"], nil),
			OutputSchema: output(reflect.TypeFor[operations.ChangePage]()),
		},
		{
			Name: "complete_step", Title: "Complete a step",
			Description: "Says that a step of the rollout or rollback plan is done, or opens it again, and writes that into the log. Call it only for what was done: it carries nothing out. Rollout steps can be completed while the release is " + release.Either(release.CompletableIn[release.RolloutPlan]) + ", " +
				"rollback steps while it is " + release.Either(release.CompletableIn[release.RollbackPlan]) + ". An Auditor can complete their own steps, an Admin any. Needs the role Auditor or Admin.",
			Annotations:  Hints{Idempotent: true},
			InputSchema:  input([]field{id, plan, order}, bodies["complete_step"], []field{ifRevision, idempotencyKey}),
			OutputSchema: output(reflect.TypeFor[operations.ReleaseView]()),
		},
	}
}

// JSON is the content of tools.json.
func JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(Tools())
	return b.Bytes(), err
}

// targets are the statuses that can be entered.
func targets() []any {
	var all []any
	for _, t := range release.Lifecycle {
		all = append(all, string(t.To))
	}
	return all
}

// paths words the lifecycle: from each status to which.
func paths() string {
	var all []string
	for _, s := range release.Statuses {
		if next := release.AllowedNext(s); len(next) > 0 {
			all = append(all, fmt.Sprintf("%s → %s", s, release.Either(next)))
		}
	}
	return strings.Join(all, "; ") + "."
}

// settling are the statuses that change requests and tasks follow, and that people are told of.
func settling() []release.Status {
	var all []release.Status
	for _, t := range release.Lifecycle {
		if t.Settles {
			all = append(all, t.To)
		}
	}
	return all
}

// demands words the guards of the lifecycle.
func demands() string {
	of := func(d release.Guard) string {
		var who []release.Status
		for _, t := range release.Lifecycle {
			if slices.Contains(t.Guards, d) {
				who = append(who, t.To)
			}
		}
		return release.Either(who)
	}
	return fmt.Sprintf("Every linked change request must be CAB-approved for %s; the window must be set for %s; rollback_reason is required for %s.",
		of(release.GuardApproval), of(release.GuardWindow), of(release.GuardReason))
}
