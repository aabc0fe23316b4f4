// Command mcp serves /mcp and its metadata: the tools for agents.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/agents"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TOKEN_ISSUER")
	host.Serve(agents.MCP(c))
}
