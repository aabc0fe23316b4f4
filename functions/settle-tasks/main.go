// Command settle-tasks is woken by the Changes stream: it brings what a change request followed to its tasks.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/settlement"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE")
	host.Serve(settlement.Tasks(c))
}
