// Command delete-release serves DELETE /api/releases/{id}: delete a planned or cancelled release and free its change requests.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.DeleteRelease))
}
