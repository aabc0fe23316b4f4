package operations

import (
	"context"
	"encoding/json"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// idempotent runs a write. Where the caller sent an Idempotency-Key, its result is stored
// in the write's own transaction. When the write fails, for whatever reason, the answer is
// what is stored under that key: by an earlier try, or by this one if only its
// acknowledgement was lost. So the usual case costs no extra request.
func idempotent[S, V any](ctx context.Context, o *Operations, pre Precondition, w dynamo.Write, view func(S) V, do func(dynamo.Write) (S, error)) (V, error) {
	var none V
	if pre.IdempotencyKey != nil {
		w.Idempotency = &dynamo.IdempotencyKey{Key: pre.IdempotencyKey.Key, Body: pre.IdempotencyKey.Body}
	}
	s, err := do(w)
	if err == nil {
		return view(s), nil
	}
	if pre.IdempotencyKey == nil {
		return none, err
	}
	return answerFromRecord(ctx, o, w, view, err)
}

// refused answers an invalid request. If the same request succeeded under its
// Idempotency-Key before an upgrade made the rules stricter, the answer is the stored one;
// otherwise it is err. place says in which table the operation keeps its records.
func refused[S, V any](ctx context.Context, o *Operations, pre Precondition, place func(dynamo.Write) dynamo.Write, view func(S) V, err error) (V, error) {
	if pre.IdempotencyKey == nil {
		var none V
		return none, err
	}
	w := dynamo.Write{Stamp: release.Stamp{At: o.now().UTC()}, Idempotency: &dynamo.IdempotencyKey{Key: pre.IdempotencyKey.Key, Body: pre.IdempotencyKey.Body}}
	return answerFromRecord(ctx, o, place(w), view, err)
}

// answerFromRecord answers with what is stored under the write's key; where nothing is, with err.
// While that cannot be read, nobody knows whether an earlier try was carried out: err, which is
// about this try, would refuse what may have been done.
func answerFromRecord[S, V any](ctx context.Context, o *Operations, w dynamo.Write, view func(S) V, err error) (V, error) {
	var none V
	remembered, recallErr := o.store.FindIdempotencyRecord(ctx, w)
	if recallErr != nil {
		return none, recallErr
	}
	if remembered == nil {
		return none, err
	}
	if remembered.Body != w.Idempotency.Body {
		return none, release.Fail(release.KindUnprocessable, "idempotency-key-reused",
			"This idempotency key was used for another request within 24 hours.")
	}
	if remembered.Answer != nil {
		var answer V
		if err := json.Unmarshal(remembered.Answer, &answer); err != nil {
			return none, err
		}
		return answer, nil
	}
	var result S
	switch through, refusal := remembered.Result(&result); {
	case refusal != nil:
		return none, refusal
	case !through:
		return none, err
	}
	return view(result), nil
}

func identity[T any](t T) T { return t }
