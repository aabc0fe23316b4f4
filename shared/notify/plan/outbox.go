package plan

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"example.com/releases/shared/mail"
)

const (
	// lookLimit bounds how much of each index partition one run looks at.
	lookLimit = 250
	// unknownAlarmAfter is how long SES has for its Send event before a mail's unknown end is worth
	// an alarm.
	unknownAlarmAfter = 10 * time.Minute
)

// lookAfter brings forgotten mails and jobs on their way again, ends expired leases,
// and counts what an operator must know.
func (p *Planner) lookAfter(ctx context.Context, report *Report) error {
	now := p.now()
	circuit, err := p.store.Circuit(ctx)
	if err != nil {
		return err
	}
	if report.CircuitOpen = circuit.Open(now); report.CircuitOpen {
		report.Circuit = circuit.Reason
	}
	unknown, err := p.store.UnknownMails(ctx, now.Add(-unknownAlarmAfter), lookLimit)
	if err != nil {
		return err
	}
	report.Unknown = len(unknown)
	for _, id := range unknown {
		slog.WarnContext(ctx, "heads-up: it is not known whether SES took this mail; have it sent again with {\"resend\": [\"<mail>\"]} if it did not arrive", "mail", id)
	}
	due, err := p.store.DueMail(ctx, now, lookLimit)
	if err != nil {
		return err
	}
	var failures []error
	for _, k := range due.Jobs {
		failures = append(failures, p.lookAfterJob(ctx, k, now, report))
	}
	mails, err := p.store.MailsByID(ctx, due.Mails)
	failures = append(failures, err)
	for _, m := range mails {
		failures = append(failures, p.lookAfterMail(ctx, m, now, report))
	}
	return errors.Join(failures...)
}

func (p *Planner) lookAfterMail(ctx context.Context, m mail.Mail, now time.Time, report *Report) error {
	if !m.DueAt.Before(now) {
		return nil // the index lags
	}
	switch m.State {
	case mail.Sending:
		expired, err := p.store.MailLost(ctx, m, "the sender did not say how it ended", now)
		if expired {
			slog.WarnContext(ctx, "heads-up: a sender did not say how it ended; only SES's Send event tells now", "mail", m.ID, "release", m.ReleaseID)
		}
		return err
	case mail.Pending:
		if report.CircuitOpen {
			report.Overdue++
			return nil // nobody would send it
		}
		if m.Reason == "" {
			report.Overdue++ // not one that SES asked to come later with
		}
		woken, err := p.store.WakeMail(ctx, m, now)
		if woken {
			report.Woken++
		}
		return err
	}
	return nil
}

// lookAfterJob opens a job again that nobody finished. One that waits for its
// settlement is opened once that is complete, and costs a read until then.
func (p *Planner) lookAfterJob(ctx context.Context, k mail.JobKey, now time.Time, report *Report) error {
	job, found, err := p.store.Job(ctx, k)
	if err != nil || !found || !job.Open && !job.Wait || !job.DueAt.Before(now) {
		return err
	}
	if epoch, settlement := k.Epoch(); settlement {
		r, there, err := p.store.SettlingRelease(ctx, k.ReleaseID)
		if err != nil {
			return err
		}
		if there && r.Settling != nil && r.Settling.Epoch == epoch && !r.Finished {
			return nil
		}
	}
	report.Woken++
	if job.Wait {
		return p.store.OpenSettlement(ctx, k, now)
	}
	report.Overdue++
	return p.store.OpenJob(ctx, k, now)
}
