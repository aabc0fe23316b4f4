// Command delete-release serves DELETE /api/releases/{id}: delete a planned or cancelled release and free its change requests.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(rest.Handler(operations.New(store), rest.DeleteRelease).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}
