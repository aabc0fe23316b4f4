// Command mcp serves /mcp and its metadata: the five tools for agents.
package main

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/operations"
)

func main() {
	c := host.FromEnvironment("RELEASES_TABLE", "CHANGES_TABLE", "TOKEN_ISSUER")
	store := dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
	host.ServeHTTP(mcptools.Handler(operations.New(store), mcptools.Config{
		PublicURL: c.PublicURL, AllowedOrigins: c.AllowedOrigins, Issuer: c.Issuer, Scopes: c.Scopes,
	}))
}
