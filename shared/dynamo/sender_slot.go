package dynamo

import (
	"context"
	"strconv"
	"time"

	"example.com/releases/shared/mail"
)

const slotPrefix = "SENDER#"

func slotKey(number int) item { return key(slotPrefix+strconv.Itoa(number), mainSort) }

func decodeSlot(number int, i item) mail.Slot {
	return mail.Slot{
		Number: number, Holder: str(i, "holder"), Until: timeOf(i, "until"), Wake: num(i, "wake"), Sent: num(i, "sent"),
		NextAt: timeOf(i, "nextAt"), ProgressAt: timeOf(i, "progressAt"),
	}
}

// Slot reads a sender's slot, strongly consistent; where nobody has sent yet, a slot with
// nothing but its number.
func (s *Store) Slot(ctx context.Context, number int) (mail.Slot, error) {
	i, err := s.get(ctx, s.tables.Mail, slotKey(number))
	return decodeSlot(number, i), err
}

// AskSlot makes the holder of a slot look for mails once more before giving it back, and
// returns the slot: where nobody holds it, the caller should take it. A sender asks before it
// tries to take, so that no mail is missed when the holder has just looked for the last time.
func (s *Store) AskSlot(ctx context.Context, n int) (mail.Slot, error) {
	// The word must not stay "wake": the record of this very write would wake the next asker,
	// and so on without end where nobody takes the slot, as while nothing may be sent.
	i, err := s.update(ctx, s.tables.Mail, slotKey(n), newExpression().op(opOfState(mail.Sending)).add("wake", number(1)))
	return decodeSlot(n, i), err
}

// TakeSlot leases a slot that nobody holds. Of two senders that try, one gets it.
func (s *Store) TakeSlot(ctx context.Context, n int, holder string, now, until time.Time) (mail.Slot, bool, error) {
	e := newExpression().op(opOfState(mail.Sending)).set("holder", text(holder)).set("until", millisValue(until))
	i, err := s.update(ctx, s.tables.Mail, slotKey(n), e.free(now))
	if failed, ok := failedCondition(err); ok {
		slot := decodeSlot(n, failed.image)
		return slot, slot.Holder == holder, nil // our own write, repeated by the SDK
	}
	return decodeSlot(n, i), err == nil, err
}

// free is the condition that nobody holds a slot.
func (e *expression) free(now time.Time) *expression {
	until := e.name("until")
	e.conditions = append(e.conditions, "(attribute_not_exists("+until+") OR "+until+" <= "+e.value(millisValue(now))+")")
	return e
}

// LeaveSlot gives a slot back and adds the number of mails sent, unless somebody has asked for
// another look since it was last read: then the caller keeps it, and gets it as it is now.
func (s *Store) LeaveSlot(ctx context.Context, slot mail.Slot, sent int) (mail.Slot, bool, error) {
	i, err := s.update(ctx, s.tables.Mail, slotKey(slot.Number), leave(slot, sent, opRest).equal("wake", number(slot.Wake)))
	if failed, ok := failedCondition(err); ok {
		now := decodeSlot(slot.Number, failed.image)
		return now, now.Holder != slot.Holder, nil // otherwise it is no longer ours: already given back, or the lease has expired
	}
	return decodeSlot(slot.Number, i), err == nil, err
}

// PassSlot gives a slot back although mails are waiting. With goOn, its stream record wakes
// the next sender.
func (s *Store) PassSlot(ctx context.Context, slot mail.Slot, sent int, goOn bool) error {
	op := opRest
	if goOn {
		op = opWake
	}
	_, err := s.update(ctx, s.tables.Mail, slotKey(slot.Number), leave(slot, sent, op))
	if _, lost := failedCondition(err); lost {
		return nil
	}
	return err
}

func leave(slot mail.Slot, sent int, op Op) *expression {
	e := newExpression().op(op).remove("holder").remove("until").add("sent", number(sent)).set("nextAt", millisValue(slot.NextAt)).
		equal("holder", text(slot.Holder))
	if !slot.ProgressAt.IsZero() {
		e.set("progressAt", millisValue(slot.ProgressAt))
	}
	return e
}

// WakeSlot wakes a sender to look for mails, unless one already holds the slot. It reports
// whether it did.
func (s *Store) WakeSlot(ctx context.Context, n int, now time.Time) (bool, error) {
	_, err := s.update(ctx, s.tables.Mail, slotKey(n), newExpression().op(opWake).add("wake", number(1)).free(now))
	if _, held := failedCondition(err); held {
		return false, nil
	}
	return err == nil, err
}
