// Command decide-change serves POST /api/change-requests/{id}/decision: record the CAB's decision on a change request.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("CHANGES_TABLE", "RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.DecideChange))
}
