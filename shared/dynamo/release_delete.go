package dynamo

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// DeleteRelease removes a release that is planned or cancelled. Its first write marks
// it, and from then on it is not found; repeating the request, or the sweep, continues.
func (s *Store) DeleteRelease(ctx context.Context, id string, w Write) error {
	_, err := retryOnConflict(ctx, func() (struct{}, error) {
		var none struct{}
		i, err := s.get(ctx, s.tables.Releases, releaseKey(id))
		if err != nil {
			return none, err
		}
		if i == nil {
			return none, release.NotFound("release", id)
		}
		r := decodeRelease(i)
		if r.Deleting {
			return none, nil
		}
		if err := checkWritable(r, w); err != nil {
			return none, err
		}
		if r.Status != release.Planned && r.Status != release.Cancelled {
			return none, r.Conflict("not-deletable", "%s is %s; only planned and cancelled releases can be deleted.", id, r.Status)
		}
		mark := s.releaseGuard(r, opDelete, w)
		entry := release.EntryBy(release.LogDeleted, "Deleted", w.Stamp)
		entry.Status = r.Status
		return none, s.markDeleting(ctx, id, mark, w.Stamp, s.entryAction(id, deletedSort, entry, w))
	})
	if err != nil {
		return err
	}
	return s.ResumeDeleting(ctx, id, w.Stamp)
}

// markDeleting begins a deletion. The log's counter is deleted in the same transaction, so
// that no note gets a number any more; one that has its number already is still written,
// and sorts before the entry of the deletion.
func (s *Store) markDeleting(ctx context.Context, id string, mark *expression, stamp release.Stamp, further ...types.TransactWriteItem) error {
	mark.remove("publicKey").set("deleting", boolean(true)).set("attention", text("1")).set("attentionSince", secondsValue(stamp.At))
	return conflictOf(s.transact(ctx, append([]types.TransactWriteItem{
		updateAction(s.tables.Releases, releaseKey(id), mark),
		deleteAction(s.tables.Releases, logCounterKey(id), newExpression()),
	}, further...)), -1)
}

// ResumeDeleting frees the change requests of a release marked for deletion, and removes
// its holds and, last, the release itself. Its log stays.
func (s *Store) ResumeDeleting(ctx context.Context, id string, stamp release.Stamp) error {
	if err := s.freeAll(ctx, id, stamp); err != nil {
		return err
	}
	if err := s.removeHolds(ctx, id); err != nil {
		return err
	}
	return retryWrite(ctx, func() error {
		_, err := s.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.tables.Releases, Key: releaseKey(id)})
		return err
	})
}

func (s *Store) freeAll(ctx context.Context, id string, stamp release.Stamp) error {
	_, err := retryOnConflict(ctx, func() (struct{}, error) {
		var none struct{}
		var linked []string
		err := s.items(ctx, rangeOf(s.tables.Releases, releasePrefix+id, "begins", linkPrefix), 0, func(i item) {
			linked = append(linked, decodeLink(i).ID)
		})
		if err != nil {
			return none, err
		}
		changes, err := s.changesByID(ctx, linked)
		if err != nil {
			return none, err
		}
		for ids := range slices.Chunk(linked, chunk) {
			var actions []types.TransactWriteItem
			for _, change := range ids {
				actions = append(actions, deleteAction(s.tables.Releases, linkKey(id, change), newExpression()))
				if c := changes[change]; c.ReleaseID == id { // cancellation may have given it back already
					actions = append(actions, updateAction(s.tables.Changes, changeKey(change),
						changeGuard(c, opFree, Write{Stamp: stamp}).remove("releaseId")))
				}
			}
			if err := conflictOf(s.transact(ctx, actions), -1); err != nil {
				return none, err
			}
		}
		return none, nil
	})
	return err
}
