// Command trust-center serves the public page /trust-center and its feeds.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/trustcenter"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "ORGANISATION_ZONE", "TRUST_CENTER")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(trustcenter.Handler(store.Published, trustcenter.Options{On: c.TrustCenter, Zone: c.Zone, PublicURL: c.PublicURL}))
}
