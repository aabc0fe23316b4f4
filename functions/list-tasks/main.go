// Command list-tasks serves GET /api/tasks: list the tasks of a requester, a change request or a configuration item.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.ListTasks).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
