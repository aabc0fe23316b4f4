package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The routes of tasks.
var (
	ListTasks = Route{
		Operation: operations.ListTasks, Method: http.MethodGet, Path: "/tasks", Status: http.StatusOK,
		Summary: "List the tasks of a requester, a change request or a configuration item",
		About:   "The tasks of one requester (newest first), of one change request, or about one configuration item, each with the badge of the release that it waits for. Where a status narrows the list, a page may be short, or empty, and still have a next one.",
		Query:   (*operations.ListTasksInput)(nil), Answer: (*operations.TaskPage)(nil), serve: listTasks,
	}
	CreateTask = Route{
		Operation: operations.CreateTask, Method: http.MethodPost, Path: "/tasks", Status: http.StatusCreated,
		Summary: "Enter a task",
		About:   "A task that is linked to a change request is resolved and reopened with its releases from now on; earlier ones do not affect it.",
		Body:    (*operations.CreateTaskInput)(nil), Answer: (*operations.TaskView)(nil),
		Refusals: []string{"already-exists"}, serve: createTask,
	}
	GetTask = Route{
		Operation: operations.GetTask, Method: http.MethodGet, Path: "/tasks/{id}", Status: http.StatusOK,
		Summary: "Read a task, its comments and the release it waits for",
		About:   "With the comments that releases have left and the badge of the release that it waits for.",
		Answer:  (*operations.TaskView)(nil), serve: getTask,
	}
	UpdateTask = Route{
		Operation: operations.UpdateTask, Method: http.MethodPatch, Path: "/tasks/{id}", Status: http.StatusOK,
		Summary: "Edit a task, or move it to another change request",
		About:   "A JSON merge patch. A task may move to another change request, unless a release that is still deployed has resolved it.",
		Body:    (*release.TaskPlan)(nil), Answer: (*operations.TaskView)(nil), Guarded: true,
		Refusals: []string{"task-resolved-by-release"}, serve: updateTask,
	}
)

func listTasks(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.ListTasksInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.ListTasks(q.Context(), in)
	return reply{value: page}, err
}

func createTask(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.CreateTaskInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.CreateTask(q.Context(), in, q.pre)
	return reply{value: v, revision: v.Revision, location: "/tasks/" + url.PathEscape(v.ID)}, err
}

func getTask(o *operations.Operations, q *request) (reply, error) {
	v, err := o.GetTask(q.Context(), q.id())
	return reply{value: v, revision: v.Revision}, err
}

func updateTask(o *operations.Operations, q *request) (reply, error) {
	v, err := o.UpdateTask(q.Context(), q.id(), q.body, q.pre)
	return reply{value: v, revision: v.Revision}, err
}

func taskRoutes() []Route {
	return []Route{ListTasks, CreateTask, GetTask, UpdateTask}
}
