// Command api-docs serves the OpenAPI document, its page for people, and the pages that the
// types of problems point to.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/docs"
)

func main() {
	c := host.FromEnvironment()
	host.Serve(docs.Docs(c))
}
