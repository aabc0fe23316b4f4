// Command settle-tasks is woken by the Changes stream: it brings what a change request followed to its tasks.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/settle"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(settle.New(store).Tasks)
}
