package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The routes of releases.
var (
	ListReleases = Route{
		Operation: operations.ListReleases, Method: http.MethodGet, Path: "/releases", Status: http.StatusOK,
		Summary: "List releases, newest first",
		Query:   (*operations.ListReleasesInput)(nil), Answer: (*operations.ReleasePage)(nil), serve: listReleases,
	}
	CreateRelease = Route{
		Operation: operations.CreateRelease, Method: http.MethodPost, Path: "/releases", Status: http.StatusCreated,
		Summary: "Plan a release",
		Body:    (*operations.CreateReleaseInput)(nil), Answer: (*operations.ReleaseView)(nil), serve: createRelease,
	}
	GetRelease = Route{
		Operation: operations.GetRelease, Method: http.MethodGet, Path: "/releases/{id}", Status: http.StatusOK,
		Summary: "Read a whole release: its change requests, log and settlement progress",
		Answer:  (*operations.ReleaseView)(nil), serve: getRelease,
	}
	DeleteRelease = Route{
		Operation: operations.DeleteRelease, Method: http.MethodDelete, Path: "/releases/{id}", Status: http.StatusNoContent,
		Summary: "Delete a planned or cancelled release and free its change requests",
		Guarded: true, serve: deleteRelease,
	}
	AddChanges = Route{
		Operation: operations.AddChanges, Method: http.MethodPost, Path: "/releases/{id}/add-changes", Status: http.StatusOK,
		Summary: "Link change requests to a release, or remove them from it",
		Body:    (*operations.AddChangesInput)(nil), Answer: (*operations.LinkResult)(nil), Guarded: true, serve: addChanges,
	}
	AppendLog = Route{
		Operation: operations.AppendLog, Method: http.MethodPost, Path: "/releases/{id}/log", Status: http.StatusCreated,
		Summary: "Add an entry to the deployment log",
		Body:    (*operations.AppendLogInput)(nil), Answer: (*release.LogEntry)(nil), serve: appendLog,
	}
	TransitionRelease = Route{
		Operation: operations.TransitionRelease, Method: http.MethodPost, Path: "/releases/{id}/status", Status: http.StatusOK,
		Summary: "Move a release to its next status",
		Body:    (*operations.TransitionInput)(nil), Answer: (*operations.ReleaseView)(nil), Guarded: true, serve: transitionRelease,
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
	id, err := q.id("release")
	if err != nil {
		return reply{}, err
	}
	v, err := o.GetRelease(q.Context(), id)
	return reply{value: v, revision: v.Revision}, err
}

func deleteRelease(o *operations.Operations, q *request) (reply, error) {
	id, err := q.id("release")
	if err != nil {
		return reply{}, err
	}
	return reply{}, o.DeleteRelease(q.Context(), id, q.pre)
}

func addChanges(o *operations.Operations, q *request) (reply, error) {
	id, in, err := target[operations.AddChangesInput](q, "release")
	if err != nil {
		return reply{}, err
	}
	v, err := o.AddChanges(q.Context(), id, in, q.pre)
	return reply{value: v}, err
}

func appendLog(o *operations.Operations, q *request) (reply, error) {
	id, in, err := target[operations.AppendLogInput](q, "release")
	if err != nil {
		return reply{}, err
	}
	v, err := o.AppendLog(q.Context(), id, in, q.pre)
	return reply{value: v}, err
}

func transitionRelease(o *operations.Operations, q *request) (reply, error) {
	id, in, err := target[operations.TransitionInput](q, "release")
	if err != nil {
		return reply{}, err
	}
	v, err := o.TransitionRelease(q.Context(), id, in, q.pre)
	return reply{value: v, revision: v.Revision}, err
}
