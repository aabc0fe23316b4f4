// Command get-review serves GET /api/releases/{id}/review: read a post-implementation review of a release, as Markdown.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE")
	host.Serve(api.Endpoint(c, rest.GetReview))
}
