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
	return host.HTTP(rest.Handler(operations.New(wire.Store(c)), route).WithPublicURL(c.PublicURL, c.AllowedOrigins))
}

// Preflight is the function that tells browsers which origins may call.
func Preflight(c host.Config) host.Function {
	return host.HTTP(rest.Preflight(c.AllowedOrigins))
}
