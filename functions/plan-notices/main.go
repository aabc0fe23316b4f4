// Command plan-notices puts a mail into the outbox for each person whom a notice job concerns; the Mail stream wakes it.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/plan"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(plan.New(store).WithPublicURL(c.PublicURL, c.TrustCenter).Stream)
}
