// Command add-changes serves POST /api/releases/{id}/add-changes: link change requests to a release, or remove them from it.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.AddChanges))
}
