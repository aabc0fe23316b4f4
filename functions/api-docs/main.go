// Command api-docs serves the OpenAPI document, the page for people made from it, and what the types of problems point to.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/docs"
)

func main() {
	c := host.FromEnvironment()
	host.Serve(docs.Docs(c))
}
