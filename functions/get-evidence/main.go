// Command get-evidence serves GET /api/releases/{id}/evidence: read what proves the record of a release.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "RECORD_TABLE")
	host.Serve(api.Endpoint(c, rest.GetEvidence))
}
