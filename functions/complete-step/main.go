// Command complete-step serves POST /api/releases/{id}/steps/{plan}/{order}: complete a step of the rollout or rollback plan, or open it again.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.CompleteStep))
}
