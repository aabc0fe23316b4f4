// Command announce publishes each status change of a release on the event bus and opens the
// job that notifies people; the Releases stream invokes it.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/announcements"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "MAIL_TABLE", "RECORD_TABLE", "EVENT_BUS")
	host.Serve(announcements.Announce(c))
}
