// Command sweep runs on a schedule: it repairs settlements, announcements, creations and deletions that were given up on.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/settle"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE", "EVENT_BUS")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	sweep := settle.Sweep{Settler: settle.New(store), Announce: announce.Open(c.AWS(c.EventsEndpoint), store, c.EventBus).Announce}
	host.ServeEvents(sweep.Run)
}
