// Command check-readiness serves GET /api/releases/{id}/readiness: ask what blocks a release's next statuses.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "TASKS_TABLE")
	host.Serve(api.Endpoint(c, rest.CheckReadiness))
}
