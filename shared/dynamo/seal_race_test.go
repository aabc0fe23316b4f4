package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// A sealer that lost against another tries the same batch once more; one that DynamoDB has no
// capacity for tries half of it.
func TestSeal_BatchRefused_HalvedOnlyForLackOfCapacity(t *testing.T) {
	for code, want := range map[string]int{
		"ConditionalCheckFailed":        2,
		"TransactionConflict":           2,
		"ThrottlingError":               3,
		"ProvisionedThroughputExceeded": 3,
	} {
		l := newHarness(t)
		id := l.release()
		for n := range 59 {
			_, err := l.AppendLog(l.ctx, id, fmt.Sprintf("note %d", n), "", l.write())
			l.no(err)
		}
		tries := 0
		s := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
			if call.Operation != "TransactWriteItems" {
				return do(ctx)
			}
			if tries++; tries == 1 {
				return cancelled(code)
			}
			return do(ctx)
		}, nil)
		if n, err := s.Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now); err != nil || n != 60 || tries != want {
			t.Errorf("%s: %d leaves in %d transactions, %v; want 60 in %d", code, n, tries, err, want)
		}
		if r := l.judgeRecord(); len(r.leaves) != 60 || len(r.unsealed) > 0 {
			t.Errorf("%s: %d leaves; not sealed are %v", code, len(r.leaves), r.unsealed)
		}
	}
}

// An entry that is gone when its leaf is written does not come back as a leaf without words.
func TestSeal_EntryGoneInBetween_NotWritten(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	note, err := l.AppendLog(l.ctx, id, "words", "", l.write())
	l.no(err)
	s := l.heldUp("TransactWriteItems", func() { l.removeNotes(id) })
	n, err := s.Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now)
	l.no(err)
	log, _, err := l.LogPage(l.ctx, id, "", 100, "", true)
	l.no(err)
	if n != 1 || len(log) != 1 || slices.ContainsFunc(log, func(e release.LogEntry) bool { return e.ID == note.ID }) {
		t.Errorf("%d leaves; the log has %+v", n, log)
	}
}
