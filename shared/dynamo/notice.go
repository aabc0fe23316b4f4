package dynamo

import (
	"cmp"
	"context"
	"strings"
	"time"

	"example.com/releases/shared/mail"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	recipientPrefix = "TOLD#"
	teamPrefix      = "TEAM#"
)

func recipientKey(t mail.RecipientState) item {
	if t.Team {
		return key(teamPrefix+t.ReleaseID, t.Recipient)
	}
	return key(recipientPrefix+t.ReleaseID, t.Recipient)
}

func encodeRecipientState(t mail.RecipientState, now time.Time) item {
	a := attributes{item: recipientKey(t)}
	recipientFields(&a, &t)
	a.item["updatedAt"] = millisValue(now)
	a.item["expiresAt"] = unix(now.Add(mail.Kept))
	return a.item
}

func decodeRecipientState(i item) mail.RecipientState {
	id, team := strings.CutPrefix(str(i, "pk"), teamPrefix)
	t := mail.RecipientState{ReleaseID: strings.TrimPrefix(id, recipientPrefix), Recipient: verbatim(i, "sk"), Team: team}
	recipientFields(&attributes{item: i, reading: true}, &t)
	return t
}

func recipientFields(a *attributes, t *mail.RecipientState) {
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
func windowFields(a *attributes, name string, w *mail.Window) {
	if !a.reading && w.Start.IsZero() {
		a.leaveOut(name + "Start")
		a.leaveOut(name + "End")
		return
	}
	a.seconds(name+"Start", &w.Start)
	a.seconds(name+"End", &w.End)
}

// RecipientStates hands over who was told of a release's window, strongly consistent, page
// by page in the order of their keys, from after a key on, until it is told to stop.
func (s *Store) RecipientStates(ctx context.Context, releaseID, after string, size int, each func([]mail.RecipientState) (goOn bool)) error {
	return s.pages(ctx, rangeOf(s.tables.Mail, recipientPrefix+releaseID, ">", cmp.Or(after, " ")), size, func(page []item, _ item) (bool, error) {
		rows := make([]mail.RecipientState, len(page))
		for n, i := range page {
			rows[n] = decodeRecipientState(i)
		}
		return len(rows) == 0 || each(rows), nil
	})
}

// TeamStates reads what those who work on a release, or did, were told of its window, strongly
// consistent, by their keys.
func (s *Store) TeamStates(ctx context.Context, releaseID string) (map[string]mail.RecipientState, error) {
	rows := map[string]mail.RecipientState{}
	err := s.pages(ctx, rangeOf(s.tables.Mail, teamPrefix+releaseID, ">", " "), pageSize, func(page []item, _ item) (bool, error) {
		for _, i := range page {
			row := decodeRecipientState(i)
			rows[row.Recipient] = row
		}
		return true, nil
	})
	return rows, err
}

// RecipientState reads what one person was told; the zero value but for its key where that
// is nothing.
func (s *Store) RecipientState(ctx context.Context, releaseID, recipient string) (mail.RecipientState, error) {
	i, err := s.get(ctx, s.tables.Mail, key(recipientPrefix+releaseID, recipient))
	if err != nil || i == nil {
		return mail.RecipientState{ReleaseID: releaseID, Recipient: recipient}, err
	}
	return decodeRecipientState(i), nil
}

// SaveRecipientState changes what a person is told, in one transaction: the row, which was
// read at the revision it carries, a mail that is superseded while it is still pending
// (supersede names it), and a new mail. False means that something changed since it was
// read: read again and decide again.
func (s *Store) SaveRecipientState(ctx context.Context, row mail.RecipientState, supersede string, m *mail.Mail, now time.Time) (bool, error) {
	unchanged := newExpression().absent("pk")
	if row.Revision > 0 {
		unchanged = newExpression().equal("revision", number(row.Revision))
	}
	row.Revision++
	actions := []types.TransactWriteItem{putAction(s.tables.Mail, encodeRecipientState(row, now), unchanged)}
	if m != nil {
		actions = append(actions, putAction(s.tables.Mail, encodeMail(mail.New(*m, now)), newExpression().absent("pk")))
	}
	if supersede != "" {
		e := ended(mail.Supersede, "replaced by a newer one").set("updatedAt", millisValue(now))
		actions = append(actions, updateAction(s.tables.Mail, mailKey(supersede), e))
	}
	err := s.transact(ctx, actions)
	if _, moved := failedCondition(err); moved {
		return false, nil
	}
	return err == nil, err
}
