// Package sending makes the function that sends mail. It alone links the client of SES; it
// must not know who is told what.
package sending

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/wire"
)

// Send is the function that the Mail stream invokes for a mail.
func Send(c host.Config) host.Function {
	return host.Events(send.Open(c.AWS(c.SESEndpoint), wire.Store(c), send.Options{
		Sender: c.Sender, ConfigurationSet: c.ConfigurationSet, Zone: c.Zone, Organisation: c.OrganisationName, Rate: c.MailRate,
	}).Stream)
}
