// Command answer-preflight serves OPTIONS on every path: CORS preflight requests.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment()
	host.Serve(api.Preflight(c))
}
