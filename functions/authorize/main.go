// Command authorize is the REST API's authorizer: it decides who a request comes from before a function sees it.
package main

import "example.com/releases/shared/host"

func main() {
	c := host.FromEnvironment()
	host.Serve(host.Authorize(c))
}
