// Command settle-changes is invoked by the Releases stream: it applies a deployment, rollback
// or cancellation to the release's change requests.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/settlement"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(settlement.Changes(c))
}
