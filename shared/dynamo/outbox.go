package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// MailState is where an outbox item stands.
type MailState string

// The states of an outbox item. From pending it goes to sending, under a lease, and
// back only where SES has said that it did not take the mail. Whatever is unclear ends
// as unknown, which nothing of ours sends again.
const (
	MailPending    MailState = "pending"
	MailSending    MailState = "sending"
	MailSent       MailState = "sent"
	MailFailed     MailState = "failed"     // refused for good
	MailSuppressed MailState = "suppressed" // the address bounced or complained before
	MailSuperseded MailState = "superseded" // overtaken by something newer before it was sent
	MailUnknown    MailState = "unknown"    // SES may have taken it; its Send event tells
)

// Mail is an outbox item: one mail to one person, with everything it says. There is
// one per kind, release, number and recipient, whoever plans it and how often.
type Mail struct {
	ID        string // see MailID
	Kind      string
	ReleaseID string
	// Number is the epoch of a settlement, or how often the person's window has
	// changed. It is the window's version, but where a change request was dropped.
	Number        int
	WindowVersion int    // of the window it tells of; 0 where it tells of none
	Recipient     string // the address, as the task spells it
	Snapshot      string // all that it says, as JSON

	State     MailState
	Reason    string // why it ended as it did, where that needs one
	Attempts  int
	Lease     string // who is sending it
	DueAt     time.Time
	MessageID string // SES's
	Feedback  string // what came back after it was sent
	CreatedAt time.Time
	UpdatedAt time.Time
}

const (
	mailPrefix = "MAIL#"
	// keepMails is how long personal data stays after the mail was planned; longer than
	// any release plausibly lives, since the item is what keeps a mail from going twice.
	keepMails = 400 * 24 * time.Hour
	// dueShards spreads the index of due items, which every state change writes to.
	dueShards = 4
	// wakeAfter is when the periodic look takes a pending item for forgotten.
	wakeAfter = 15 * time.Minute
)

// MailID is the deterministic id of an outbox item. It fits into an SES tag.
func MailID(kind, releaseID string, number int, recipient string) string {
	return mailID(kind, releaseID, number, release.AddressKey(recipient))
}

func mailID(kind, releaseID string, number int, recipientKey string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s", kind, releaseID, number, recipientKey))
	return hex.EncodeToString(sum[:16])
}

func mailKey(id string) item { return key(mailPrefix+id, mainSort) }

// dueShard picks the partition of the index of due items by the item's own key.
func dueShard(pk string) types.AttributeValue {
	sum := sha256.Sum256([]byte(pk))
	return text(fmt.Sprintf("due#%d", sum[0]%dueShards))
}

// encodeMail is the item of a new mail.
func encodeMail(m Mail) item {
	a := attributes{item: mailKey(m.ID)}
	mailFields(&a, &m)
	a.item[opAttribute] = opSend.value()
	a.item["dueKey"] = dueShard(mailPrefix + m.ID)
	a.item["expiresAt"] = unix(m.CreatedAt.Add(keepMails))
	return a.item
}

func decodeMail(i item) Mail {
	m := Mail{ID: strings.TrimPrefix(str(i, "pk"), mailPrefix)}
	mailFields(&attributes{item: i, reading: true}, &m)
	return m
}

func mailFields(a *attributes, m *Mail) {
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
	a.text("messageId", &m.MessageID)
	a.text("feedback", &m.Feedback)
	a.millis("createdAt", &m.CreatedAt)
	a.millis("updatedAt", &m.UpdatedAt)
}

func unix(t time.Time) types.AttributeValue { return number(int(t.Unix())) }

// pendingMail gives a mail its id and the state it is born in.
func pendingMail(m Mail, now time.Time) Mail {
	m.ID = MailID(m.Kind, m.ReleaseID, m.Number, m.Recipient)
	m.State, m.CreatedAt, m.UpdatedAt, m.DueAt = MailPending, now, now, now.Add(wakeAfter)
	return m
}

// PutMail puts a mail into the outbox unless it is there, and tells whether it was new.
// One that was put there under an older key of its recipient is there.
func (s *Store) PutMail(ctx context.Context, m Mail, now time.Time) (bool, error) {
	for _, older := range release.OlderAddressKeys(m.Recipient) {
		before, found, err := s.Mail(ctx, mailID(m.Kind, m.ReleaseID, m.Number, older))
		if err != nil || found && release.AddressKey(before.Recipient) == release.AddressKey(m.Recipient) {
			return false, err
		}
	}
	err := s.put(ctx, s.tables.Mail, encodeMail(pendingMail(m, now)), newExpression().absent("pk"))
	if _, ok := failedCondition(err); ok {
		return false, nil
	}
	return err == nil, err
}

// Mail reads an outbox item, strongly consistent; false where there is none.
func (s *Store) Mail(ctx context.Context, id string) (Mail, bool, error) {
	i, err := s.get(ctx, s.tables.Mail, mailKey(id))
	if err != nil || i == nil {
		return Mail{}, false, err
	}
	return decodeMail(i), true, nil
}

// MailsByID reads outbox items, strongly consistent, in no order.
func (s *Store) MailsByID(ctx context.Context, ids []string) (map[string]Mail, error) {
	keys := make([]item, len(ids))
	for n, id := range ids {
		keys[n] = mailKey(id)
	}
	items, err := s.batchGet(ctx, s.tables.Mail, keys)
	if err != nil {
		return nil, err
	}
	mails := make(map[string]Mail, len(items))
	for _, i := range items {
		m := decodeMail(i)
		mails[m.ID] = m
	}
	return mails, nil
}

// moveMail changes an item's state where it still has one of those it may leave. It
// tells whether this call did, and returns the item as it then is.
func (s *Store) moveMail(ctx context.Context, id string, e *expression, now time.Time, from ...MailState) (Mail, bool, error) {
	var states []string
	for _, f := range from {
		states = append(states, e.name("state")+" = "+e.value(text(string(f))))
	}
	// redundant in DelayMail, ExpireMail: nothing but a mail that is being sent has a lease
	e.conditions = append(e.conditions, "("+strings.Join(states, " OR ")+")")
	i, err := s.update(ctx, s.tables.Mail, mailKey(id), e.set("updatedAt", millisValue(now)))
	if failed, ok := failedCondition(err); ok {
		return decodeMail(failed.image), false, nil
	}
	if err != nil {
		return Mail{}, false, err
	}
	return decodeMail(i), true, nil
}

// endState is the end of an item: nobody looks after it any more.
func endState(state MailState, reason string) *expression {
	e := newExpression().set("state", text(string(state))).op(opOfState(state)).
		remove("lease").remove("dueKey").remove("dueAt")
	if reason == "" {
		return e.remove("reason")
	}
	return e.set("reason", text(truncateText(reason)))
}

// truncateText bounds what others worded.
func truncateText(s string) string {
	if len(s) > release.MaxText {
		return strings.ToValidUTF8(s[:release.MaxText], "")
	}
	return s
}
