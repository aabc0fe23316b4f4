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
		About:   "All change requests, or those with one approval status, newest first.",
		Query:   (*operations.ListChangesInput)(nil), Answer: (*operations.ChangePage)(nil), serve: listChanges,
	}
	CreateChange = Route{
		Operation: operations.CreateChange, Method: http.MethodPost, Path: "/change-requests", Status: http.StatusCreated,
		Summary: "Enter a change request",
		About:   "A `Standard` change is approved beforehand, unless the installation keeps duties separate; any other waits for the CAB.",
		Body:    (*operations.CreateChangeInput)(nil), Answer: (*operations.ChangeView)(nil),
		Refusals: []string{"already-exists"}, serve: createChange,
	}
	GetChange = Route{
		Operation: operations.GetChange, Method: http.MethodGet, Path: "/change-requests/{id}", Status: http.StatusOK,
		Summary: "Read a change request and the rollback steps of its release",
		About:   "With the newest decisions of the CAB, the release it is in (or was in last), and the steps that would roll that back.",
		Answer:  (*operations.ChangeView)(nil), serve: getChange,
	}
	UpdateChange = Route{
		Operation: operations.UpdateChange, Method: http.MethodPatch, Path: "/change-requests/{id}", Status: http.StatusOK,
		Summary: "Edit a change request",
		About:   "A JSON merge patch of the fields that people edit. The type, the approval and the status cannot be patched. An approval is for what the CAB saw: an edit that changes `digest` puts an approved change request back to `pending`, and so blocks its release; editing it back does not approve it. `Standard` changes stay approved. While its release is in progress, what was approved cannot change; once the release is deployed it can, and the approval ends only if the release is rolled back.",
		Body:    (*release.ChangePlan)(nil), Answer: (*operations.ChangeView)(nil), Guarded: true,
		Refusals: []string{"change-frozen", "linking"}, serve: updateChange,
	}
	DecideChange = Route{
		Operation: operations.DecideChange, Method: http.MethodPost, Path: "/change-requests/{id}/decision", Status: http.StatusOK,
		Summary: "Record the CAB's decision on a change request",
		About:   "Records what the CAB decided. It can decide again until the release is in progress; every decision stays on record. Where the installation keeps duties separate, whoever created the change request, or last changed what the CAB decides on, cannot record the decision. Rejecting a linked change request blocks its release until it is removed or approved.",
		Body:    (*operations.DecideChangeInput)(nil), Answer: (*operations.ChangeView)(nil), Guarded: true,
		Refusals: []string{"decision-frozen", "own-change", "linking", "settling"}, serve: decideChange,
	}
	ListChangeLog = Route{
		Operation: operations.ListChangeLog, Method: http.MethodGet, Path: "/change-requests/{id}/log", Status: http.StatusOK,
		Summary: "Read the record of a change request, newest first",
		About:   "Its creation, decisions and edits, newest first, whether or not the change request was in a release. A decision holds everything that was decided on, an edit the new values of what changed; old values are kept as fingerprints. While a change request is linked, the same entries are in its release's log.",
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

func changeRoutes() []Route {
	return []Route{ListChanges, CreateChange, GetChange, UpdateChange, DecideChange, ListChangeLog}
}
