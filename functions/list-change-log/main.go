// Command list-change-log serves GET /api/change-requests/{id}/log: read the record of a change request, newest first.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE")
	host.Serve(api.Endpoint(c, rest.ListChangeLog))
}
