package jitter_test

import (
	"testing"
	"testing/cryptotest"
	"time"

	"example.com/releases/shared/jitter"
)

func TestUpTo_IsWithinItsBounds(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := jitter.UpTo(3)
		if d < 1 || d > 3 {
			t.Fatalf("%d is outside 1 to 3", d)
		}
		seen[d] = true
	}
	if len(seen) != 3 {
		t.Errorf("of three only %v were drawn in a thousand times", seen)
	}
}

// The chaos tests replay a seed to the last request.
func TestUpTo_Seeded_IsTheSameAgain(t *testing.T) {
	draw := func() (all [5]time.Duration) {
		cryptotest.SetGlobalRandom(t, 7)
		for n := range all {
			all[n] = jitter.UpTo(time.Hour)
		}
		return all
	}
	if first, second := draw(), draw(); first != second {
		t.Errorf("%v, then %v", first, second)
	}
}
