// Command check-readiness serves GET /api/releases/{id}/readiness: ask what holds a release's next steps up.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "TASKS_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.CheckReadiness).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
