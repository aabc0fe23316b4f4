// Command get-change serves GET /api/change-requests/{id}: read a change request and the rollback steps of its release.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE", "RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.GetChange))
}
