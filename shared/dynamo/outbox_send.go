package dynamo

import (
	"context"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// ClaimMail leases a pending mail for sending. Of two senders that try, one gets it.
func (s *Store) ClaimMail(ctx context.Context, id, lease string, now, until time.Time) (mail.Mail, bool, error) {
	e := transition(mail.Claim).op(opOfState(mail.Sending)).
		set("lease", text(lease)).set("dueKey", dueShard(dueMail, mailPrefix+id)).set("dueAt", millisValue(until)).
		add("attempts", number(1))
	m, won, err := s.setMailState(ctx, id, e, now)
	if !won && m.Lease == lease {
		return m, true, err // our own write, repeated by the SDK after a lost acknowledgement
	}
	return m, won, err
}

// MailSent records that SES accepted the mail, even if the lease was considered expired
// meanwhile; where SES's own event came first, it changes nothing.
func (s *Store) MailSent(ctx context.Context, m mail.Mail, messageID string, now time.Time) error {
	_, _, err := s.setMailState(ctx, m.ID, ended(mail.Accept, "").set("messageId", text(messageID)), now)
	return err
}

// MailLost records that the outcome of the attempt under this lease is unknown. Where SES's
// own event came first, it changes nothing.
func (s *Store) MailLost(ctx context.Context, m mail.Mail, reason string, now time.Time) (bool, error) {
	// It stays in the index of due items, under a key of its own, where the alarm finds it.
	e := transition(mail.Lose).op(opOfState(mail.Unknown)).set("reason", text(truncateText(reason))).remove("lease").
		set("dueKey", text(string(mail.Unknown))).set("dueAt", millisValue(now)).equal("lease", text(m.Lease))
	_, won, err := s.setMailState(ctx, m.ID, e, now)
	return won, err
}

// DelayMail returns a mail that SES has refused for now to the queue, to be sent again at a
// later time.
func (s *Store) DelayMail(ctx context.Context, m mail.Mail, reason string, now, until time.Time) error {
	e := transition(mail.Delay).op(opWait).
		set("reason", text(truncateText(reason))).remove("lease").set("dueAt", millisValue(until)).
		equal("lease", text(m.Lease))
	_, _, err := s.setMailState(ctx, m.ID, e, now)
	return err
}

// SupersedeMail ends a pending mail that a newer one replaces.
func (s *Store) SupersedeMail(ctx context.Context, id, reason string, now time.Time) (bool, error) {
	_, won, err := s.setMailState(ctx, id, ended(mail.Supersede, reason), now)
	return won, err
}

// ResendMail is an operator's decision: an unknown mail is sent again, at the risk that
// it arrives twice.
func (s *Store) ResendMail(ctx context.Context, id string, now time.Time) (bool, error) {
	e := transition(mail.Resend).op(opSend).set("reason", text("sent again by an operator")).
		set("dueKey", dueShard(dueMail, mailPrefix+id)).set("dueAt", millisValue(now))
	_, won, err := s.setMailState(ctx, id, e, now)
	return won, err
}

// MailWasSent records that SES has accepted the mail, as its Send event says. That ends
// any doubt about the outcome.
func (s *Store) MailWasSent(ctx context.Context, id, messageID string, now time.Time) (mail.Mail, bool, error) {
	return s.setMailState(ctx, id, ended(mail.Confirm, "").set("messageId", text(messageID)), now)
}

const suppressionPrefix = "ADDRESS#"

func addressKey(address string) item {
	return key(suppressionPrefix+release.AddressKey(address), mainSort)
}

// Suppress stops further mails to an address; the first reason is kept. Deleting the item
// ends it.
func (s *Store) Suppress(ctx context.Context, address, reason string, now time.Time) error {
	i := addressKey(address)
	i["suppressed"], i["reason"], i["createdAt"] = boolean(true), text(truncateText(reason)), millisValue(now)
	err := s.put(ctx, s.tables.Mail, i, newExpression().absent("pk"))
	if _, ok := failedCondition(err); ok {
		return nil
	}
	return err
}

// Suppressed returns the reason why no mail is sent to an address; empty where mail is sent.
// Items stored under an older form of the key still count.
func (s *Store) Suppressed(ctx context.Context, address string) (string, error) {
	keys := []item{addressKey(address)}
	for _, older := range release.OlderAddressKeys(address) {
		keys = append(keys, key(suppressionPrefix+older, mainSort))
	}
	for _, k := range keys {
		i, err := s.get(ctx, s.tables.Mail, k)
		if reason := str(i, "reason"); err != nil || reason != "" {
			return reason, err
		}
	}
	return "", nil
}

// Circuit reads the circuit breaker that stops all sending.
func (s *Store) Circuit(ctx context.Context) (mail.Circuit, error) {
	i, err := s.get(ctx, s.tables.Mail, key("CIRCUIT", mainSort))
	return mail.Circuit{Until: timeOf(i, "until"), Reason: str(i, "reason"), Quota: boolOf(i, "quota")}, err
}

// OpenCircuit stops all sending until a time; the first mail after it tries again.
func (s *Store) OpenCircuit(ctx context.Context, c mail.Circuit) error {
	i := key("CIRCUIT", mainSort)
	i["until"], i["reason"], i["quota"] = millisValue(c.Until), text(truncateText(c.Reason)), boolean(c.Quota)
	return s.put(ctx, s.tables.Mail, i, newExpression())
}
