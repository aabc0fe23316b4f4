// Command announce publishes each status change of a release on the event bus and has people told; the Releases stream wakes it.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/announce"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE", "EVENT_BUS")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(announce.Open(c.AWS(c.EventsEndpoint), store, c.EventBus).Stream)
}
