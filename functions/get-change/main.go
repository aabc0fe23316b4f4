// Command get-change serves GET /api/change-requests/{id}: read a change request and the rollback steps of its release.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE", "RELEASES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.GetChange).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
