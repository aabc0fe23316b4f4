// Command update-task serves PATCH /api/tasks/{id}: edit a task, or move it to another change request.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE", "TASKS_TABLE")
	host.Serve(api.Endpoint(c, rest.UpdateTask))
}
