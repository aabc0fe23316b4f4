// Command heads-up runs on a schedule: it has each release looked at when its timer says, so that people are told of what is due.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE")
	host.Serve(notices.HeadsUp(c))
}
