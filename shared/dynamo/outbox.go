package dynamo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

const (
	mailPrefix = "MAIL#"
	// dueMail and dueJob begin the partitions of the index of due items.
	dueMail, dueJob = "due", "job"
	// dueShards spreads the index of due items, which every state change writes to: one
	// partition takes 1,000 writes a second, and an index that lags behind that throttles the
	// table itself.
	dueShards = 4
)

func mailKey(id string) item { return key(mailPrefix+id, mainSort) }

// dueShard picks the partition of the index of due items by the item's own key.
func dueShard(of, pk string) types.AttributeValue {
	sum := sha256.Sum256([]byte(pk))
	return text(fmt.Sprintf("%s#%d", of, sum[0]%dueShards))
}

// encodeMail is the item of a new mail.
func encodeMail(m mail.Mail) item {
	a := attributes{item: mailKey(m.ID)}
	mailFields(&a, &m)
	a.item[opAttribute] = opSend.value()
	a.item["dueKey"] = dueShard(dueMail, mailPrefix+m.ID)
	a.item["expiresAt"] = unix(m.CreatedAt.Add(mail.Kept))
	return a.item
}

func decodeMail(i item) mail.Mail {
	m := mail.Mail{ID: strings.TrimPrefix(str(i, "pk"), mailPrefix)}
	mailFields(&attributes{item: i, reading: true}, &m)
	return m
}

func mailFields(a *attributes, m *mail.Mail) {
	a.text("kind", &m.Kind)
	a.text("release", &m.ReleaseID)
	a.number("number", &m.Number)
	a.optionalNumber("windowVersion", &m.WindowVersion)
	a.address("recipient", &m.Recipient)
	a.text("snapshot", &m.Snapshot)
	word(a, "state", &m.State)
	a.text("reason", &m.Reason)
	a.optionalNumber("attempts", &m.Attempts)
	a.text("lease", &m.Lease)
	a.millis("dueAt", &m.DueAt)
	a.optionalBoolean("urgent", &m.Urgent)
	a.text("messageId", &m.MessageID)
	a.text("feedback", &m.Feedback)
	a.millis("createdAt", &m.CreatedAt)
	a.millis("updatedAt", &m.UpdatedAt)
}

func unix(t time.Time) types.AttributeValue { return number(int(t.Unix())) }

// PutMail puts a mail into the outbox unless it is there already, and tells whether it was
// new. One that is there under an older key of its recipient counts.
func (s *Store) PutMail(ctx context.Context, m mail.Mail, now time.Time) (bool, error) {
	for _, older := range mail.OlderIDs(m.Kind, m.ReleaseID, m.Number, m.Recipient) {
		before, found, err := s.Mail(ctx, older)
		if err != nil || found && release.AddressKey(before.Recipient) == release.AddressKey(m.Recipient) {
			return false, err
		}
	}
	err := s.put(ctx, s.tables.Mail, encodeMail(mail.New(m, now)), newExpression().absent("pk"))
	if _, ok := failedCondition(err); ok {
		return false, nil
	}
	return err == nil, err
}

// Mail reads an outbox item, strongly consistent; false where there is none.
func (s *Store) Mail(ctx context.Context, id string) (mail.Mail, bool, error) {
	i, err := s.get(ctx, s.tables.Mail, mailKey(id))
	if err != nil || i == nil {
		return mail.Mail{}, false, err
	}
	return decodeMail(i), true, nil
}

// MailsByID reads outbox items, strongly consistent, in no order.
func (s *Store) MailsByID(ctx context.Context, ids []string) (map[string]mail.Mail, error) {
	keys := make([]item, len(ids))
	for n, id := range ids {
		keys[n] = mailKey(id)
	}
	items, err := s.batchGet(ctx, s.tables.Mail, keys)
	if err != nil {
		return nil, err
	}
	mails := make(map[string]mail.Mail, len(items))
	for _, i := range items {
		m := decodeMail(i)
		mails[m.ID] = m
	}
	return mails, nil
}

// setMailState makes a transition of a mail, if the mail still has a state from which it
// may happen. It tells whether this call did, and returns the item as it then is.
func (s *Store) setMailState(ctx context.Context, id string, e *expression, now time.Time) (mail.Mail, bool, error) {
	i, err := s.update(ctx, s.tables.Mail, mailKey(id), e.set("updatedAt", millisValue(now)))
	if failed, ok := failedCondition(err); ok {
		return decodeMail(failed.image), false, nil
	}
	if err != nil {
		return mail.Mail{}, false, err
	}
	return decodeMail(i), true, nil
}

// transition is the write of a mail's transition, with its condition.
func transition(t mail.Transition) *expression {
	e := newExpression().set("state", text(string(t.To)))
	var states []string
	for _, from := range t.From {
		states = append(states, e.name("state")+" = "+e.value(text(string(from))))
	}
	// redundant in DelayMail, MailLost, MailFailed: nothing but a mail that is being sent has a lease
	e.conditions = append(e.conditions, "("+strings.Join(states, " OR ")+")")
	return e
}

// ended is the write of a transition that ends a mail.
func ended(t mail.Transition, reason string) *expression {
	return transition(t).end(t.To, reason)
}

// end takes a mail that has ended out of the index of due items.
func (e *expression) end(state mail.State, reason string) *expression {
	e.op(opOfState(state)).remove("lease").remove("dueKey").remove("dueAt")
	if reason == "" {
		return e.remove("reason")
	}
	return e.set("reason", text(truncateText(reason)))
}

// truncateText bounds a text that comes from outside.
func truncateText(s string) string {
	if len(s) > release.MaxText {
		return strings.ToValidUTF8(s[:release.MaxText], "")
	}
	return s
}
