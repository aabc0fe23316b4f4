// Command heads-up runs on a schedule: it has people told of releases that are due, and looks after the outbox.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/notices"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE")
	host.Serve(notices.HeadsUp(c))
}
