package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The routes of change requests.
var (
	ListChanges = Route{
		Operation: operations.ListChanges, Method: http.MethodGet, Path: "/change-requests", Status: http.StatusOK,
		Summary: "List change requests, newest first",
		Query:   (*operations.ListChangesInput)(nil), Answer: (*operations.ChangePage)(nil), serve: listChanges,
	}
	CreateChange = Route{
		Operation: operations.CreateChange, Method: http.MethodPost, Path: "/change-requests", Status: http.StatusCreated,
		Summary: "Enter a change request",
		Body:    (*operations.CreateChangeInput)(nil), Answer: (*operations.ChangeView)(nil),
		Refusals: []string{"already-exists"}, serve: createChange,
	}
	GetChange = Route{
		Operation: operations.GetChange, Method: http.MethodGet, Path: "/change-requests/{id}", Status: http.StatusOK,
		Summary: "Read a change request and the rollback steps of its release",
		Answer:  (*operations.ChangeView)(nil), serve: getChange,
	}
	UpdateChange = Route{
		Operation: operations.UpdateChange, Method: http.MethodPatch, Path: "/change-requests/{id}", Status: http.StatusOK,
		Summary: "Edit a change request",
		Body:    (*release.ChangePlan)(nil), Answer: (*operations.ChangeView)(nil), Guarded: true,
		Refusals: []string{"change-frozen", "linking"}, serve: updateChange,
	}
	DecideChange = Route{
		Operation: operations.DecideChange, Method: http.MethodPost, Path: "/change-requests/{id}/decision", Status: http.StatusOK,
		Summary: "Record the CAB's decision on a change request",
		Body:    (*operations.DecideChangeInput)(nil), Answer: (*operations.ChangeView)(nil), Guarded: true,
		Refusals: []string{"decision-frozen", "own-change", "linking", "settling"}, serve: decideChange,
	}
	ListChangeLog = Route{
		Operation: operations.ListChangeLog, Method: http.MethodGet, Path: "/change-requests/{id}/log", Status: http.StatusOK,
		Summary: "Read the record of a change request, newest first",
		Query:   (*operations.ListChangeLogInput)(nil), Answer: (*operations.LogPage)(nil), serve: listChangeLog,
	}
)

func listChanges(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.ListChangesInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.ListChanges(q.Context(), in)
	return reply{value: page}, err
}

func createChange(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.CreateChangeInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.CreateChange(q.Context(), in, q.pre)
	return reply{value: v, revision: v.Revision, location: "/change-requests/" + url.PathEscape(v.ID)}, err
}

func getChange(o *operations.Operations, q *request) (reply, error) {
	v, err := o.GetChange(q.Context(), q.id())
	return reply{value: v, revision: v.Revision}, err
}

func updateChange(o *operations.Operations, q *request) (reply, error) {
	v, err := o.UpdateChange(q.Context(), q.id(), q.body, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func decideChange(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.DecideChangeInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.DecideChange(q.Context(), q.id(), in, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func listChangeLog(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.ListChangeLogInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.ListChangeLog(q.Context(), q.id(), in)
	return reply{value: page}, err
}
