// Package notices makes the functions that fill the outbox and keep its states. It must
// know nothing of SES, which only the function that sends links.
package notices

import (
	"example.com/releases/shared/host"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/wire"
)

// Plan is the function that the Mail stream invokes for a job.
func Plan(c host.Config) host.Function {
	return host.Events(plan.New(wire.Store(c)).WithPublicURL(c.PublicURL, c.TrustCenter).Stream)
}

// HeadsUp is the function that the schedule invokes for releases that are due.
func HeadsUp(c host.Config) host.Function {
	return host.Events(plan.New(wire.Store(c)).Run)
}

// TendOutbox is the function that the schedule invokes for mails that are overdue.
func TendOutbox(c host.Config) host.Function {
	return host.Events(tend.Open(wire.Store(c), c.MailRate).Run)
}

// Feedback is the function that SES's events invoke.
func Feedback(c host.Config) host.Function {
	return host.Events(feedback.New(wire.Store(c)).Record)
}
