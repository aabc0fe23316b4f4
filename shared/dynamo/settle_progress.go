package dynamo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// The progress of a settlement is stored on the log's counter, the small item beside the
// release that a transition writes anyway: a release may have 270 KB, and each write to it
// is charged for all of them. The attributes are
//
//	settleEpoch    the settlement that the two others are about
//	notThrough     the change requests that have not followed yet, as tokens of 16 bytes: a
//	               hundred ids of 64 bytes would take four times as much
//	settledTasks   the number of tasks of those that have
//	missingTasks   the number of tasks linked to those, but gone from their table; absent where none is
//
// The release keeps the full scope of its settlement, unsettled, until the end. So a version
// from before 2026-11-26, which removes change requests from that set, may run beside this
// one or after it: it repeats what it does not know to be done, and never ends a settlement
// too early. Where the counter does not have the settlement (it began under such a version,
// or the release is being deleted), progress is stored on the release as before.
const (
	notThrough   = "notThrough"
	missingTasks = "missingTasks"
)

// tokenOf represents a change request in notThrough.
func tokenOf(change string) []byte {
	sum := sha256.Sum256([]byte(change))
	return sum[:16]
}

func tokensOf(changes ...string) types.AttributeValue {
	tokens := make([][]byte, len(changes))
	for n, change := range changes {
		tokens[n] = tokenOf(change)
	}
	return &types.AttributeValueMemberBS{Value: tokens}
}

// beginProgress is the counter's part of a transition that settles change requests.
func beginProgress(counter *expression, epoch int, changes []string) {
	counter.set("settleEpoch", number(epoch)).set(notThrough, tokensOf(changes...)).set("settledTasks", number(0)).remove(missingTasks)
}

// withProgress is a release with the progress of its settlement from the counter. The two
// items may have been read at different times: then it shows too little progress, never
// too much, because progress only grows, and the release keeps the scope until the end.
func withProgress(itself, counter item) release.Release {
	r := decodeRelease(itself)
	s := r.Settling
	if s == nil || len(s.Unsettled) == 0 || num(counter, "settleEpoch") != s.Epoch {
		return r
	}
	left, _ := counter[notThrough].(*types.AttributeValueMemberBS)
	s.Unsettled = slices.DeleteFunc(s.Unsettled, func(change string) bool {
		return left == nil || !slices.ContainsFunc(left.Value, func(token []byte) bool { return bytes.Equal(token, tokenOf(change)) })
	})
	s.SettledTasks += num(counter, "settledTasks")
	s.MissingTasks += num(counter, missingTasks)
	return r
}

// releaseAndCounter reads a release and its log's counter in one consistent query. The
// counter sorts right before the release and is read after it, backwards: see log_key.go
// for why.
func (s *Store) releaseAndCounter(ctx context.Context, id string) (itself, counter item, err error) {
	in := rangeOf(s.tables.Releases, releasePrefix+id, "between", logCounterSort, mainSort)
	in.ScanIndexForward = aws.Bool(false)
	found, err := s.collect(ctx, in)
	return found.itself, found.counter, err
}
