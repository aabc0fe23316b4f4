// Package sealing makes the function that seals the record. It must know nothing of the API,
// which writes the entries.
package sealing

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/seal"
	"example.com/releases/shared/wire"
)

// Seal is the function that the schedule invokes to seal new entries.
func Seal(c host.Config) host.Function {
	return host.Events(seal.New(wire.Store(c), c.RecordGeneration, c.LastCheckpoint).Run)
}
