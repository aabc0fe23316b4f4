// Command record-mail-feedback takes SES's events from the default bus: what was sent, what bounced, who complained.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/feedback"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(feedback.New(store).Record)
}
