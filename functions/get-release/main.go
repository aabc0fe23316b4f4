// Command get-release serves GET /api/releases/{id}: read a release with its change requests, log and settlement progress.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.GetRelease))
}
