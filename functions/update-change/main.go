// Command update-change serves PATCH /api/change-requests/{id}: edit a change request.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.UpdateChange))
}
