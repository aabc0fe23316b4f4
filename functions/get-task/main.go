// Command get-task serves GET /api/tasks/{id}: read a task, its comments and the release it waits for.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE", "CHANGES_TABLE", "RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.GetTask))
}
