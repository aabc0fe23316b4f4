// Command seal-record runs on a schedule: it seals the record's entries, so that later changes
// to them can be detected.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/sealing"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "RECORD_TABLE")
	host.Serve(sealing.Seal(c))
}
