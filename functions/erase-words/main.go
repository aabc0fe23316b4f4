// Command erase-words serves POST /api/record/erasures: erase a person's words or name from an entry of the record.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.EraseWords))
}
