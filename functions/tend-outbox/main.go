// Command tend-outbox runs on a schedule: it looks after mails that are overdue or whose
// outcome is unknown.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("MAIL_TABLE")
	host.Serve(notices.TendOutbox(c))
}
