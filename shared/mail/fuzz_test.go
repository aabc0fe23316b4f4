package mail

import (
	"testing"
)

// FuzzDecode: a snapshot in the outbox that can be read says the same when it was written
// and read a second time; anything else is an error.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"kind":"heads-up","release":{"id":"R"},"tasks":[{"id":"T"}]}`, `null`, `[]`, `{"tasks":null,"more":-1}`, `{"kind":1}`, `{"a":{`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, snapshot string) {
		n, err := Decode(snapshot)
		if err != nil {
			return
		}
		written, err := n.Encode()
		if err != nil {
			t.Fatalf("%q is read, and cannot be written: %v", snapshot, err)
		}
		reread, err := Decode(written)
		if err != nil {
			t.Fatalf("%q is written as %q, which cannot be read: %v", snapshot, written, err)
		}
		if rewritten, err := reread.Encode(); err != nil || rewritten != written {
			t.Errorf("%q becomes %q, and then %q: %v", snapshot, written, rewritten, err)
		}
	})
}

// FuzzParseRate: a rate is positive and finite, and so is the number of slots it needs.
func FuzzParseRate(f *testing.F) {
	for _, seed := range []string{"50", "0.2", "0", "-1", "NaN", "Inf", "1e308", "", "0x10", "1_000", " 5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rate, err := ParseRate(s)
		if err != nil {
			return
		}
		if slots := Slots(rate); !(rate > 0) || slots < 1 || SlotOf("id", slots) < 0 || SlotOf("id", slots) >= slots {
			t.Errorf("%q is %v, of %d slots", s, rate, slots)
		}
	})
}
