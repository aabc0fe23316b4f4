// Command lift-hold serves DELETE /api/releases/{id}/hold: lift a hold, so that the release can go on.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.LiftHold))
}
