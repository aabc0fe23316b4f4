package rest

import (
	"net/http"
	"strconv"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The routes of a release that is being carried out: whether it can go on, its steps
// and its log.
var (
	CheckReadiness = Route{
		Operation: operations.CheckReadiness, Method: http.MethodGet, Path: "/releases/{id}/readiness", Status: http.StatusOK,
		Summary: "Ask what blocks a release's next statuses",
		About:   "For each next status: each condition, whether it holds, and which change requests block it. The advice blocks nothing. For `deployed` and `rolled-back` it also counts the change requests, tasks and people that would be affected.",
		Answer:  (*release.Readiness)(nil), serve: checkReadiness,
	}
	AppendLog = Route{
		Operation: operations.AppendLog, Method: http.MethodPost, Path: "/releases/{id}/log", Status: http.StatusCreated,
		Summary: "Add an entry to the deployment log",
		About:   "Author and address come from the token. The newest 500 notes are kept. With `hold` the release stays where it is: until the hold is lifted, only `cancelled` and `rolled-back` can be entered.",
		Body:    (*operations.AppendLogInput)(nil), Answer: (*release.LogEntry)(nil), Guarded: true,
		Refusals: []string{"status-not-current", "release-ended", "too-many-holds", "linking"}, serve: appendLog,
	}
	ListLog = Route{
		Operation: operations.ListLog, Method: http.MethodGet, Path: "/releases/{id}/log", Status: http.StatusOK,
		Summary: "Read the deployment log, newest first",
		About:   "Everything that happened to the release, newest first, in pages: notes, and an entry of the system for every write. `kind` narrows it. Auditors can also read the log of a deleted release.",
		Query:   (*operations.ListLogInput)(nil), Answer: (*operations.LogPage)(nil), serve: listLog,
	}
	LiftHold = Route{
		Operation: operations.LiftHold, Method: http.MethodDelete, Path: "/releases/{id}/hold", Status: http.StatusNoContent,
		Summary: "Lift a hold, so that the release can go on",
		About:   "An Auditor lifts their own hold, an Admin any: `holder` names another's. It is written to the log. Where there is no such hold, nothing is done and the answer is the same.",
		Query:   (*operations.LiftHoldInput)(nil), Guarded: true,
		Refusals: []string{"not-hold-owner", "linking"}, serve: liftHold,
	}
	GetReview = Route{
		Operation: operations.GetReview, Method: http.MethodGet, Path: "/releases/{id}/review", Status: http.StatusOK,
		Summary: "Read a post-implementation review of a release, as Markdown",
		About:   "Planned against actual times, steps, change requests, what was left open, and the timeline, all from the release and its log; it draws no conclusions. Texts by people are escaped.",
		Answer:  (*operations.Markdown)(nil), serve: getReview,
	}
	CompleteStep = Route{
		Operation: operations.CompleteStep, Method: http.MethodPost, Path: "/releases/{id}/steps/{plan}/{order}", Status: http.StatusOK,
		Summary: "Complete a step of the rollout or rollback plan, or open it again",
		// Typed, not derived: a call here would link this operation into every function.
		About: "Steps of the rollout plan can be completed while the release is scheduled or in-progress, those of the rollback plan while it is scheduled, in-progress or deployed. Completing and reopening are written to the log; repeating either changes nothing.",
		Body:  (*operations.CompleteStepInput)(nil), Answer: (*operations.ReleaseView)(nil), Guarded: true,
		Refusals: []string{"not-step-owner", "steps-closed", "linking"}, serve: completeStep,
	}
)

func checkReadiness(o *operations.Operations, q *request) (reply, error) {
	v, err := o.CheckReadiness(q.Context(), q.id())
	return reply{value: v}, err
}

func appendLog(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.AppendLogInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.AppendLog(q.Context(), q.id(), in, q.pre)
	return reply{value: v}, err
}

func liftHold(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.LiftHoldInput](q)
	if err != nil {
		return reply{}, err
	}
	return reply{}, o.LiftHold(q.Context(), q.id(), in, q.pre)
}

func getReview(o *operations.Operations, q *request) (reply, error) {
	text, err := o.GetReview(q.Context(), q.id())
	return reply{value: text}, err
}

func listLog(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.ListLogInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.ListLog(q.Context(), q.id(), in)
	return reply{value: page}, err
}

func completeStep(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.CompleteStepInput](q)
	if err != nil {
		return reply{}, err
	}
	sent := q.params["order"]
	order, err := strconv.Atoi(sent)
	if err != nil || strconv.Itoa(order) != sent {
		return reply{}, release.NotFound("step", shorten(sent)+" (steps have numbers)")
	}
	v, err := o.CompleteStep(q.Context(), q.id(), q.params["plan"], order, in, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func rolloutRoutes() []Route {
	return []Route{CheckReadiness, AppendLog, LiftHold, ListLog, GetReview, GetEvidence, EraseWords, TransitionRelease, CompleteStep}
}
