// Package docs makes the function that serves the API's documentation. It must know
// nothing of the routes, so that it links none.
package docs

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest/apidocs"
)

// Docs is the function that serves the OpenAPI document and its page.
func Docs(c host.Config) host.Function {
	return host.HTTP(apidocs.Handler(c.PublicURL))
}
