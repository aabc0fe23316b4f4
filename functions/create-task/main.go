// Command create-task serves POST /api/tasks: enter a task.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE", "CHANGES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.CreateTask).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
