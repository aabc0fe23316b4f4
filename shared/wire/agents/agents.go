// Package agents makes the function that agents reach. It must know nothing of other
// surfaces.
package agents

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/wire"
)

// MCP is the function that serves /mcp and its metadata.
func MCP(c host.Config) host.Function {
	return host.HTTP(mcptools.Handler(operations.New(wire.Store(c)), mcptools.Config{
		PublicURL: c.PublicURL, AllowedOrigins: c.AllowedOrigins, Issuer: c.Issuer, Scopes: c.Scopes,
	}))
}
