// Package switches is linked into the test binaries that `make mutants` builds, and into
// nothing else: each mutant stands behind a number, and the environment says which one is on.
// It must not know what it switches.
package switches

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

var (
	on    = number(os.Getenv("MUTANT_OFF"))
	trace = os.Getenv("MUTANT_TRACE") != ""
	// instead is a file that is read where template.yaml would be.
	instead = os.Getenv("MUTANT_TEMPLATE")

	mu   sync.Mutex
	seen = map[int]bool{}
)

// number is 0, which no mutant has, where the variable names a condition of a write.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// Begin forgets what was reached: another test begins, or goes on.
func Begin() {
	if trace {
		mu.Lock()
		clear(seen)
		mu.Unlock()
	}
}

// On tells whether mutant n is on, and notes that it was reached.
func On(n int) bool {
	record(n)
	return on == n
}

// Off is the contrary of On.
func Off(n int) bool { return !On(n) }

func record(n int) {
	if !trace {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	if !seen[n] {
		seen[n] = true
		fmt.Fprintf(os.Stdout, "\n@@ %d\n", n)
	}
}

// offset is the index of the mutant among those that begin with first; false where none of them
// is on.
func offset(first, count int) (int, bool) {
	record(first)
	n := on - first
	return n, on != 0 && n >= 0 && n < count
}

// Without is a list without the entry whose mutant is on; the first entry's is first.
func Without[S ~[]E, E any](first int, list S) S {
	if n, is := offset(first, len(list)); is {
		return slices.Delete(slices.Clone(list), n, n+1)
	}
	return list
}

// WithoutKey is a map without the entry whose mutant is on.
func WithoutKey[M ~map[K]V, K comparable, V any](first int, m M, keys ...K) M {
	if n, is := offset(first, len(keys)); is {
		delete(m, keys[n])
	}
	return m
}

// Zero is nothing instead of a value.
func Zero[T any](n int, v T) T {
	if On(n) {
		var zero T
		return zero
	}
	return v
}

type integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Other is another of some numbered words: the first, or the third instead of the first.
func Other[T integer](n int, v T) T {
	switch {
	case !On(n):
		return v
	case v == 0:
		return 2
	}
	return 0
}

// Less is one less: of a role, the next lower one.
func Less[T integer](n int, v T) T {
	if On(n) {
		return v - 1
	}
	return v
}

// Bound is one more where mutant n is on, and one less where the next is.
func Bound[T integer | ~float32 | ~float64](n int, v T) T {
	switch i, is := offset(n, 2); {
	case is && i == 0:
		return v + 1
	case is:
		return v - 1
	}
	return v
}

// NeverWord is a word that nobody uses.
func NeverWord[T ~string](n int, v T) T {
	if On(n) {
		return "\x00" + v
	}
	return v
}

// NeverNumber is a number that nobody uses.
func NeverNumber[T integer](n int, v T) T {
	if On(n) {
		return v + 101
	}
	return v
}

// Path is the file that is read for path.
func Path(path string) string {
	record(-1)
	if instead != "" && filepath.Base(path) == filepath.Base(instead) {
		return instead
	}
	return path
}
