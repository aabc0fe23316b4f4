package mcptools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// A failure says what happened. What to do next, which follows from its code, is said here
// in terms of what an agent has: the tools, and the person it works for.

// explain words a failure as `CODE: what happened. Nothing was changed. Next: …`. Where
// the release's state is the reason, it adds what the release could enter now.
func (t tool) explain(ctx context.Context, ops *operations.Operations, id string, err error) string {
	f := failure{Error: t.refusal(ctx, err), tool: t, offers: func(name string) bool { return offered(ctx, name) }}
	parts := []string{strings.ToUpper(strings.ReplaceAll(f.Code, "-", "_")) + ": " + f.whatHappened(), f.effect()}
	if f.Status != "" && id != "" {
		if b, err := ops.BriefRelease(ctx, id, operations.LogWanted{Limit: -1}); err == nil {
			f.ready, f.held = outlook(b)
			f.rejected, _ = release.Rejected(f.ChangeRequests, b.LinkedChangeRequests)
			if f.AlreadySo || f.AlreadyPassed {
				f.ready, f.held = nil, nil // a list of next statuses would read like an order
			}
			parts = append(parts, fmt.Sprintf("%s is %s%s%s.", b.ID, b.Status, phrase("; it can become ", f.ready, " or "), phrase("; ", f.held, "; ")))
		}
	}
	return strings.Join(append(parts, "Next: "+f.next()), " ")
}

// failure is an error on its way to an agent.
type failure struct {
	*release.Error
	tool
	ready, held []string // the statuses that the release could enter, and what blocks the others
	offers      func(name string) bool
	rejected    []string // of the change requests that block it, those that the CAB rejected
}

func phrase(before string, all []string, between string) string {
	if len(all) == 0 {
		return ""
	}
	return before + strings.Join(all, between)
}

// refusal is the domain's error in err. The text of a fault of ours, or of a timeout, is
// not shown; the log has it.
func (t tool) refusal(ctx context.Context, err error) *release.Error {
	var e *release.Error
	switch {
	case errors.As(err, &e) && e.Kind != release.KindInternal:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = release.Fail(release.KindUnavailable, "unavailable", "There was no time left to finish.")
	default:
		e = release.Fail(release.KindInternal, "internal", "Something went wrong in Releases, not with this call.")
	}
	if e.Kind == release.KindInternal || e.Kind == release.KindUnavailable {
		slog.ErrorContext(ctx, "tool failed", "tool", t.name, "code", e.Code, "error", err.Error())
	}
	return e
}

// named lists the fields or ids that are wrong; more than this helps nobody.
const named = 20

func (f failure) whatHappened() string {
	e := f.Error
	if len(e.Fields) == 0 {
		return e.Detail
	}
	all := make([]string, 0, named+1)
	for i, wrong := range e.Fields {
		if i == named {
			all = append(all, fmt.Sprintf("and %d more", len(e.Fields)-named))
			break
		}
		if wrong.ID == "" {
			wrong.Message = wrong.Field + " " + wrong.Message
		}
		all = append(all, strings.TrimSuffix(wrong.Message, ".")+f.instead(wrong.Use))
	}
	return strings.Join(all, "; ") + "."
}

// instead names the tool that changes a field which this call cannot change. Where the
// caller has no such tool, it names the operation, for a person.
func (f failure) instead(use string) string {
	if use == "" {
		return ""
	}
	for _, t := range tools {
		if string(t.operation) == use && f.offers(t.name) {
			return ": use " + t.name
		}
	}
	return ": none of your tools does it; a person can, with the operation " + use
}

// effect says whether the call changed anything.
func (f failure) effect() string {
	switch {
	case f.writes && f.Outcome == release.OutcomeUnknown:
		return "It is not known whether anything was changed."
	case f.writes && f.Outcome == release.OutcomePartial:
		return "Nothing else was changed."
	}
	return "Nothing was changed."
}

// outlook words which statuses the release could enter now and what blocks the others.
func outlook(b operations.Brief) (ready, held []string) {
	for _, n := range b.Readiness.Next {
		var why []string
		for _, c := range n.Conditions {
			if !c.Holds {
				why = append(why, reason(c, b.LinkedChangeRequests))
			}
		}
		switch {
		case n.Ready && len(n.Asks) > 0:
			ready = append(ready, fmt.Sprintf("%s (with %s)", n.Status, strings.Join(n.Asks, ", ")))
		case n.Ready:
			ready = append(ready, string(n.Status))
		case len(why) > 0:
			held = append(held, fmt.Sprintf("%s waits for %s", n.Status, strings.Join(why, " and ")))
		}
	}
	return ready, held
}

func reason(c release.Condition, links []release.LinkedChange) string {
	switch c.Condition {
	case release.GuardHold:
		return "a person to lift the hold on it"
	case release.GuardWindow:
		return "a window (scheduledStart and scheduledEnd, start before end)"
	}
	var parts []string
	rejected, pending := release.Rejected(c.ChangeRequests, links)
	if len(pending) > 0 {
		parts = append(parts, "the CAB's approval of "+strings.Join(pending, ", "))
	}
	if len(rejected) > 0 {
		parts = append(parts, "the removal of "+strings.Join(rejected, ", ")+", which the CAB rejected")
	}
	return strings.Join(parts, " and ")
}

// next is what an agent can do about a failure.
func (f failure) next() string {
	if n, ok := nextSteps[f.Code]; ok {
		return n(f)
	}
	return "read the release with get_release and decide again; if that does not help, tell the person you work for."
}

func always(text string) func(failure) string {
	return func(failure) string { return text }
}

// nextSteps has a row per code that a tool can meet; a test holds it complete.
var nextSteps = map[string]func(failure) string{
	"invalid-request": func(f failure) string { return "correct these arguments and call " + f.name + " again." },
	"invalid-json":    func(f failure) string { return "call " + f.name + " again with a JSON object as its arguments." },
	"invalid-cursor": func(f failure) string {
		return "call " + f.name + " without a cursor and otherwise the same; its answer holds the next one."
	},
	"too-large":       always("shorten the texts, or plan less in one release."),
	"unauthenticated": always("ask the person you work for to sign in again."),
	"forbidden": func(f failure) string {
		return fmt.Sprintf("ask a person with the role %s to do this; the other tools that you are shown still work.", operations.Roles[f.operation])
	},
	"not-found": func(f failure) string {
		if f.operation == operations.CompleteStep {
			return "call get_release to see the steps of its plans, or list_releases to see which releases there are."
		}
		return "call list_releases to see which releases there are."
	},
	"invalid-transition":   anotherStatus,
	"cab-approval-missing": approval,
	"window-missing":       windowMissing,
	"status-changed":       always("call get_release, see where it stands now, and decide again."),
	"status-not-current": func(f failure) string {
		return "call append_release_log again without status, or with " + string(f.Status) + "."
	},
	"held":             always("tell the person you work for that the release is held: holds in get_release tells by whom, since when and why. Only people lift holds, with DELETE /api/releases/{id}/hold; none of your tools can. Do not go on until they say that it was lifted, then make the same call again."),
	"release-ended":    always("nothing, there is nothing left to stop. Call append_release_log without hold, if it is for the record."),
	"too-many-holds":   always("call append_release_log without hold, if it is for the record; the release stays held."),
	"field-frozen":     always("leave these fields as they are: the release has gone too far to change them. Tell the person you work for what should change."),
	"scope-frozen":     always("nothing: it is too late to link or remove change requests. Plan what is left with create_release, if the person you work for agrees."),
	"too-many-changes": always("plan a second release for the rest with create_release, if the person you work for agrees."),
	"steps-closed": always(fmt.Sprintf("nothing now: rollout steps are completed while the release is %s, rollback steps while it is %s. get_release shows where it stands.",
		release.Either(release.CompletableIn[release.RolloutPlan]), release.Either(release.CompletableIn[release.RollbackPlan]))),
	"not-step-owner":          always("ask the step's owner (ownerEmail in get_release), or a person with the role Admin, to complete it."),
	"linking":                 always("wait a few seconds, call get_release until stillLinking is gone, then make the same call again."),
	"not-linkable":            leaveOut,
	"unknown-change-requests": leaveOut,
	"settling":                always("wait a few seconds and make the same call again."),
	"revision-stale":          always("call get_release, see what changed, and decide again with its revision as ifRevision."),
	"request-in-progress":     always("make the same call with the same idempotencyKey again in a moment to get its answer."),
	"idempotency-key-reused":  always("use a new idempotencyKey for a new request."),
	"throttled":               func(f failure) string { return "wait a few seconds. Then " + outcomeUnknown(f) },
	"unavailable":             outcomeUnknown,
	"internal": func(f failure) string {
		return outcomeUnknown(f) + " If it fails again, tell the person you work for, who can ask the operators."
	},
}

func anotherStatus(f failure) string {
	forward, agreed := apart(f.AllowedNextStatuses)
	switch {
	case f.AlreadySo:
		return "nothing. If you repeated a call whose answer was lost, that call succeeded; get_release shows what it did. Do not move it further unless that is your task."
	case len(f.AllowedNextStatuses) == 0:
		return "nothing, its lifecycle has ended; plan what is left with create_release."
	case f.AlreadyPassed:
		return "nothing: that step is behind it, and get_release shows what happened since. Do not move it further unless that is your task."
	}
	var parts []string
	step := "the step forward is "
	if len(f.held) > 0 {
		parts = append(parts, "tell the person you work for what it waits for")
		step = "when that is done, " + step
	}
	if len(forward) > 0 {
		parts = append(parts, phrase(step, forward, " or "))
	}
	return strings.Join(append(parts, strings.Join(agreed, " or ")+" only after the person you work for agrees"), "; ") + "."
}

// apart separates the transitions forward from those that a person must agree to: people
// are told of these by e-mail, and none can be undone.
func apart(next []release.Status) (forward, agreed []string) {
	for _, s := range next {
		if t, _ := release.TransitionTo(s); t.Settles {
			agreed = append(agreed, string(s))
		} else {
			forward = append(forward, string(s))
		}
	}
	return forward, agreed
}

func approval(f failure) string {
	var parts []string
	pending := slices.DeleteFunc(slices.Clone(f.ChangeRequests), func(id string) bool { return slices.Contains(f.rejected, id) })
	if len(pending) > 0 {
		parts = append(parts, fmt.Sprintf("the CAB has to decide on %s (POST /api/change-requests/{id}/decision, no tool can)", strings.Join(pending, ", ")))
	}
	if len(f.rejected) > 0 {
		parts = append(parts, fmt.Sprintf("the CAB rejected %s, so that the release goes on only without (%s), or once the CAB decides again",
			strings.Join(f.rejected, ", "), f.way("add_changes", "with remove", "POST /api/releases/{id}/add-changes")))
	}
	return "tell the person you work for that " + strings.Join(parts, ", and that ") + ". When it is done, make the same call again."
}

// way is how to do what a tool does, by certain arguments, where the caller may not be
// shown that tool.
func (f failure) way(name, arguments, route string) string {
	if f.offers(name) {
		return strings.TrimSpace(name + " " + arguments)
	}
	t, _ := find(name)
	return fmt.Sprintf("%s, or the tool %s of the toolset %s", route, name, t.set)
}

func windowMissing(f failure) string {
	if f.offers("update_release") {
		return "ask the person you work for when it is to be, set scheduledStart and scheduledEnd with update_release, and make the same call again."
	}
	return "ask a person with the role Admin to set scheduledStart and scheduledEnd (" + f.way("update_release", "", "PATCH /api/releases/{id}") + "). Then make the same call again. For a new release, give the window to create_release."
}

func leaveOut(f failure) string {
	if f.operation == operations.AddChanges {
		return "leave these out or correct them, and call add_changes again; list_change_requests shows which there are."
	}
	return "leave these out of linkedChangeRequestIds or correct them, and call create_release again."
}

func outcomeUnknown(f failure) string {
	switch {
	case !f.writes, f.Outcome == release.OutcomeUnchanged:
		return "make the same call again in a few seconds."
	case f.operation == operations.CreateRelease:
		return "call list_releases to see whether it was made before you repeat it, or repeat it with the same idempotencyKey."
	}
	return "call get_release to see whether it was made before you repeat it, or repeat it with the same idempotencyKey."
}
