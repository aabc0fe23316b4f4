package rest_test

import (
	"example.com/releases/shared/operations"
)

// tasksContract has the operations on tasks. Where a caller may do more with their own tasks, roles
// have two cases: one with another person's task, and one with the caller's own.
var tasksContract = []contract{
	{
		operation: operations.ListTasks,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(*fixture) cell {
				return cell{ask{route: "GET /tasks?requesterEmail=somebody@example.com"}, ""}
			}},
			{401, 200, 200, 200, 200, func(*fixture) cell {
				return cell{ask{route: "GET /tasks?requesterEmail=RITA@example.com"}, ""}
			}},
			{401, 403, 200, 200, 200, func(*fixture) cell {
				return cell{ask{route: "GET /tasks?ciId=ci-mail-1"}, ""}
			}},
		},
		event: eventCase{after: taskLinked, status: 200, holds: `"badge":"Linked Release: REL-2026-Q2-001"`},
		failures: []failure{
			{to("GET /tasks", nil), 400, "invalid-request", "requesterEmail", ""},
			{to("GET /tasks?ciId=a&changeRequestId=b&status=Done", nil), 400, "invalid-request", "requesterEmail status", ""},
			{to("GET /tasks?ciId="+long, nil), 400, "invalid-request", "ciId", ""},
			{to("GET /tasks?ciId=a&cursor=x", nil), 400, "invalid-cursor", "cursor", ""},
		},
	},
	{
		operation: operations.CreateTask,
		roles: []roleCase{
			{401, 403, 403, 403, 201, func(*fixture) cell {
				id := newKey("TASK")
				return cell{ask{route: "POST /tasks", body: object{"id": id, "title": "A task", "requesterEmail": "rita@example.com"}}, "/tasks/" + id}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange}, status: 201, holds: `"id":"TASK-1001"`},
		failures: []failure{
			{to("POST /tasks", object{"status": "Done"}), 400, "invalid-request", "title requesterEmail status", "/tasks?ciId=a"},
			{to("POST /tasks", object{"title": "A", "requesterEmail": "a@example.com", "changeRequestId": "CHG-unknown"}), 400, "invalid-request", "changeRequestId", "/tasks?requesterEmail=a@example.com"},
			{func(w *fixture) ask {
				return ask{route: "POST /tasks", body: object{"id": w.task("a@example.com", ""), "title": "A", "requesterEmail": "b@example.com"}}
			}, 409, "already-exists", "", "/tasks?requesterEmail=b@example.com"},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/tasks", object{"title": "A", "requesterEmail": rita.Email, "changeRequestId": w.change(false)}, object{"title": "B", "requesterEmail": rita.Email}}
			},
		},
		// No entries: the record is of releases and change requests. Tasks have comments, and a
		// release's log tells of them in counts.
		entries: &entries{request: ask{route: "POST /tasks", body: object{"title": "A task", "requesterEmail": "a@example.com", "changeRequestId": "{C}"}}},
	},
	{
		operation: operations.GetTask,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /tasks/" + w.task("somebody@example.com", "")}, ""}
			}},
			{401, 200, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /tasks/" + w.task("Rita@Example.com", "")}, ""}
			}},
		},
		event: eventCase{after: taskLinked, status: 200, holds: `"badge":"Linked Release: REL-2026-Q2-001"`},
	},
	{
		operation: operations.UpdateTask,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.task("rita@example.com", "")
				return cell{ask{route: "PATCH /tasks/" + id, body: object{"title": "Another"}}, "/tasks/" + id}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange, operations.CreateTask}, status: 200, holds: `"status":"InProgress"`},
		failures: []failure{
			{to("PATCH /tasks/TASK-unknown", object{"title": "A"}), 404, "not-found", "", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"title": nil, "status": "Done", "comments": nil, "requesterEmail": 1}}
			}, 400, "invalid-request", "comments requesterEmail title status", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"changeRequestId": "CHG-unknown"}}
			}, 400, "invalid-request", "changeRequestId", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"title": "B"}, headers: []string{`If-Match: "9"`}}
			}, 412, "revision-stale", "", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /tasks/" + w.resolved(), body: object{"changeRequestId": nil}}
			}, 409, "task-resolved-by-release", "", ""},
		},
		entries: &entries{request: ask{route: "PATCH /tasks/{T}", body: object{"title": "Another"}}},
	},
}
