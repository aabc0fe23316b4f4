package rest

import (
	"net/http"
	"net/url"

	"example.com/releases/shared/operations"
)

// The routes of tasks.
var (
	ListTasks = Route{
		Operation: operations.ListTasks, Method: http.MethodGet, Path: "/tasks", Status: http.StatusOK,
		Summary: "List the tasks of a requester, a change request or a configuration item",
		Query:   (*operations.ListTasksInput)(nil), Answer: (*operations.TaskPage)(nil), serve: listTasks,
	}
	CreateTask = Route{
		Operation: operations.CreateTask, Method: http.MethodPost, Path: "/tasks", Status: http.StatusCreated,
		Summary: "Enter a task",
		Body:    (*operations.CreateTaskInput)(nil), Answer: (*operations.TaskView)(nil), serve: createTask,
	}
	GetTask = Route{
		Operation: operations.GetTask, Method: http.MethodGet, Path: "/tasks/{id}", Status: http.StatusOK,
		Summary: "Read a task, its comments and the release it waits for",
		Answer:  (*operations.TaskView)(nil), serve: getTask,
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
	id, err := q.id("task")
	if err != nil {
		return reply{}, err
	}
	v, err := o.GetTask(q.Context(), id)
	return reply{value: v, revision: v.Revision}, err
}
