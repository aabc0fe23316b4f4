// Command settle-tasks is invoked by the Changes stream: when a change request has followed
// its release, it updates the change request's tasks.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/settlement"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE")
	host.Serve(settlement.Tasks(c))
}
