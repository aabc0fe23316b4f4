package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
)

// The routes of releases.
var (
	ListReleases = Route{
		Operation: operations.ListReleases, Method: http.MethodGet, Path: "/releases", Status: http.StatusOK,
		Summary: "List releases, newest first",
		About:   "Summaries of all releases, or of those with one status, newest first. A release that was created a moment ago may be missing from the list for an instant; reading it by its id is always current.",
		Query:   (*operations.ListReleasesInput)(nil), Answer: (*operations.ReleasePage)(nil), serve: listReleases,
	}
	CreateRelease = Route{
		Operation: operations.CreateRelease, Method: http.MethodPost, Path: "/releases", Status: http.StatusCreated,
		Summary: "Plan a release",
		About:   "The id names the quarter in which the release starts (in which it was created, where there is no window yet) and never changes. A new release is `planned`. Change requests may be linked at once; each must exist and be in no other live release.",
		Body:    (*operations.CreateReleaseInput)(nil), Answer: (*operations.ReleaseView)(nil),
		Refusals: []string{"unknown-change-requests", "not-linkable"}, serve: createRelease,
	}
	GetRelease = Route{
		Operation: operations.GetRelease, Method: http.MethodGet, Path: "/releases/{id}", Status: http.StatusOK,
		Summary: "Read a release with its change requests, log and settlement progress",
		About:   "Everything about a release, strongly consistent: its plans, a summary of each linked change request, the newest 500 entries of its log, which statuses are allowed next, and how far its settlement has come.",
		Answer:  (*operations.ReleaseView)(nil), serve: getRelease,
	}
	UpdateRelease = Route{
		Operation: operations.UpdateRelease, Method: http.MethodPatch, Path: "/releases/{id}", Status: http.StatusOK,
		Summary: "Edit a release",
		About:   "A JSON merge patch of the fields that people edit: the whole plan until a release is in progress; from then on the description, the manager, the rollback steps and what the public sees; nothing once it has been rolled back or cancelled. Moving the window of a scheduled release is logged, and those who were told of it are told again. Status, change requests and the completion of steps have requests of their own.",
		Body:    (*operations.NewPlan)(nil), Answer: (*operations.ReleaseView)(nil), Guarded: true,
		Refusals: []string{"field-frozen", "linking"}, serve: updateRelease,
	}
	DeleteRelease = Route{
		Operation: operations.DeleteRelease, Method: http.MethodDelete, Path: "/releases/{id}", Status: http.StatusNoContent,
		Summary: "Delete a planned or cancelled release and free its change requests",
		About:   "Only a planned or cancelled release can be deleted. Its change requests become free; Auditors can still read its log.",
		Guarded: true, Refusals: []string{"not-deletable", "linking"}, serve: deleteRelease,
	}
	AddChanges = Route{
		Operation: operations.AddChanges, Method: http.MethodPost, Path: "/releases/{id}/add-changes", Status: http.StatusOK,
		Summary: "Link change requests to a release, or remove them from it",
		About:   "Any change request may join a planned release; after that only those that the CAB has approved, and none once the release is in progress. What is already linked or removed is answered as `unchanged`, so repeating is harmless. All ids are checked before anything is written; each refused id is named.",
		Body:    (*operations.AddChangesInput)(nil), Answer: (*operations.LinkResult)(nil), Guarded: true,
		Refusals: []string{"unknown-change-requests", "not-linkable", "too-many-changes", "scope-frozen", "linking"}, serve: addChanges,
	}
	TransitionRelease = Route{
		Operation: operations.TransitionRelease, Method: http.MethodPost, Path: "/releases/{id}/status", Status: http.StatusOK,
		Summary: "Move a release to its next status",
		About:   "The lifecycle: planned → approved → scheduled → in-progress → deployed; cancelled from any of the first four; rolled-back from in-progress and deployed. `approved`, `scheduled` and `in-progress` require that every linked change request is CAB-approved, the latter two also a window. While somebody holds the release, only `cancelled` and `rolled-back` can be entered. Each transition is written to the log. Of two callers at the same time, one succeeds and the other gets 409.",
		Body:    (*operations.TransitionInput)(nil), Answer: (*operations.MovedRelease)(nil), Guarded: true,
		Refusals: []string{"invalid-transition", "held", "cab-approval-missing", "window-missing", "status-changed", "linking"}, serve: transitionRelease,
	}
)

func listReleases(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.ListReleasesInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.ListReleases(q.Context(), in)
	return reply{value: page}, err
}

func createRelease(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.CreateReleaseInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.CreateRelease(q.Context(), in, q.pre)
	return reply{value: v, revision: v.Revision, location: "/releases/" + url.PathEscape(v.ID)}, err
}

func getRelease(o *operations.Operations, q *request) (reply, error) {
	v, err := o.GetRelease(q.Context(), q.id())
	return reply{value: v, revision: v.Revision}, err
}

func updateRelease(o *operations.Operations, q *request) (reply, error) {
	v, err := o.UpdateRelease(q.Context(), q.id(), q.body, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func deleteRelease(o *operations.Operations, q *request) (reply, error) {
	return reply{}, o.DeleteRelease(q.Context(), q.id(), q.pre)
}

func addChanges(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.AddChangesInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.AddChanges(q.Context(), q.id(), in, q.pre)
	return reply{value: v}, err
}

func transitionRelease(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.TransitionInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.TransitionRelease(q.Context(), q.id(), in, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func releaseRoutes() []Route {
	return []Route{ListReleases, CreateRelease, GetRelease, UpdateRelease, DeleteRelease, AddChanges}
}
