package dynamo

import (
	"context"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// ClaimMail takes a pending mail for sending until the lease ends. Of two who try, one
// gets it.
func (s *Store) ClaimMail(ctx context.Context, id, lease string, now, until time.Time) (mail.Mail, bool, error) {
	e := newExpression().set("state", text(string(mail.Sending))).op(opOfState(mail.Sending)).
		set("lease", text(lease)).set("dueKey", dueShard(mailPrefix+id)).set("dueAt", millisValue(until)).
		add("attempts", number(1))
	m, won, err := s.moveMail(ctx, id, e, now, mail.Pending)
	if !won && m.Lease == lease {
		return m, true, err // our own write, repeated by the SDK after a lost acknowledgement
	}
	return m, won, err
}

// FinishMail records how the attempt of a lease ended: sent, failed, or unknown. Where
// SES's own event was faster, or the lease was taken for expired, that stands.
func (s *Store) FinishMail(ctx context.Context, m mail.Mail, state mail.State, reason, messageID string, now time.Time) error {
	e := endState(state, reason)
	if state == mail.Unknown {
		e = unknownState(reason, now)
	}
	if messageID != "" {
		e.set("messageId", text(messageID))
	}
	from := []mail.State{mail.Sending}
	if state == mail.Sent {
		from = append(from, mail.Unknown) // a lease that expired while SES took its time
	} else {
		e.equal("lease", text(m.Lease))
	}
	_, _, err := s.moveMail(ctx, m.ID, e, now, from...)
	return err
}

// unknownState stays in the index of due items, under a key of its own, where the alarm
// finds it.
func unknownState(reason string, now time.Time) *expression {
	return newExpression().set("state", text(string(mail.Unknown))).op(opOfState(mail.Unknown)).
		set("reason", text(truncateText(reason))).remove("lease").set("dueKey", text(string(mail.Unknown))).set("dueAt", millisValue(now))
}

// DelayMail gives a mail back that SES has refused for now: the periodic look wakes it
// once it is due again.
func (s *Store) DelayMail(ctx context.Context, m mail.Mail, reason string, now, until time.Time) error {
	e := newExpression().set("state", text(string(mail.Pending))).op(opWait).
		set("reason", text(truncateText(reason))).remove("lease").set("dueAt", millisValue(until)).
		equal("lease", text(m.Lease))
	_, _, err := s.moveMail(ctx, m.ID, e, now, mail.Sending)
	return err
}

// SupersedeMail ends a pending mail that something newer has overtaken.
func (s *Store) SupersedeMail(ctx context.Context, id, reason string, now time.Time) (bool, error) {
	_, won, err := s.moveMail(ctx, id, endState(mail.Superseded, reason), now, mail.Pending)
	return won, err
}

// ExpireMail turns a mail whose lease has ended into an unknown one: whoever was
// sending it may have got it to SES.
func (s *Store) ExpireMail(ctx context.Context, m mail.Mail, now time.Time) (bool, error) {
	e := unknownState("the sender did not say how it ended", now).equal("lease", text(m.Lease))
	_, won, err := s.moveMail(ctx, m.ID, e, now, mail.Sending)
	return won, err
}

// WakeMail brings a pending mail before the sender again. The look that found it due
// says how it stood then, so that of several looks one wakes it.
func (s *Store) WakeMail(ctx context.Context, m mail.Mail, now time.Time) (bool, error) {
	e := newExpression().op(opSend).set("dueAt", millisValue(now.Add(mail.WakeAfter))).equal("dueAt", millisValue(m.DueAt))
	_, won, err := s.moveMail(ctx, m.ID, e, now, mail.Pending)
	return won, err
}

// ResendMail is an operator's decision: an unknown mail is sent again, at the risk that
// it arrives twice.
func (s *Store) ResendMail(ctx context.Context, id string, now time.Time) (bool, error) {
	e := newExpression().set("state", text(string(mail.Pending))).op(opSend).set("reason", text("sent again by an operator")).
		set("dueKey", dueShard(mailPrefix+id)).set("dueAt", millisValue(now.Add(mail.WakeAfter)))
	_, won, err := s.moveMail(ctx, id, e, now, mail.Unknown)
	return won, err
}

// MailWasSent records that SES has taken the mail, as its Send event says. It settles
// whatever we did not know.
func (s *Store) MailWasSent(ctx context.Context, id, messageID string, now time.Time) (mail.Mail, bool, error) {
	e := endState(mail.Sent, "").set("messageId", text(messageID))
	return s.moveMail(ctx, id, e, now, mail.Sending, mail.Unknown, mail.Pending)
}

const suppressionPrefix = "ADDRESS#"

func addressKey(address string) item {
	return key(suppressionPrefix+release.AddressKey(address), mainSort)
}

// Suppress keeps further mails from an address; the first reason stands. Deleting the
// item lets mails through again.
func (s *Store) Suppress(ctx context.Context, address, reason string, now time.Time) error {
	i := addressKey(address)
	i["suppressed"], i["reason"], i["createdAt"] = boolean(true), text(truncateText(reason)), millisValue(now)
	err := s.put(ctx, s.tables.Mail, i, newExpression().absent("pk"))
	if _, ok := failedCondition(err); ok {
		return nil
	}
	return err
}

// Suppressed tells why an address gets no mails; empty where it does. What was stored
// under an older key still holds.
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

// Circuit reads the switch that stops all sending.
func (s *Store) Circuit(ctx context.Context) (mail.Circuit, error) {
	i, err := s.get(ctx, s.tables.Mail, key("CIRCUIT", mainSort))
	return mail.Circuit{Until: timeOf(i, "until"), Reason: str(i, "reason")}, err
}

// OpenCircuit stops all sending until a moment; the first mail after it tries again.
func (s *Store) OpenCircuit(ctx context.Context, c mail.Circuit) error {
	i := key("CIRCUIT", mainSort)
	i["until"], i["reason"] = millisValue(c.Until), text(truncateText(c.Reason))
	return s.put(ctx, s.tables.Mail, i, newExpression())
}
