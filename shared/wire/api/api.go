// Package api makes the functions of the REST surface. It must know nothing of other
// surfaces.
package api

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire"
)

// Endpoint is the function that serves one route.
func Endpoint(c host.Config, route rest.Route) host.Function {
	o := operations.New(wire.Store(c)).WithSeparateDuties(c.SeparateDuties)
	return host.HTTP(rest.Handler(o, route).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}

// Preflight is the function that answers CORS preflight requests.
func Preflight(c host.Config) host.Function {
	return host.HTTP(rest.Preflight(c.AllowedOrigins))
}
