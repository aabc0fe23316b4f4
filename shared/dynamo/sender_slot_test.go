package dynamo_test

import (
	"testing"
	"time"

	"example.com/releases/shared/mail"
)

// A slot has one holder, until the holder leaves it or the lease ends. Who has lost it cannot give it
// back, since it is another's.
func TestSlot_OneHolderAtATime(t *testing.T) {
	l := newHarness(t)
	const n = 3
	take := func(holder string, after time.Duration, want bool) mail.Slot {
		t.Helper()
		now := mailNow.Add(after)
		slot, won, err := l.TakeSlot(l.ctx, n, holder, now, now.Add(time.Minute))
		if won != want || err != nil {
			t.Errorf("%s takes it after %v: won %v, want %v: %v", holder, after, won, want, err)
		}
		return slot
	}
	first := take("a", 0, true)
	take("a", 0, true) // the same write once more, as the SDK repeats it
	take("b", 59*time.Second, false)
	if woken, err := l.WakeSlot(l.ctx, n, mailNow.Add(59*time.Second)); woken || err != nil {
		t.Errorf("a held slot is woken: %v, want false: %v", woken, err)
	}
	second := take("b", time.Minute, true)
	first.NextAt, first.ProgressAt = mailNow, mailNow
	if _, left, err := l.LeaveSlot(l.ctx, first, 7); !left || err != nil {
		t.Errorf("a, who has lost it, leaves it: %v, want true, so that it stops: %v", left, err)
	}
	l.no(l.PassSlot(l.ctx, first, 7, true))
	is, err := l.Slot(l.ctx, n)
	if l.no(err); is.Holder != "b" || is.Sent != 0 || !is.Held(mailNow.Add(61*time.Second)) {
		t.Errorf("the slot is %+v, want it b's and as it was", is)
	}
	asked, err := l.AskSlot(l.ctx, n)
	if l.no(err); asked.Wake != second.Wake+1 || asked.Holder != "b" {
		t.Errorf("after AskSlot it is %+v, want b's, with Wake raised by one", asked)
	}
	second.NextAt, second.ProgressAt = mailNow, mailNow
	kept, left, err := l.LeaveSlot(l.ctx, second, 5)
	if l.no(err); left || kept.Wake != asked.Wake {
		t.Errorf("b left it: %v, though somebody had asked; it is %+v", left, kept)
	}
	second.Wake = kept.Wake
	if _, left, err = l.LeaveSlot(l.ctx, second, 5); !left || err != nil {
		t.Errorf("b, who has seen that, could not leave it: %v", err)
	}
	is, err = l.Slot(l.ctx, n)
	if l.no(err); is.Held(mailNow) || is.Sent != 5 || !is.NextAt.Equal(mailNow) || !is.ProgressAt.Equal(mailNow) {
		t.Errorf("it is left as %+v, want it free, with what b reported", is)
	}
	if woken, err := l.WakeSlot(l.ctx, n, mailNow); !woken || err != nil {
		t.Errorf("a free slot could not be woken: %v", err)
	}
}

// The mails that may be sent are read by due time over all partitions of the index, and the answer says
// whether there are more.
func TestReadyMails_ByDueTime_AcrossPartitions(t *testing.T) {
	l := newHarness(t)
	var want []string
	for n := range 12 {
		m := mail.Mail{Kind: "headsup", ReleaseID: "REL-1", Number: 100 + n, Recipient: "ben@example.com", Snapshot: "{}"}
		_, err := l.PutMail(l.ctx, m, mailNow.Add(time.Duration(n)*time.Second))
		l.no(err)
		want = append(want, mail.ID(m.Kind, m.ReleaseID, m.Number, m.Recipient))
	}
	for _, c := range []struct {
		at, most, want int
		more           bool
	}{{11, 100, 12, false}, {5, 100, 6, false}, {11, 3, 3, true}, {11, 11, 11, true}, {0, 5, 1, false}} {
		got, more, err := l.ReadyMails(l.ctx, mailNow.Add(time.Duration(c.at)*time.Second), c.most)
		if l.no(err); more != c.more || len(got) != c.want {
			t.Errorf("after %d s, at most %d: %d mails, more: %v; want %d, %v", c.at, c.most, len(got), more, c.want, c.more)
			continue
		}
		for n, id := range got {
			if id != want[n] {
				t.Errorf("after %d s, at most %d: %v is not by due time", c.at, c.most, got)
				break
			}
		}
	}
}
