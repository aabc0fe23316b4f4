// Command get-task serves GET /api/tasks/{id}: read a task, its comments and the release it waits for.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("TASKS_TABLE", "CHANGES_TABLE", "RELEASES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.GetTask).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
