// Command tend-outbox runs on a schedule: it looks after mails that were forgotten, or of which nobody knows how they ended.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("MAIL_TABLE")
	host.Serve(notices.TendOutbox(c))
}
