// Command sweep runs on a schedule: it finishes settlements, announcements, creations and
// deletions that were interrupted.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/announcements"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE", "RECORD_TABLE", "EVENT_BUS")
	host.Serve(announcements.Sweep(c))
}
