package settle

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// each runs do for the numbers below count, beginning with the lowest, at most width
// at once. After a failure nothing higher is begun. It returns, when everything that
// was begun has ended, the lowest number that failed and its error: all below it are
// done.
func each(ctx context.Context, count, width int, do func(n int) error) (int, error) {
	var (
		mu     sync.Mutex
		next   int
		lowest = count
		first  error
		all    sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		n := next
		next++
		return n, n < lowest
	}
	fail := func(n int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if n < lowest {
			lowest, first = n, err
		}
	}
	for range min(count, width) {
		all.Go(func() {
			for n, ok := take(); ok; n, ok = take() {
				err := context.Cause(ctx)
				if err == nil {
					err = guarded(n, do)
				}
				if err != nil {
					fail(n, err)
				}
			}
		})
	}
	all.Wait()
	return lowest, first
}

// guarded turns a panic into an error: in a goroutine it would end the process, and
// with it the rest of the batch.
func guarded(n int, do func(int) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("settle: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do(n)
}

// whenFree runs do when there is room.
func whenFree(ctx context.Context, room chan struct{}, do func() error) error {
	select {
	case room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-room }()
	return do()
}
