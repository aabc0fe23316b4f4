package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
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
		Body:    (*operations.CreateChangeInput)(nil), Answer: (*operations.ChangeView)(nil), serve: createChange,
	}
	GetChange = Route{
		Operation: operations.GetChange, Method: http.MethodGet, Path: "/change-requests/{id}", Status: http.StatusOK,
		Summary: "Read a change request and the rollback steps of its release",
		Answer:  (*operations.ChangeView)(nil), serve: getChange,
	}
	DecideChange = Route{
		Operation: operations.DecideChange, Method: http.MethodPost, Path: "/change-requests/{id}/decision", Status: http.StatusOK,
		Summary: "Record the CAB's decision on a change request",
		Body:    (*operations.DecideChangeInput)(nil), Answer: (*operations.ChangeView)(nil), Guarded: true, serve: decideChange,
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
	id, err := q.id("change request")
	if err != nil {
		return reply{}, err
	}
	v, err := o.GetChange(q.Context(), id)
	return reply{value: v, revision: v.Revision}, err
}

func decideChange(o *operations.Operations, q *request) (reply, error) {
	id, in, err := target[operations.DecideChangeInput](q, "change request")
	if err != nil {
		return reply{}, err
	}
	v, err := o.DecideChange(q.Context(), id, in, q.pre)
	return reply{value: v, revision: v.Revision}, err
}
