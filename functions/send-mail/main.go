// Command send-mail sends the mails of the outbox through SES; the Mail stream invokes it.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/sending"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE", "MAIL_SENDER")
	host.Serve(sending.Send(c))
}
