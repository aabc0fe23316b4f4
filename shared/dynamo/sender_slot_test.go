package dynamo_test

import (
	"testing"
	"time"

	"example.com/releases/shared/mail"
)

// A slot has one holder, until it is left or the lease ends; who has lost it cannot give back
// what is another's.
func TestSlot_OneHolderAtATime(t *testing.T) {
	l := newHarness(t)
	const n = 3
	take := func(holder string, after time.Duration, want bool) mail.Slot {
		t.Helper()
		now := mailNow.Add(after)
		slot, won, err := l.TakeSlot(l.ctx, n, holder, now, now.Add(time.Minute))
		if won != want || err != nil {
			t.Errorf("%s takes it after %v: %v, %v", holder, after, won, err)
		}
		return slot
	}
	first := take("a", 0, true)
	take("a", 0, true) // its own write once more, as the SDK repeats it
	take("b", 59*time.Second, false)
	if woken, err := l.WakeSlot(l.ctx, n, mailNow.Add(59*time.Second)); woken || err != nil {
		t.Errorf("a held slot is woken: %v %v", woken, err)
	}
	second := take("b", time.Minute, true)
	first.NextAt, first.ProgressAt = mailNow, mailNow
	if _, left, err := l.LeaveSlot(l.ctx, first, 7); !left || err != nil {
		t.Errorf("a has it no more: left %v, %v", left, err)
	}
	l.no(l.PassSlot(l.ctx, first, 7, true))
	is, err := l.Slot(l.ctx, n)
	if l.no(err); is.Holder != "b" || is.Sent != 0 || !is.Held(mailNow.Add(61*time.Second)) {
		t.Errorf("b's slot is %+v", is)
	}
	asked, err := l.AskSlot(l.ctx, n)
	if l.no(err); asked.Wake != second.Wake+1 || asked.Holder != "b" {
		t.Errorf("asked: %+v", asked)
	}
	second.NextAt, second.ProgressAt = mailNow, mailNow
	kept, left, err := l.LeaveSlot(l.ctx, second, 5)
	if l.no(err); left || kept.Wake != asked.Wake {
		t.Errorf("left although somebody asked: %v %+v", left, kept)
	}
	second.Wake = kept.Wake
	if _, left, err = l.LeaveSlot(l.ctx, second, 5); !left || err != nil {
		t.Errorf("not left: %v", err)
	}
	is, err = l.Slot(l.ctx, n)
	if l.no(err); is.Held(mailNow) || is.Sent != 5 || !is.NextAt.Equal(mailNow) || !is.ProgressAt.Equal(mailNow) {
		t.Errorf("left as %+v", is)
	}
	if woken, err := l.WakeSlot(l.ctx, n, mailNow); !woken || err != nil {
		t.Errorf("a free slot is not woken: %v", err)
	}
}

// What may be sent is read by due time over all partitions of the index, and no page is taken
// for the whole.
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
			t.Errorf("after %d s, at most %d: %d, more %v", c.at, c.most, len(got), more)
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
