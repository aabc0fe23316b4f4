// Package page makes the function that serves the public page. It must not link anything that
// can read what the public may not see.
package page

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/trustcenter"
	"example.com/releases/shared/wire"
)

// TrustCenter is the function that serves the page and its feeds.
func TrustCenter(c host.Config) host.Function {
	return host.HTTP(trustcenter.Handler(wire.Store(c).Published, trustcenter.Options{
		On: c.TrustCenter, Zone: c.Zone, PublicURL: c.PublicURL, Organisation: c.OrganisationName, OrganisationURL: c.OrganisationURL,
	}))
}
