// Command update-task serves PATCH /api/tasks/{id}: edit a task, or move it to another change request.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE", "TASKS_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.UpdateTask).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
