package mail

import (
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"time"
)

const (
	// perSlot is how many mails a second one sender is given: with 16 calls to SES at once, it
	// keeps up as long as a call takes less than 0.3 s.
	perSlot = 50
	maxRate = 1000
	// OverdueAfter is how long a mail may wait, and a slot show no progress, before a person
	// should know.
	OverdueAfter = 5 * time.Minute
	// headStart is how far ahead of others an urgent mail is put. A mail that has already
	// waited that long still goes first, so that nothing waits forever.
	headStart = 24 * time.Hour
)

// Slot is a share of the rate at which SES takes the account's mails, and who sends at it:
// one sender at a time, by lease, however many are woken. Why a lease and not one function
// with a concurrency of 1: the rate is the account's, a stream has as many invocations as
// shards, and the pace (NextAt) has to survive the sender.
type Slot struct {
	Number     int
	Holder     string
	Until      time.Time // the lease ends by itself
	Wake       int       // how often somebody asked for a look at the mails
	Sent       int       // mails that SES took
	NextAt     time.Time // when the next one may go
	ProgressAt time.Time // when a mail last came to an end
}

// Held tells whether somebody sends at the slot.
func (s Slot) Held(now time.Time) bool { return now.Before(s.Until) }

// Slow tells whether a slot with overdue mails is at least making progress. If not, it is
// stuck.
func (s Slot) Slow(now time.Time) bool { return now.Sub(s.ProgressAt) < OverdueAfter }

// ParseRate reads how many mails a second SES takes; empty is 1, which is what a new
// account has.
func ParseRate(s string) (float64, error) {
	if s == "" {
		return 1, nil
	}
	rate, err := strconv.ParseFloat(s, 64)
	if err != nil || !(rate > 0) || rate > maxRate {
		return 0, fmt.Errorf("mail: MAIL_RATE %q is no number of mails a second", s)
	}
	return rate, nil
}

// Slots is how many slots a rate needs. Each has an equal share of it.
func Slots(rate float64) int { return max(1, int(math.Ceil(rate/perSlot))) }

// SlotOf is the slot that a mail goes through.
func SlotOf(id string, slots int) int { return int(crc32.ChecksumIEEE([]byte(id)) % uint32(slots)) }

// Urgent tells whether a notice is of what is happening, or would happen within a day, so
// that it goes before those that have time.
func (n Notice) Urgent() bool {
	soon := func(w Window) bool { return !w.Start.IsZero() && w.Start.Sub(n.Planned) < 24*time.Hour }
	switch n.Kind {
	case RolledBack:
		return true
	case HeadsUp, Rescheduled, Withdrawn, WindowFixed, WindowMoved, WindowOff:
		return soon(n.Window) || soon(n.Before)
	}
	return false
}

// WaitingSince is since when a pending mail has waited for its turn. DueAt alone does not
// say: that of an urgent mail lies before its creation.
func (m Mail) WaitingSince() time.Time {
	if m.DueAt.After(m.CreatedAt) {
		return m.DueAt
	}
	return m.CreatedAt
}
