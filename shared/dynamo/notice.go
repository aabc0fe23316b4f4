package dynamo

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Window is when a release runs.
type Window struct{ Start, End time.Time }

// RecipientState is what one person knows, or is about to be told, of a release's window. A row
// per person and release; it changes only together with a mail in the outbox, so it
// says at any time what there still is to tell.
type RecipientState struct {
	ReleaseID string
	Recipient string // who it is: release.AddressKey, or the lower-case address of older rows
	Address   string // as the task spells it
	Name      string

	// Known is the version of the window that has reached the person, 0 for none, as
	// far as it is settled; the latest mail adds to it once it is on its way.
	Known       int
	KnownWindow Window
	// MailID is the latest mail, and Effect the version of the window that the person
	// knows with it; 0 takes the window back.
	MailID       string
	Effect       int
	EffectWindow Window
	// Sequence numbers the calendar's event at this person; it only grows.
	Sequence int
	UID      string
	// Via are the change requests because of which the person was told; Left, those that
	// were dropped while the person stayed concerned by others.
	Via  []string
	Left []string
	// Facts is what the person was told of the release itself, as JSON: they may have to
	// be told that it is off when it is gone.
	Facts string

	Revision int
}

const recipientPrefix = "TOLD#"

func encodeRecipientState(t RecipientState, now time.Time) item {
	a := attributes{item: key(recipientPrefix+t.ReleaseID, t.Recipient)}
	recipientFields(&a, &t)
	a.item["updatedAt"] = millisValue(now)
	a.item["expiresAt"] = unix(now.Add(keepMails))
	return a.item
}

func decodeRecipientState(i item) RecipientState {
	t := RecipientState{ReleaseID: strings.TrimPrefix(str(i, "pk"), recipientPrefix), Recipient: verbatim(i, "sk")}
	recipientFields(&attributes{item: i, reading: true}, &t)
	return t
}

func recipientFields(a *attributes, t *RecipientState) {
	a.address("address", &t.Address)
	a.text("name", &t.Name)
	a.optionalNumber("known", &t.Known)
	windowFields(a, "known", &t.KnownWindow)
	a.text("mail", &t.MailID)
	a.optionalNumber("effect", &t.Effect)
	windowFields(a, "effect", &t.EffectWindow)
	a.optionalNumber("sequence", &t.Sequence)
	a.text("uid", &t.UID)
	a.set("via", &t.Via)
	a.set("left", &t.Left)
	a.text("facts", &t.Facts)
	a.number("revision", &t.Revision)
}

// windowFields are two attributes, or none where there is no window.
func windowFields(a *attributes, name string, w *Window) {
	if !a.reading && w.Start.IsZero() {
		a.leaveOut(name + "Start")
		a.leaveOut(name + "End")
		return
	}
	a.seconds(name+"Start", &w.Start)
	a.seconds(name+"End", &w.End)
}

// RecipientStates reads who was told of a release's window, strongly consistent.
func (s *Store) RecipientStates(ctx context.Context, releaseID string) ([]RecipientState, error) {
	var all []RecipientState
	err := s.queryAll(ctx, rangeOf(s.tables.Mail, recipientPrefix+releaseID, ">=", " "), func(i item) { all = append(all, decodeRecipientState(i)) })
	return all, err
}

// SaveRecipientState changes what a person is told: the row, which was read at the revision it
// carries, and what belongs to it in the same transaction: a mail that is superseded
// while it is still pending (supersede names it), and a new one. False says that
// somebody or something moved meanwhile: read again and decide anew.
func (s *Store) SaveRecipientState(ctx context.Context, row RecipientState, supersede string, m *Mail, now time.Time) (bool, error) {
	unchanged := newExpression().absent("pk")
	if row.Revision > 0 {
		unchanged = newExpression().equal("revision", number(row.Revision))
	}
	row.Revision++
	actions := []types.TransactWriteItem{putAction(s.tables.Mail, encodeRecipientState(row, now), unchanged)}
	if m != nil {
		actions = append(actions, putAction(s.tables.Mail, encodeMail(pendingMail(*m, now)), newExpression().absent("pk")))
	}
	if supersede != "" {
		e := endState(MailSuperseded, "overtaken by a newer one").set("updatedAt", millisValue(now)).equal("state", text(string(MailPending)))
		actions = append(actions, updateAction(s.tables.Mail, mailKey(supersede), e))
	}
	err := s.transact(ctx, actions)
	if _, moved := failedCondition(err); moved {
		return false, nil
	}
	return err == nil, err
}
