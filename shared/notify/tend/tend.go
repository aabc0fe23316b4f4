// Package tend is the scheduled run that looks after the outbox: it ends expired leases, wakes
// senders for mails that are due and that nobody is sending, sends unknown mails again when an
// operator asks for it, and counts what operators must know. It must know neither who is told
// what nor how a mail is sent.
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
	// lookLimit bounds how many keys of each index partition one run reads.
	lookLimit = 250
	// unknownAlarmAfter is how long to wait for SES's Send event before a mail with an unknown
	// outcome is counted for the alarm.
	unknownAlarmAfter = 10 * time.Minute
)

// Input is the event. An operator sends {"resend": ["<outbox id>"]} to send unknown mails
// again, at the risk that they arrive twice.
type Input struct {
	Resend []string `json:"resend"`
}

// Report says what a run found and did. Alarms watch the pointers: nil is a number that the
// run could not read. It is left out of the log line, so that an alarm never takes it for
// zero.
type Report struct {
	Woken   int `json:"woken"`   // slots for which a sender was woken
	Expired int `json:"expired"` // leases that had run out
	Resent  int `json:"resent,omitempty"`

	// Mails that have waited too long: Stuck in slots that make no progress, Slow in slots
	// that do. While the circuit is open, mails count as neither.
	Stuck       *int   `json:"stuck,omitempty"`
	Slow        *int   `json:"slow,omitempty"`
	Unknown     *int   `json:"unknown,omitempty"`     // mails of which we do not know whether SES accepted them
	CircuitOpen *bool  `json:"circuitOpen,omitempty"` // nothing is sent
	Quota       bool   `json:"quota,omitempty"`       // the reason is the account's quota of 24 hours
	Circuit     string `json:"circuit,omitempty"`     // why
}

// Tender looks after the outbox of one store.
type Tender struct {
	store *dynamo.Store
	slots int
	now   func() time.Time
}

// Open returns a tender on a store; rate is the sending rate in the form that mail.ParseRate
// reads. It panics on a malformed rate: a wrong configuration must fail at start, not leave
// mails unsent.
func Open(store *dynamo.Store, rate string) *Tender {
	r, err := mail.ParseRate(rate)
	if err != nil {
		panic(err.Error())
	}
	return &Tender{store: store, slots: mail.Slots(r), now: time.Now}
}

// WithClock returns the tender with another clock, for tests and replays.
func (t *Tender) WithClock(now func() time.Time) *Tender {
	c := *t
	c.now = now
	return &c
}

// Run is the schedule's handler. Where one read fails, the others still happen; with nothing
// new it writes nothing.
func (t *Tender) Run(ctx context.Context, event json.RawMessage) (Report, error) {
	ctx, cancel := stream.StopEarly(ctx)
	defer cancel()
	var in Input
	_ = json.Unmarshal(event, &in) // an event that cannot be read asks for nothing
	var report Report
	failures := []error{t.resend(ctx, in.Resend, &report), t.countUnknown(ctx, &report)}
	circuit, err := t.store.Circuit(ctx)
	if failures = append(failures, err); err == nil {
		report.read(circuit, t.now())
		failures = append(failures, t.due(ctx, circuit, &report))
	}
	slog.InfoContext(ctx, "tend-outbox: done", report.figures()...)
	return report, errors.Join(failures...)
}

// figures are the log line that alarms use, with the numbers that were read.
func (r Report) figures() []any {
	line := []any{"woken", r.Woken, "expired", r.Expired, "resent", r.Resent, "circuit", r.Circuit}
	if r.Stuck != nil && r.Slow != nil {
		line = append(line, "stuck", *r.Stuck, "slow", *r.Slow)
	}
	if r.Unknown != nil {
		line = append(line, "unknown", *r.Unknown)
	}
	if r.CircuitOpen != nil {
		open, quota := 0, 0 // metric filters count numbers only
		switch {
		case *r.CircuitOpen && r.Quota:
			quota = 1
		case *r.CircuitOpen:
			open = 1
		}
		line = append(line, "circuitOpen", open, "quotaUsedUp", quota)
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
		slog.WarnContext(ctx, "tend-outbox: it is not known whether SES accepted this mail; have it sent again with {\"resend\": [\"<mail>\"]} if it did not arrive", "mail", id)
	}
	return nil
}

func (r *Report) read(c mail.Circuit, now time.Time) {
	open := c.Open(now)
	if r.CircuitOpen = &open; open {
		r.Circuit, r.Quota = c.Reason, c.Quota
	}
}

// due handles the mails that are due. Where it could not read all of them, it reports no
// count.
func (t *Tender) due(ctx context.Context, circuit mail.Circuit, report *Report) error {
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
	waiting, overdue := map[int]bool{}, map[int]int{} // by slot
	for _, m := range mails {
		switch {
		case !m.DueAt.Before(now): // the index lags
		case m.State == mail.Sending:
			failures = append(failures, t.expire(ctx, m, now, report))
		case m.State == mail.Pending:
			slot := mail.SlotOf(m.ID, t.slots)
			waiting[slot] = true
			since := m.WaitingSince()
			if since.Before(circuit.Until) {
				since = circuit.Until // waiting for the circuit to close does not count
			}
			if now.Sub(since) > mail.OverdueAfter {
				overdue[slot]++
			}
		}
	}
	stuck, slow := 0, 0
	if !circuit.Open(now) { // while it is open, nobody would send them
		for n := range waiting {
			woken, err := t.store.WakeSlot(ctx, n, now)
			failures = append(failures, err)
			if woken {
				report.Woken++
			}
		}
		for n, count := range overdue {
			slot, err := t.store.Slot(ctx, n)
			failures = append(failures, err)
			if slot.Slow(now) {
				slow += count
			} else {
				stuck += count
			}
		}
	}
	if err = errors.Join(failures...); err == nil {
		report.Stuck, report.Slow = &stuck, &slow
	}
	return err
}

// expire ends an expired lease.
func (t *Tender) expire(ctx context.Context, m mail.Mail, now time.Time, report *Report) error {
	expired, err := t.store.MailLost(ctx, m, "the sender did not say how it ended", now)
	if expired {
		report.Expired++
		slog.WarnContext(ctx, "tend-outbox: a sender did not say how it ended; only SES's Send event tells now", "mail", m.ID, "release", m.ReleaseID)
	}
	return err
}
