// Command heads-up runs on a schedule: it has people told of releases that are due, and looks after the outbox.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/plan"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(plan.New(store).Run)
}
