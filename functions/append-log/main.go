// Command append-log serves POST /api/releases/{id}/log: add an entry to the deployment log.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.AppendLog))
}
