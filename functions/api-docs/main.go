// Command api-docs serves the OpenAPI document, the page for people made from it, and what the types of problems point to.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest/apidocs"
)

func main() {
	c := host.FromEnvironment()
	host.ServeHTTP(apidocs.Handler(c.PublicURL))
}
