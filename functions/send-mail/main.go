// Command send-mail sends what is in the outbox, through SES; the Mail stream wakes it.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/send"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE", "MAIL_SENDER")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeEvents(send.Open(c.AWS(c.SESEndpoint), store, send.Options{
		Sender: c.Sender, ConfigurationSet: c.ConfigurationSet, Zone: c.Zone, Rate: c.MailRate,
	}).Stream)
}
