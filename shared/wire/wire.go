// Package wire opens what every function needs, from the configuration. Below it, a
// package for each surface constructs that surface's functions; the function's main calls
// it on AWS and the laptop host calls it in its own process, so that the wiring exists
// once. They are separate packages because a binary links, and initialises, all that its
// packages import. They must hold no rule: what is wired here is tested where it is written.
package wire

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
)

// Store opens the tables.
func Store(c host.Config) *dynamo.Store {
	return dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
}
