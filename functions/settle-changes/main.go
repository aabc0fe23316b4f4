// Command settle-changes is woken by the Releases stream: it brings a deployment, rollback or cancellation to the release's change requests.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/settle"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(settle.New(store).Changes)
}
