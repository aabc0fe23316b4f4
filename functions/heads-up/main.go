// Command heads-up runs on a schedule: it opens the notice jobs that are due, so that people
// are told in time.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE")
	host.Serve(notices.HeadsUp(c))
}
