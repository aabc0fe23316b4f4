// Command trust-center serves the public page /trust-center and its feeds.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/page"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "ORGANISATION_ZONE", "TRUST_CENTER")
	host.Serve(page.TrustCenter(c))
}
