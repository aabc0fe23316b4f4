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

// How far a settlement has come stands on the log's counter, the small item beside the
// release that a transition writes anyway: a release may have 270 KB, and each write to it
// costs all of them again. What stands there is
//
//	settleEpoch    which settlement the two others are about
//	notThrough     the change requests that are not through, as tokens of 16 bytes: a
//	               hundred names of 64 would make four times as much
//	settledTasks   the tasks of those that are
//
// The release keeps the scope of its settlement, unsettled, as it began, until the end. So a
// version of before 2026-11-26, which takes change requests out of that set, may work beside
// this one or after it: what it does not know of, it does again, and it ends nothing that has
// not ended. Where the counter knows nothing of the settlement (it began under such a
// version, or the release is being deleted), progress stands on the release as it did.
const notThrough = "notThrough"

// tokenOf stands for a change request in notThrough.
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
	counter.set("settleEpoch", number(epoch)).set(notThrough, tokensOf(changes...)).set("settledTasks", number(0))
}

// withProgress is a release as read, with how far its settlement has come by its counter. The
// two may be of different moments: then it tells of too little progress, never of too much,
// because what is through stays so, and the scope stands on the release until the end.
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
	return r
}

// releaseAndCounter reads a release and its log's counter in one consistent query. The
// counter sorts right before the release and is read after it, backwards: see log_key.go
// for why.
func (s *Store) releaseAndCounter(ctx context.Context, id string) (itself, counter item, err error) {
	in := rangeOf(s.tables.Releases, releasePrefix+id, "between", logCounterSort, mainSort)
	in.ScanIndexForward = aws.Bool(false)
	itself, counter, _, err = s.collect(ctx, in)
	return itself, counter, err
}
