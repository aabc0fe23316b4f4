// Command get-checkpoint serves GET /api/record/checkpoint: read the checkpoint of the record, to keep it elsewhere.
package main

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/api"
)

func main() {
	c := host.FromEnvironment("RECORD_TABLE")
	host.Serve(api.Endpoint(c, rest.GetCheckpoint))
}
