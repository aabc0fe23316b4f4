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

// Slot reads a sender's slot, strongly consistent; the zero Slot where nobody has sent yet.
func (s *Store) Slot(ctx context.Context, number int) (mail.Slot, error) {
	i, err := s.get(ctx, s.tables.Mail, slotKey(number))
	return decodeSlot(number, i), err
}

// AskSlot has whoever holds a slot look once more before it is given back, and returns how
// it stands: where nobody holds it, the caller is to take it. Asking comes before taking,
// so that no mail falls between one who has just looked and one who has just come.
func (s *Store) AskSlot(ctx context.Context, n int) (mail.Slot, error) {
	i, err := s.update(ctx, s.tables.Mail, slotKey(n), newExpression().add("wake", number(1)))
	return decodeSlot(n, i), err
}

// TakeSlot takes a slot that nobody holds until the lease ends. Of two who try, one gets it.
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

// LeaveSlot gives a slot back with how many mails were sent, unless somebody has asked for
// another look since it was last read: then it stays, and is returned as it is.
func (s *Store) LeaveSlot(ctx context.Context, slot mail.Slot, sent int) (mail.Slot, bool, error) {
	i, err := s.update(ctx, s.tables.Mail, slotKey(slot.Number), leave(slot, sent, opRest).equal("wake", number(slot.Wake)))
	if failed, ok := failedCondition(err); ok {
		now := decodeSlot(slot.Number, failed.image)
		return now, now.Holder != slot.Holder, nil // else it is ours no more: left already, or the lease was over
	}
	return decodeSlot(slot.Number, i), err == nil, err
}

// PassSlot gives a slot back although mails wait. Its record wakes who goes on, unless
// nobody is to.
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

// WakeSlot has somebody look for mails to send, where nobody is about it. It tells whether
// that was so.
func (s *Store) WakeSlot(ctx context.Context, n int, now time.Time) (bool, error) {
	_, err := s.update(ctx, s.tables.Mail, slotKey(n), newExpression().op(opWake).add("wake", number(1)).free(now))
	if _, held := failedCondition(err); held {
		return false, nil
	}
	return err == nil, err
}
