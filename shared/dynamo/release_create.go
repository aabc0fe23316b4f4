package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// CreateRelease gives the release its id and stores it with its change requests. Up to
// one chunk of them is one transaction. With more, the release is created with the others
// marked as still linking, which blocks every other write until the last chunk is linked.
// FinishCreation continues it: from this call, from the same request sent again with its
// Idempotency-Key, or from the sweep.
func (s *Store) CreateRelease(ctx context.Context, r release.Release, changeIDs []string, w Write) (ReleaseDetail, error) {
	w.keepRecordIn(s.tables.Releases)
	created, err := s.beginCreation(ctx, r, changeIDs, w)
	if err == nil && len(created.Release.Linking) == 0 {
		return created, nil
	}
	id := created.Release.ID
	if err != nil {
		record, found := s.findSame(ctx, w)
		switch {
		case found && record.refusal != nil:
			return ReleaseDetail{}, errors.Join(err, s.resumeEnded(ctx, record.release, w.Stamp))
		case !found || !record.open():
			return ReleaseDetail{}, err
		}
		id = record.release // begun before: by this request, or the same sent earlier
	}
	created, err = s.FinishCreation(ctx, id, w.Stamp)
	if release.IsKind(err, release.KindNotFound) {
		// The sweep, or the same request sent again, found something that could not be linked.
		err = release.Fail(release.KindConflict, "not-linkable",
			"The new release was not created: another release took one of its change requests meanwhile.")
	}
	return created, err
}

// beginCreation stores the release with the first chunk of its change requests.
func (s *Store) beginCreation(ctx context.Context, r release.Release, changeIDs []string, w Write) (ReleaseDetail, error) {
	first := changeIDs[:min(chunk, len(changeIDs))]
	rest := changeIDs[len(first):]
	at := func(id string) string {
		return fmt.Sprintf("linkedChangeRequestIds[%d]", slices.Index(changeIDs, id))
	}
	return retryOnConflict(ctx, func() (ReleaseDetail, error) {
		changes, err := s.changesByID(ctx, changeIDs)
		if err != nil {
			return ReleaseDetail{}, err
		}
		if err := s.linkable(ctx, release.Release{Status: release.Planned}, changeIDs, 0, changes, at); err != nil {
			return ReleaseDetail{}, err
		}
		if r.ID == "" {
			if r.ID, err = s.nextReleaseID(ctx, r); err != nil {
				return ReleaseDetail{}, err
			}
		}
		r.ChangeIDs, r.Unapproved, r.Linking = first, unapproved(first, changes), rest
		i := encodeRelease(r)
		i[opAttribute] = opCreate.value()
		planned := ReleaseDetail{Release: decodeRelease(i), Links: linksOf(first, changes), Log: []release.LogEntry{}}
		var entry []types.TransactWriteItem
		if len(rest) == 0 {
			entry = append(entry, s.creationAction(&planned, w.Stamp))
		}
		record := w.recordAction(&planned)
		if len(rest) > 0 {
			i["attention"], i["attentionSince"] = text("1"), secondsValue(w.At)
			i[linkingBy] = &types.AttributeValueMemberM{Value: encoded(linkingByFields, w.Stamp)}
			record = w.beginRecord(unfinished{release: r.ID, chunks: 1})
			if w.Idempotency != nil {
				i[linkingKey] = text(w.Idempotency.Key)
			}
		}
		actions := slices.Concat([]types.TransactWriteItem{
			putAction(s.tables.Releases, i, newExpression().absent("pk")),
			putAction(s.tables.Releases, newLogCounter(r.ID), newExpression()),
		}, entry, s.linkPairs(r, first, changes, w))
		return planned, conflictOf(s.transact(ctx, append(actions, record...)), len(actions))
	})
}

// nextReleaseID takes the next number of the quarter in which the release starts. Where the
// creation fails afterwards, the number stays unused: ids are unique, not without gaps.
func (s *Store) nextReleaseID(ctx context.Context, r release.Release) (string, error) {
	at := r.CreatedAt
	if r.ScheduledStart != nil {
		at = *r.ScheduledStart
	}
	year, quarter := release.Quarter(at)
	prefix := fmt.Sprintf("%04d-Q%d", year, quarter)
	i, err := s.update(ctx, s.tables.Releases, key("COUNTER#"+prefix, mainSort), newExpression().add("n", number(1)))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("REL-%s-%03d", prefix, num(i, "n")), nil
}

// linksOf are the summaries of change requests, in the order of their ids.
func linksOf(ids []string, changes map[string]release.Change) []release.LinkedChange {
	links := make([]release.LinkedChange, 0, len(ids))
	for _, id := range slices.Sorted(slices.Values(ids)) {
		links = append(links, changes[id].Link())
	}
	return links
}
