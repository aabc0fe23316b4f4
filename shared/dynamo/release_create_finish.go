package dynamo

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// linkingKey is the Idempotency-Key of a creation that is still linking, stored on the
// release: whoever ends the creation stores its result under the key.
const linkingKey = "linkingKey"

// linkingBy is who asked for a creation that is still linking, and when: the log entry is
// written with the last chunk, which may be the sweep's.
const linkingBy = "linkingBy"

func linkingByFields(a *attributes, s *release.Stamp) {
	a.millis("at", &s.At)
	a.text("subject", &s.By.Subject)
	a.text("author", &s.By.Name)
	a.text("email", &s.By.Email)
	a.optionalBoolean("verified", &s.By.EmailVerified)
	a.text("request", &s.Request)
}

// creation is a release that is being created, with what it holds so far.
type creation struct {
	ReleaseDetail
	key string
	by  release.Stamp
}

// FinishCreation links what a creation has still to link. Where a change request can no
// longer be linked, because another release took it meanwhile, the creation ends as if it
// had never begun, rather than create a release with less than was asked for. The refusal
// names the change request, and is the answer to the request's key from then on.
func (s *Store) FinishCreation(ctx context.Context, id string, stamp release.Stamp) (ReleaseDetail, error) {
	return retryOnConflict(ctx, func() (ReleaseDetail, error) {
		for {
			c, err := s.creation(ctx, id)
			if err != nil {
				return c.ReleaseDetail, err
			}
			if len(c.Release.Linking) == 0 {
				return s.finished(ctx, c)
			}
			created, err := s.linkNext(ctx, c, stamp)
			switch {
			case err != nil:
				return ReleaseDetail{}, err
			case created != nil:
				return *created, nil
			}
		}
	})
}

func (s *Store) creation(ctx context.Context, id string) (creation, error) {
	found, err := s.releaseItems(ctx, id)
	if err != nil {
		return creation{}, err
	}
	itself := found.itself
	r, err := found.release(id)
	c := creation{ReleaseDetail: ReleaseDetail{Release: r, Links: found.links, Log: []release.LogEntry{}}, key: str(itself, linkingKey)}
	if c.by = (release.Stamp{At: r.CreatedAt, By: release.Person{Name: r.CreatedBy}}); has(itself, linkingBy) {
		linkingByFields(&attributes{item: mapOf(itself, linkingBy), reading: true}, &c.by)
	}
	return c, err
}

// finished is a creation that another call completed, with the log entry of that.
func (s *Store) finished(ctx context.Context, c creation) (ReleaseDetail, error) {
	i, err := s.get(ctx, s.tables.Releases, key(logPrefix+c.Release.ID, createdSort))
	if i != nil {
		c.Log = append(c.Log, decodeEntry(ctx, i))
	}
	return c.ReleaseDetail, err
}

// linkNext links the next chunk. With the last one the creation is complete, and it
// returns what was created.
func (s *Store) linkNext(ctx context.Context, c creation, stamp release.Stamp) (*ReleaseDetail, error) {
	left := c.Release.Linking
	changes, err := s.changesByID(ctx, left)
	if err != nil {
		return nil, err
	}
	if err := s.linkable(ctx, c.Release, left, 0, changes, ofNewRelease); err != nil {
		var refusal *release.Error
		if !errors.As(err, &refusal) || len(refusal.Fields) == 0 {
			return nil, err
		}
		return nil, s.endCreation(ctx, c, refusal, stamp)
	}
	ids := left[:min(chunk, len(left))]
	e := newExpression().
		op(OpLink).set("updatedAt", secondsValue(stamp.At)).
		deleteFrom("linking", set(ids)).contains("linking", text(ids[0])).
		absent("deleting").
		add("changeIds", set(ids)).add("changeCount", number(len(ids)))
	if pending := unapproved(ids, changes); len(pending) > 0 {
		e.add("pending", set(pending))
	}
	var detail *ReleaseDetail
	var further []types.TransactWriteItem
	if len(ids) == len(left) {
		e.remove("attention").remove("attentionSince").remove(linkingKey).remove(linkingBy)
		detail = c.with(ids, changes, stamp)
		logged := s.creationAction(detail, c.by)
		if further, err = s.endRecord(ctx, c, "result", encodeResult(detail)); err != nil {
			return nil, err
		}
		further = append(further, logged)
	}
	actions := append([]types.TransactWriteItem{updateAction(s.tables.Releases, releaseKey(c.Release.ID), e)},
		s.linkPairs(c.Release, ids, changes, Write{Stamp: stamp})...)
	return detail, conflictOf(s.transact(ctx, append(actions, further...)), -1)
}

// ofNewRelease is the field of a creation that has the ids, without an index: the order
// of the request is not stored, and the refusal has the id.
func ofNewRelease(string) string { return "linkedChangeRequestIds" }

// with is the release as the last chunk leaves it.
func (c creation) with(ids []string, changes map[string]release.Change, stamp release.Stamp) *ReleaseDetail {
	d := c.ReleaseDetail
	r := &d.Release
	r.ChangeIDs = slices.Sorted(slices.Values(slices.Concat(r.ChangeIDs, ids)))
	r.Unapproved = slices.Sorted(slices.Values(slices.Concat(r.Unapproved, unapproved(ids, changes))))
	r.Linking, r.UpdatedAt = nil, stamp.At.UTC().Truncate(time.Second)
	d.Links = slices.Concat(d.Links, linksOf(ids, changes))
	slices.SortFunc(d.Links, func(a, b release.LinkedChange) int { return strings.Compare(a.ID, b.ID) })
	return &d
}

// endRecord stores what the creation's key answers from now on, as a further action of
// the transaction that ends it; none where there was no key, or where it has expired.
func (s *Store) endRecord(ctx context.Context, c creation, attribute string, v types.AttributeValue) ([]types.TransactWriteItem, error) {
	if c.key == "" {
		return nil, nil
	}
	i, err := s.get(ctx, s.tables.Releases, recordKey(c.key))
	if err != nil || str(i, "release") != c.Release.ID {
		return nil, err
	}
	i[attribute] = v
	return []types.TransactWriteItem{putAction(s.tables.Releases, i, newExpression().equal("release", text(c.Release.ID)))}, nil
}

// endCreation ends a creation that cannot be completed as if it had never begun. With the
// first write the release is gone and the key answers the refusal. Change requests that it
// still holds are freed after that, by the sweep where this call dies.
func (s *Store) endCreation(ctx context.Context, c creation, refusal *release.Error, stamp release.Stamp) error {
	id := c.Release.ID
	// A release that was never created has no status.
	refusal.Status, refusal.AllowedNextStatuses = "", nil
	refusal.Detail = strings.Join(refusal.ChangeRequests, ", ") + " cannot be linked to the new release, which was not created."
	a := attributes{item: item{}}
	refusalFields(&a, refusal)
	record, err := s.endRecord(ctx, c, "refusal", &types.AttributeValueMemberM{Value: a.item})
	if err != nil {
		return err
	}
	mark := newExpression().op(opDelete).exists("linking").absent("deleting")
	if err := s.markDeleting(ctx, id, mark, stamp, record...); err != nil {
		return err
	}
	if err := s.ResumeDeleting(ctx, id, stamp); err != nil {
		slog.WarnContext(ctx, "what a creation held that was ended is not all free yet", "release", id, "error", err)
	}
	return refusal
}

// resumeEnded goes on freeing what an ended creation held.
func (s *Store) resumeEnded(ctx context.Context, id string, stamp release.Stamp) error {
	i, err := s.get(ctx, s.tables.Releases, releaseKey(id))
	if err != nil || !boolOf(i, "deleting") {
		return err
	}
	return s.ResumeDeleting(ctx, id, stamp)
}
