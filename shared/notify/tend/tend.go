// Package tend looks after the outbox, on a schedule: it ends leases that ran out, brings
// forgotten mails before the sender again, has an operator's word for it that one is sent
// twice, and counts what an operator must know. It must know neither who is told what nor
// how a mail is sent.
package tend

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/stream"
)

const (
	// lookLimit bounds how much of each index partition one run looks at.
	lookLimit = 250
	// unknownAlarmAfter is how long SES has for its Send event before a mail's unknown end is worth
	// an alarm.
	unknownAlarmAfter = 10 * time.Minute
)

// Input is what the event may carry. An operator sends {"resend": ["<outbox id>"]} to have
// unknown mails sent again, at the risk that they arrive twice.
type Input struct {
	Resend []string `json:"resend"`
}

// Report tells what a run found and did. Alarms stand on what is a pointer: nil is a number
// that the run has not read, which its log line leaves out, so that what nobody looked at
// never passes for zero.
type Report struct {
	Woken   int `json:"woken"`   // forgotten mails that were woken
	Expired int `json:"expired"` // leases that had run out
	Resent  int `json:"resent,omitempty"`

	Overdue     *int   `json:"overdue,omitempty"`     // mails found overdue
	Unknown     *int   `json:"unknown,omitempty"`     // mails of which we do not know whether SES took them
	CircuitOpen *bool  `json:"circuitOpen,omitempty"` // nothing is sent
	Circuit     string `json:"circuit,omitempty"`     // why
}

// Tender looks after the outbox of one store. The clock comes in from the edge.
type Tender struct {
	store *dynamo.Store
	now   func() time.Time
}

// New returns a tender on a store.
func New(store *dynamo.Store) *Tender { return &Tender{store: store, now: time.Now} }

// WithClock returns the tender with another clock, for tests and replays.
func (t *Tender) WithClock(now func() time.Time) *Tender { return &Tender{store: t.store, now: now} }

// Run is the handler of the schedule. What can be looked at is, also where something else
// cannot be read; with nothing new it writes nothing.
func (t *Tender) Run(ctx context.Context, event json.RawMessage) (Report, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	var in Input
	_ = json.Unmarshal(event, &in) // an event that is none asks for nothing
	var report Report
	failures := []error{t.resend(ctx, in.Resend, &report), t.countUnknown(ctx, &report), t.readCircuit(ctx, &report)}
	if report.CircuitOpen != nil {
		failures = append(failures, t.due(ctx, &report))
	}
	slog.InfoContext(ctx, "tend-outbox: done", report.figures()...)
	return report, errors.Join(failures...)
}

// figures are the log line on which alarms stand, with the numbers that were read.
func (r Report) figures() []any {
	line := []any{"woken", r.Woken, "expired", r.Expired, "resent", r.Resent, "circuit", r.Circuit}
	if r.Overdue != nil {
		line = append(line, "overdue", *r.Overdue)
	}
	if r.Unknown != nil {
		line = append(line, "unknown", *r.Unknown)
	}
	if r.CircuitOpen != nil {
		open := 0 // metric filters count numbers only
		if *r.CircuitOpen {
			open = 1
		}
		line = append(line, "circuitOpen", open)
	}
	return line
}

func (t *Tender) resend(ctx context.Context, ids []string, report *Report) error {
	var failures []error
	for _, id := range ids {
		done, err := t.store.ResendMail(ctx, id, t.now())
		failures = append(failures, err)
		if done {
			report.Resent++
		} else if err == nil {
			slog.WarnContext(ctx, "tend-outbox: only a mail that is unknown can be sent again", "mail", id)
		}
	}
	return errors.Join(failures...)
}

func (t *Tender) countUnknown(ctx context.Context, report *Report) error {
	unknown, err := t.store.UnknownMails(ctx, t.now().Add(-unknownAlarmAfter), lookLimit)
	if err != nil {
		return err
	}
	count := len(unknown)
	report.Unknown = &count
	for _, id := range unknown {
		slog.WarnContext(ctx, "tend-outbox: it is not known whether SES took this mail; have it sent again with {\"resend\": [\"<mail>\"]} if it did not arrive", "mail", id)
	}
	return nil
}

func (t *Tender) readCircuit(ctx context.Context, report *Report) error {
	circuit, err := t.store.Circuit(ctx)
	if err != nil {
		return err
	}
	open := circuit.Open(t.now())
	if report.CircuitOpen = &open; open {
		report.Circuit = circuit.Reason
	}
	return nil
}

// due brings on their way what is overdue. Where it could not look at all of it, it does
// not say how many there are.
func (t *Tender) due(ctx context.Context, report *Report) error {
	now := t.now()
	ids, jobs, err := t.store.DueMails(ctx, now, lookLimit)
	if err != nil {
		return err
	}
	var failures []error
	for _, k := range jobs {
		failures = append(failures, t.store.MoveJobFromMails(ctx, k))
	}
	mails, err := t.store.MailsByID(ctx, ids)
	failures = append(failures, err)
	overdue := 0
	for _, m := range mails {
		late, err := t.tend(ctx, m, now, report)
		failures = append(failures, err)
		if late {
			overdue++
		}
	}
	if err = errors.Join(failures...); err == nil {
		report.Overdue = &overdue
	}
	return err
}

// tend looks after one mail, and tells whether it should have gone by now.
func (t *Tender) tend(ctx context.Context, m mail.Mail, now time.Time, report *Report) (late bool, err error) {
	if !m.DueAt.Before(now) {
		return false, nil // the index lags
	}
	switch m.State {
	case mail.Sending:
		expired, err := t.store.MailLost(ctx, m, "the sender did not say how it ended", now)
		if expired {
			report.Expired++
			slog.WarnContext(ctx, "tend-outbox: a sender did not say how it ended; only SES's Send event tells now", "mail", m.ID, "release", m.ReleaseID)
		}
		return false, err
	case mail.Pending:
		if *report.CircuitOpen {
			return true, nil // nobody would send it
		}
		woken, err := t.store.WakeMail(ctx, m, now)
		if woken {
			report.Woken++
		}
		return m.Reason == "", err // else one that SES asked to come later with
	}
	return false, nil
}
