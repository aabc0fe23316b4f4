// Command record-mail-feedback takes SES's events from the default bus: what was sent, what bounced, who complained.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE")
	host.Serve(notices.Feedback(c))
}
