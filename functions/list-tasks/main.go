// Command list-tasks serves GET /api/tasks: list the tasks of a requester, a change request or a configuration item.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE", "CHANGES_TABLE", "RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.ListTasks))
}
