// Command record-mail-feedback records SES's events from the default bus: mails that were
// sent, bounces and complaints.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE")
	host.Serve(notices.Feedback(c))
}
