// Package announcements makes the functions that publish on the event bus: the one that
// announces, and the sweep, which repairs announcements and settlements alike. It must not
// know anything about mails.
package announcements

import (
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/wire"
)

// Announce is the function that the Releases stream invokes.
func Announce(c host.Config) host.Function {
	return host.Events(announcer(c, wire.Store(c)).Stream)
}

// Sweep is the function that the schedule invokes to finish what was left unfinished.
func Sweep(c host.Config) host.Function {
	store := wire.Store(c)
	a := announcer(c, store)
	sweep := settle.Sweep{Settler: settle.New(store), Announce: a.Announce, Wake: a.Wake}
	return host.Events(sweep.Run)
}

func announcer(c host.Config, store *dynamo.Store) *announce.Announcer {
	return announce.Open(c.AWS(c.EventsEndpoint), store, c.EventBus)
}
