package invoke

import "context"

// OneAtATime makes one function of several sandboxes of it: each has one invocation at a
// time and what it remembers to itself, as on Lambda. Who finds all of them busy waits.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
func OneAtATime(sandboxes ...Function) Function {
	free := make(chan Function, len(sandboxes))
	for _, s := range sandboxes {
		free <- s
	}
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		select {
		case s := <-free:
			defer func() { free <- s }()
			return s(ctx, payload)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
