// Command create-release serves POST /api/releases: plan a release.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.CreateRelease))
}
