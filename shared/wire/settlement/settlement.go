// Package settlement makes the functions that apply a deployment, rollback or cancellation to
// the release's change requests and their tasks. It must know nothing of mails or the bus.
package settlement

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/wire"
)

// Changes is the function that the Releases stream invokes.
func Changes(c host.Config) host.Function {
	return host.Events(settle.New(wire.Store(c)).Changes)
}

// Tasks is the function that the Changes stream invokes.
func Tasks(c host.Config) host.Function {
	return host.Events(settle.New(wire.Store(c)).Tasks)
}
