package stream

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Each runs do for the numbers below count, beginning with the lowest, at most width at
// once. After a failure, or once the context has ended, nothing more is begun. When
// everything that was begun has ended, it returns the lowest number that failed and its
// error: all below it are done. A panic of do is an error.
func Each(ctx context.Context, count, width int, do func(n int) error) (int, error) {
	var (
		group  errgroup.Group
		mu     sync.Mutex
		lowest = count
		first  error
	)
	// The group's own error is the first in time, which may be a later number's.
	fail := func(n int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if n < lowest {
			lowest, first = n, err
		}
	}
	begins := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return n < lowest
	}
	group.SetLimit(width)
	for n := 0; n < count && begins(n); n++ {
		group.Go(func() error {
			if !begins(n) {
				return nil // something failed while this waited for its turn
			}
			err := context.Cause(ctx)
			if err == nil {
				err = Guard(func() error { return do(n) })
			}
			if err != nil {
				fail(n, err)
			}
			return nil
		})
	}
	_ = group.Wait() // see fail
	return lowest, first
}

// Guard turns a panic into an error: in a goroutine it would end the process, and with it
// the rest of the batch.
func Guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("stream: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}
