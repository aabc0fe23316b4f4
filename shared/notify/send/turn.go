package send

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/stream"
)

const (
	// turnLasts is how long a sender keeps its slot before another goes on, so that no
	// stream waits long for one of its batches.
	turnLasts = 30 * time.Second
	// page is about how many mails a sender takes before it looks again which come first.
	page = 100
	// atOnce bounds how many mails are under way in a turn: while SES takes its time for
	// one, the next ones go.
	atOnce = 16
	// farthest bounds how many keys a look reads of each partition; they fit into an answer.
	farthest = 4000
	// lag is how long the index has for showing what was just written.
	lag = 100 * time.Millisecond
)

// turn is one hold of a slot: what its mails share.
type turn struct {
	*Sender
	slot  mail.Slot
	ends  time.Time       // no mail is begun after it
	most  int             // how far a look goes
	tried map[string]bool // in this turn

	mu       sync.Mutex
	circuit  mail.Circuit
	next     time.Time // when the next mail may go, by the real clock
	sent     int
	progress time.Time
}

// look takes a slot, unless somebody has it, and sends what is ready, the most urgent
// first. named are mails that the index may not show yet.
func (o *Sender) look(ctx context.Context, number int, named []string) error {
	if number >= o.slots {
		return nil // of a time with a higher rate
	}
	if err := o.timeLeft(ctx); err != nil {
		return err
	}
	slot, err := o.store.AskSlot(ctx, number)
	if err != nil || slot.Held(o.now()) {
		return err // whoever holds it looks once more
	}
	circuit, err := o.store.Circuit(ctx)
	if err != nil || circuit.Open(o.now()) {
		return err // while nothing is sent, mails are left to the periodic look
	}
	now := o.now()
	ends := now.Add(turnLasts)
	slot, won, err := o.store.TakeSlot(ctx, number, rand.Text(), now, ends.Add(o.attempt+writing))
	if err != nil || !won {
		return err
	}
	t := &turn{Sender: o, slot: slot, ends: ends, most: (page + o.width) * o.slots, tried: map[string]bool{}, circuit: circuit, next: slot.NextAt, progress: slot.ProgressAt}
	if latest := time.Now().Add(o.every); t.next.After(latest) {
		t.next = latest // whoever sent before had a clock that is ahead
	}
	return t.drain(ctx, named)
}

// drain sends until nothing is ready or the turn is over, and gives the slot back.
func (t *turn) drain(ctx context.Context, named []string) error {
	var group errgroup.Group
	group.SetLimit(t.width)
	alone := true
	for {
		mails, more, err := t.ready(ctx, named)
		named = nil
		for _, m := range mails {
			if t.over(ctx) {
				break
			}
			if alone { // where SES refuses the account, no other is tried
				t.one(ctx, m)
				alone = false
				continue
			}
			group.Go(func() error {
				t.one(ctx, m)
				return nil
			})
		}
		if err == nil && more && !t.over(ctx) {
			if len(mails) == 0 {
				pause(ctx, lag)
			}
			continue
		}
		_ = group.Wait() // they never fail
		if err != nil || t.over(ctx) {
			return errors.Join(err, t.pass(ctx, err == nil))
		}
		if left, err := t.leave(ctx); err != nil || left {
			return err
		}
	}
}

// over tells whether no other mail is to be begun.
func (t *turn) over(ctx context.Context) bool {
	return ctx.Err() != nil || t.stopped() || !t.now().Before(t.ends) || t.timeLeft(ctx) != nil
}

// stopped tells whether SES refuses the account.
func (t *turn) stopped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.circuit.Open(t.now())
}

func (t *turn) stop(c mail.Circuit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.circuit = c
}

// ready reads what comes next of this slot and was not tried in this turn, and tells
// whether there may be more.
func (t *turn) ready(ctx context.Context, named []string) ([]mail.Mail, bool, error) {
	ids, more, err := t.store.ReadyMails(ctx, t.now(), t.most)
	if err != nil {
		return nil, false, err
	}
	if !more {
		ids = append(ids, named...) // else those come in their turn
	}
	var untried []string
	for _, id := range ids {
		if mail.SlotOf(id, t.slots) == t.slot.Number && !t.tried[id] {
			t.tried[id] = true
			untried = append(untried, id)
		}
	}
	// What is tried already, or another slot's, may stand before what is not.
	if more && len(untried) < page/2 {
		t.most = min(2*t.most, farthest)
	}
	found, err := t.store.MailsByID(ctx, untried)
	if err != nil {
		return nil, false, err
	}
	var mails []mail.Mail
	for _, id := range untried {
		m, ok := found[id]
		delayed := m.Reason != "" && m.DueAt.After(t.now()) // SES asked to come later
		if ok && m.State == mail.Pending && !delayed {
			mails = append(mails, m)
		}
	}
	return mails, more, nil
}

// one sees a mail through. What fails here has failed without SES: the mail is as it was,
// and a later turn takes it up again.
func (t *turn) one(ctx context.Context, m mail.Mail) {
	if err := stream.Guard(func() error { return t.follow(ctx, m) }); err != nil {
		slog.ErrorContext(ctx, "send-mail: a mail was not finished and waits for the next look", "mail", m.ID, "release", m.ReleaseID, "error", err)
	}
}

// wait returns when the next mail may go, or false where the turn is over before.
func (t *turn) wait(ctx context.Context) bool {
	t.mu.Lock()
	now := time.Now()
	at := t.next
	if at.Before(now) {
		at = now
	}
	wait := at.Sub(now)
	if t.now().Add(wait).After(t.ends) {
		t.mu.Unlock()
		return false
	}
	t.next = at.Add(t.every)
	t.mu.Unlock()
	pause(ctx, wait)
	return !t.over(ctx)
}

// ended counts a mail that has come to an end.
func (t *turn) ended(sent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = t.now()
	if sent {
		t.sent++
	}
}

// leave gives the slot back, unless somebody has put in more meanwhile.
func (t *turn) leave(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	slot, left, err := t.store.LeaveSlot(ctx, t.state(), t.sent)
	t.slot.Wake = slot.Wake
	return left, err
}

// pass gives the slot back although mails wait, to whoever goes on.
func (t *turn) pass(ctx context.Context, goOn bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	return t.store.PassSlot(ctx, t.state(), t.sent, goOn && !t.stopped())
}

func (t *turn) state() mail.Slot {
	slot := t.slot
	slot.NextAt, slot.ProgressAt = t.next, t.progress
	return slot
}

// widthOf is how many mails are under way where so many go a second.
func widthOf(rate float64) int { return min(atOnce, max(2, int(math.Ceil(rate)))) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
