// Command create-task serves POST /api/tasks: enter a task.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.CreateTask))
}
