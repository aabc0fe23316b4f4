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
	// turnLasts is how long a sender keeps its slot before another continues, so that no batch
	// holds up its stream for long.
	turnLasts = 30 * time.Second
	// page is roughly how many mails a sender takes before it looks again for more urgent
	// ones.
	page = 100
	// atOnce bounds how many mails of a turn are being sent at once, so that a slow answer
	// from SES does not hold up the others.
	atOnce = 16
	// farthest bounds how many keys are read of each partition; that many fit into one answer
	// of DynamoDB.
	farthest = 4000
	// lag is how long to wait for the index to show what was just written.
	lag = 100 * time.Millisecond
)

// turn is the time during which a sender holds a slot, and the state that its mails share.
type turn struct {
	*Sender
	slot  mail.Slot
	ends  time.Time       // no mail is started after it
	most  int             // how many keys to read
	tried map[string]bool // in this turn

	mu       sync.Mutex
	circuit  mail.Circuit
	next     time.Time // when the next mail may go, by the real clock
	sent     int
	progress time.Time
}

// look takes a slot, unless another sender holds it, and sends what is ready, most urgent
// first. named are mails that the index may not show yet.
func (o *Sender) look(ctx context.Context, number int, named []string) error {
	if number >= o.slots {
		return nil // from a time when a higher rate was configured
	}
	if err := o.timeLeft(ctx); err != nil {
		return err
	}
	slot, err := o.store.AskSlot(ctx, number)
	if err != nil || slot.Held(o.now()) {
		return err // the holder will look once more
	}
	circuit, err := o.store.Circuit(ctx)
	if err != nil || circuit.Open(o.now()) {
		return err // while the circuit is open, mails are left to tend-outbox
	}
	now := o.now()
	ends := now.Add(turnLasts)
	slot, won, err := o.store.TakeSlot(ctx, number, rand.Text(), now, ends.Add(o.attempt+writing))
	if err != nil || !won {
		return err
	}
	t := &turn{Sender: o, slot: slot, ends: ends, most: (page + o.width) * o.slots, tried: map[string]bool{}, circuit: circuit, next: slot.NextAt, progress: slot.ProgressAt}
	if latest := time.Now().Add(o.every); t.next.After(latest) {
		t.next = latest // the previous sender's clock was ahead
	}
	return t.drain(ctx, named)
}

// drain sends until nothing is ready or the turn is over, and then gives the slot back.
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
			if alone { // the first mail goes alone: if SES refuses the account, no other is tried
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

// over reports whether no further mail may be started.
func (t *turn) over(ctx context.Context) bool {
	return ctx.Err() != nil || t.stopped() || !t.now().Before(t.ends) || t.timeLeft(ctx) != nil
}

// stopped reports whether SES refuses the account.
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

// ready reads the next mails of this slot that were not tried in this turn, and reports
// whether there may be more.
func (t *turn) ready(ctx context.Context, named []string) ([]mail.Mail, bool, error) {
	ids, more, err := t.store.ReadyMails(ctx, t.now(), t.most)
	if err != nil {
		return nil, false, err
	}
	if !more {
		ids = append(ids, named...) // otherwise they will be read when their turn comes
	}
	var untried []string
	for _, id := range ids {
		if mail.SlotOf(id, t.slots) == t.slot.Number && !t.tried[id] {
			t.tried[id] = true
			untried = append(untried, id)
		}
	}
	// Mails that were already tried, or that belong to other slots, may come before the rest.
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
		delayed := m.Reason != "" && m.DueAt.After(t.now()) // SES has refused it for now
		if ok && m.State == mail.Pending && !delayed {
			mails = append(mails, m)
		}
	}
	return mails, more, nil
}

// one sends a mail. An error here means that SES was not called: the mail is unchanged, and a
// later turn tries it again.
func (t *turn) one(ctx context.Context, m mail.Mail) {
	if err := stream.Guard(func() error { return t.follow(ctx, m) }); err != nil {
		slog.ErrorContext(ctx, "send-mail: a mail was not finished and waits for the next look", "mail", m.ID, "release", m.ReleaseID, "error", err)
	}
}

// wait returns true once the next mail may be sent, or false if the turn ends before that.
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

// ended counts a mail that has reached a final state.
func (t *turn) ended(sent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress = t.now()
	if sent {
		t.sent++
	}
}

// leave gives the slot back, unless more mails have been added meanwhile.
func (t *turn) leave(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	slot, left, err := t.store.LeaveSlot(ctx, t.state(), t.sent)
	t.slot.Wake = slot.Wake
	return left, err
}

// pass gives the slot back although mails are waiting, so that another sender continues.
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

// widthOf returns how many mails are sent at once at a rate per second.
func widthOf(rate float64) int { return min(atOnce, max(2, int(math.Ceil(rate)))) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
