package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// CreateRelease gives the release its id and stores it with its change requests. Up to
// one chunk of them is one transaction. With more, the release is born with the rest
// marked as still linking, which bars every other write, until the last chunk; where
// that dies half-way, the sweep goes on (ResumeLinking).
func (s *Store) CreateRelease(ctx context.Context, r release.Release, changeIDs []string, w Write) (ReleaseDetail, error) {
	w.keepRecordIn(s.tables.Releases)
	var err error
	if r.ID, err = s.nextReleaseID(ctx, r); err != nil {
		return ReleaseDetail{}, err
	}
	first := changeIDs[:min(chunk, len(changeIDs))]
	rest := changeIDs[len(first):]
	whole, err := retryOnConflict(ctx, func() (ReleaseDetail, error) {
		changes, err := s.changesByID(ctx, changeIDs)
		if err != nil {
			return ReleaseDetail{}, err
		}
		if err := s.linkable(ctx, release.Release{Status: release.Planned}, changeIDs, changeIDs, 0, changes); err != nil {
			return ReleaseDetail{}, renameFields(err)
		}
		final := detailOf(r, changeIDs, changes)
		born := r
		born.ChangeIDs, born.Unapproved, born.Linking = first, unapproved(first, changes), rest
		i := encodeRelease(born)
		i[opAttribute] = opCreate.value()
		if len(rest) > 0 {
			i["attention"], i["attentionSince"] = text("1"), secondsValue(w.At)
		}
		log := key(releasePrefix+r.ID, logCounterSort)
		log["n"] = number(0)
		actions := append([]types.TransactWriteItem{
			putAction(s.tables.Releases, i, newExpression().absent("pk")),
			putAction(s.tables.Releases, log, newExpression()),
		}, s.linkPairs(born, first, changes, w)...)
		return final, s.writeChunk(ctx, actions, w, final)
	})
	if err != nil || len(rest) == 0 {
		return whole, err
	}
	if err := s.ResumeLinking(ctx, r.ID, w.Stamp, false); err != nil {
		if !release.IsKind(err, release.KindInvalid) && !release.IsKind(err, release.KindConflict) {
			return ReleaseDetail{}, err // the sweep goes on
		}
		// Somebody else took one of the change requests meanwhile: as if never created,
		// and not remembered as created either.
		return ReleaseDetail{}, errors.Join(renameFields(err), s.discardCreation(ctx, r.ID, w))
	}
	return whole, nil
}

// nextReleaseID takes the next number of the quarter in which the release starts. A
// number that is taken and not used is never used.
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

func detailOf(r release.Release, changeIDs []string, changes map[string]release.Change) ReleaseDetail {
	r.ChangeIDs = slices.Sorted(slices.Values(changeIDs))
	r.Unapproved = unapproved(r.ChangeIDs, changes)
	r.CreatedAt = r.CreatedAt.UTC().Truncate(time.Second)
	w := ReleaseDetail{Release: r, Links: make([]release.LinkedChange, 0, len(changeIDs)), Log: []release.LogEntry{}}
	for _, id := range r.ChangeIDs {
		w.Links = append(w.Links, changes[id].Link())
	}
	return w
}

// renameFields points the refusals at the field of the creating request.
func renameFields(err error) error {
	var e *release.Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			e.Fields[i].Field = "linkedChangeRequestIds" + e.Fields[i].Field[len("add"):]
		}
	}
	return err
}

// ResumeLinking links what a creation has still to link. With skip, change requests
// that can no longer be linked are dropped, and the log says so: that is how the sweep
// finishes a creation nobody waits for; without it they are an error.
func (s *Store) ResumeLinking(ctx context.Context, id string, stamp release.Stamp, skip bool) error {
	_, err := retryOnConflict(ctx, func() (struct{}, error) {
		var none struct{}
		r, err := s.Release(ctx, id)
		for err == nil && len(r.Linking) > 0 {
			if err = s.linkNext(ctx, r, stamp, skip); err == nil {
				r, err = s.Release(ctx, id)
			}
		}
		return none, err
	})
	return err
}

func (s *Store) linkNext(ctx context.Context, r release.Release, stamp release.Stamp, skip bool) error {
	ids := r.Linking[:min(chunk, len(r.Linking))]
	changes, err := s.changesByID(ctx, ids)
	if err != nil {
		return err
	}
	linking := ids
	if refusal := s.linkable(ctx, r, r.Linking, ids, 0, changes); refusal != nil {
		var e *release.Error
		if !skip || !errors.As(refusal, &e) || len(e.Fields) == 0 {
			return refusal
		}
		linking = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(e.ChangeRequests, id) })
		if _, err := s.AppendLog(ctx, r.ID, refusalNote(e), "", Write{Stamp: stamp}); err != nil {
			return err
		}
	}
	e := newExpression().
		op(OpLink).set("updatedAt", secondsValue(stamp.At)).
		deleteFrom("linking", set(ids)).contains("linking", text(ids[0])).
		absent("deleting")
	if len(linking) > 0 {
		e.add("changeIds", set(linking)).add("changeCount", number(len(linking)))
	}
	if pending := unapproved(linking, changes); len(pending) > 0 {
		e.add("pending", set(pending))
	}
	if len(ids) == len(r.Linking) {
		e.remove("attention").remove("attentionSince")
	}
	actions := append([]types.TransactWriteItem{updateAction(s.tables.Releases, releaseKey(r.ID), e)},
		s.linkPairs(r, linking, changes, Write{Stamp: stamp})...)
	return conflictOf(s.transact(ctx, actions), -1)
}

// refusalNote words the dropped ids for the log, within the bound of an entry.
func refusalNote(e *release.Error) string {
	note := "Not linked, because they were taken or removed while the release was being created:"
	for n, id := range e.ChangeRequests {
		if len(note)+len(id)+20 > release.MaxText {
			return note + fmt.Sprintf(" and %d more", len(e.ChangeRequests)-n)
		}
		note += " " + id
	}
	return note
}
