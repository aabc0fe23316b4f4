// Command transition-release serves POST /api/releases/{id}/status: move a release to its next status.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.TransitionRelease).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
