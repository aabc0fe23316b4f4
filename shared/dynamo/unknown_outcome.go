package dynamo

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// A write whose answer was lost has happened or not, and its repetition must tell the two
// apart instead of reporting a conflict with itself. A transaction is recognised by its client
// token (transact), what stores one item by the request that the item names (create) or by a
// number that nobody else has (putNote), a transition by its entry in the history
// (alreadyApplied), and a client's own repetition by its idempotency record.

// alreadyApplied tells whether the release's history holds this very write: then its
// acknowledgement was lost, and it is a success.
func alreadyApplied(r release.Release, w Write) bool {
	return slices.ContainsFunc(r.History, func(p release.HistoryEntry) bool { return p.Request == w.Request })
}

// create stores a new item, with further actions and the write's idempotency record where
// there are any; result points to what the operation returns. A failed condition means
// that the id is taken by another item or (from index 1 on) that a further action's
// condition failed.
func (s *Store) create(ctx context.Context, table string, i item, result any, w Write, further []types.TransactWriteItem) error {
	record := w.recordAction(result)
	if len(further)+len(record) == 0 {
		err := s.put(ctx, table, i, newExpression().absent("pk"))
		if failed, ok := failedCondition(err); ok && str(failed.image, "request") == w.Request {
			return nil // our own write, repeated by the SDK after a lost acknowledgement
		}
		return err
	}
	actions := append([]types.TransactWriteItem{putAction(table, i, newExpression().absent("pk"))}, further...)
	err := s.transact(ctx, append(actions, record...))
	if failed, ok := failedCondition(err); ok && failed.index == len(actions) {
		return keyInUse()
	}
	return err
}
