// Package jitter draws the random part of pauses, so that callers which collide do not
// collide again. It must not know what is waited for.
package jitter

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// UpTo is a random time from one nanosecond to most. It is drawn from crypto/rand, which a
// test can seed (testing/cryptotest), so that a run under faults can be replayed; the global
// source of math/rand/v2 cannot be seeded.
func UpTo(most time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:])                                                  // never fails
	return time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(most)) + 1 //nolint:gosec // most is positive
}
