package operations

import (
	"context"
	"encoding/json"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// idempotent runs a write. Where the caller sent an Idempotency-Key, the answer is stored
// in the write's own transaction; when the write does not go through, for whatever
// reason, the answer stored under that key (by an earlier try, or by this one if only
// its acknowledgement was lost) is the answer again. So the usual case costs no
// request more.
func idempotent[S, V any](ctx context.Context, o *Operations, pre Precondition, w dynamo.Write, view func(S) V, do func(dynamo.Write) (S, error)) (V, error) {
	var none V
	if pre.IdempotencyKey != nil {
		w.Idempotency = &dynamo.IdempotencyRecord{Key: pre.IdempotencyKey.Key, Body: pre.IdempotencyKey.Body, Encode: func(result any) ([]byte, error) {
			return json.Marshal(view(result.(S)))
		}}
	}
	s, err := do(w)
	if err == nil {
		return view(s), nil
	}
	if pre.IdempotencyKey == nil {
		return none, err
	}
	remembered, recallErr := o.store.FindIdempotencyRecord(ctx, w)
	if recallErr != nil || remembered == nil {
		return none, err
	}
	if remembered.Body != pre.IdempotencyKey.Body {
		return none, release.Fail(release.KindUnprocessable, "idempotency-key-reused",
			"This idempotency key was used for another request within 24 hours.")
	}
	var answer V
	if err := json.Unmarshal(remembered.Answer, &answer); err != nil {
		return none, err
	}
	return answer, nil
}

func identity[T any](t T) T { return t }
