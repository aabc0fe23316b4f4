package invoke

import "context"

// OneAtATime combines several sandboxes of a function into one: each runs one invocation at a
// time and has memory of its own, as on Lambda. An invocation waits while all are busy.
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
