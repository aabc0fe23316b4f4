package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// chunk is how many change requests one transaction links or frees: two actions each,
// and DynamoDB takes 100 actions, some of which the release, its counter and an
// idempotency record need.
const chunk = 45

// LinkResult tells what linking and removing did, id by id, in the order of the request.
type LinkResult struct {
	Added     []string `json:"added" doc:"What was linked."`
	Removed   []string `json:"removed" doc:"What was removed."`
	Unchanged []string `json:"unchanged" doc:"What was already linked or removed."`
}

// LinkChanges links and removes change requests, in chunks each of which checks the
// status, the approvals and the count again: a crash between two leaves a consistent
// release, and repeating the request does the rest. All ids are checked before the first
// write.
//
// With an Idempotency-Key each chunk records its progress, so that a repetition continues
// where the request stopped, and answers for all of it.
func (s *Store) LinkChanges(ctx context.Context, id string, add, remove []string, w Write) (LinkResult, error) {
	w.keepRecordIn(s.tables.Releases)
	result, err := s.linkChunks(ctx, id, add, remove, unfinished{}, w)
	for n := 0; err != nil && n < attempts; n++ {
		record, found := s.findSame(ctx, w)
		if !found || !record.open() {
			break
		}
		if result, err = s.linkChunks(ctx, id, add, remove, record.unfinished, w); !release.HasCode(err, "request-in-progress") {
			break // otherwise another try of the same request was faster by a chunk
		}
	}
	return result, err
}

// linkChunks links and removes what neither was done before nor by this request itself.
func (s *Store) linkChunks(ctx context.Context, id string, add, remove []string, done unfinished, w Write) (LinkResult, error) {
	done.release = id
	return retryOnConflict(ctx, func() (LinkResult, error) {
		// Change requests are read before the release: see log_key.go.
		changes, err := s.changesByID(ctx, slices.Concat(add, remove))
		if err != nil {
			return LinkResult{}, err
		}
		now, here, err := s.releaseLinksAndPlace(ctx, id)
		if err != nil {
			return LinkResult{}, err
		}
		guard := w
		if done.chunks > 0 {
			guard.IfRevision = 0 // our own chunks have raised it
		}
		if err := checkWritable(now.Release, guard); err != nil {
			return LinkResult{}, err
		}
		if now.Release.Status.ScopeFrozen() {
			return LinkResult{}, done.left(now.Release.Conflict("scope-frozen",
				"%s is %s: its change requests can no longer be linked or removed.", id, now.Release.Status))
		}
		adding, removing := notYetDone(now.Links, add, remove, done)
		at := func(id string) string { return fmt.Sprintf("add[%d]", slices.Index(add, id)) }
		if err := s.linkable(ctx, now.Release, adding, len(removing), changes, at); err != nil {
			return LinkResult{}, done.left(err)
		}
		result := linkResultOf(add, remove, slices.Concat(done.added, adding), slices.Concat(done.removed, removing))
		if len(adding)+len(removing) == 0 {
			return result, s.putRecord(ctx, done, &result, w)
		}
		chunks := slices.Collect(slices.Chunk(removing, chunk))
		frees := len(chunks)
		chunks = append(chunks, slices.Collect(slices.Chunk(adding, chunk))...)
		for n, ids := range chunks {
			part := guard
			if n > 0 {
				part.IfRevision = 0
			}
			then := done
			then.chunks++
			var actions []types.TransactWriteItem
			if n < frees {
				actions = s.freeActions(now.Release, ids, changes, part)
				then.removed = slices.Concat(done.removed, ids)
			} else {
				actions = s.linkActions(now.Release, ids, changes, part)
				then.added = slices.Concat(done.added, ids)
			}
			actions = append(actions, s.entryAction(id, here.sort(release.LogScope, ids[0]), scopeEntry(ids, changes, n < frees, w.Stamp), w))
			record := w.goOn(done, then, &result, n == len(chunks)-1)
			if err := conflictOf(s.transact(ctx, append(actions, record...)), len(actions)); err != nil {
				return LinkResult{}, err
			}
			done = then
		}
		return result, nil
	})
}

// scopeEntry tells which change requests joined a release, or left it, with their digests
// and the CAB's decisions at that time.
func scopeEntry(ids []string, changes map[string]release.Change, removed bool, by release.Stamp) release.LogEntry {
	e := release.EntryBy(release.LogScope, "Linked "+strings.Join(ids, ", "), by)
	e.Added = scoped(linksOf(ids, changes))
	for n := range e.Added {
		e.Added[n].Digest = changes[e.Added[n].ID].Digest()
	}
	if removed {
		e.Text, e.Added, e.Removed = "Removed "+strings.Join(ids, ", "), nil, e.Added
	}
	return e
}

// left adds to a refusal what this request did before it was refused.
func (u unfinished) left(refusal error) error {
	var e *release.Error
	if u.chunks > 0 && errors.As(refusal, &e) {
		e.Outcome = release.OutcomePartial
		e.Detail += fmt.Sprintf(" Before that, this request linked %d change requests and removed %d; that was not reverted.", len(u.added), len(u.removed))
	}
	return refusal
}

// writeChunk writes actions with the write's record, which has the pointed-to result.
func (s *Store) writeChunk(ctx context.Context, actions []types.TransactWriteItem, w Write, result any) error {
	return conflictOf(s.transact(ctx, append(actions, w.recordAction(result)...)), len(actions))
}

// putRecordAlone stores the result of a request that had nothing else to write.
func (s *Store) putRecordAlone(ctx context.Context, w Write, result any) error {
	return s.putRecord(ctx, unfinished{}, result, w)
}

func (s *Store) putRecord(ctx context.Context, done unfinished, result any, w Write) error {
	record := w.goOn(done, done, result, true)
	if len(record) == 0 {
		return nil
	}
	return conflictOf(s.transact(ctx, record), 0)
}

// notYetDone leaves out what is already so, and what this request did before: if somebody
// reverted that since, it stays reverted.
func notYetDone(links []release.LinkedChange, add, remove []string, done unfinished) (adding, removing []string) {
	linked := make(map[string]bool, len(links))
	for _, l := range links {
		linked[l.ID] = true
	}
	for _, id := range add {
		if !linked[id] && !slices.Contains(done.added, id) {
			adding = append(adding, id)
		}
	}
	for _, id := range remove {
		if linked[id] && !slices.Contains(done.removed, id) {
			removing = append(removing, id)
		}
	}
	return adding, removing
}

func linkResultOf(add, remove, added, removed []string) LinkResult {
	r := LinkResult{Added: []string{}, Removed: []string{}, Unchanged: []string{}}
	for _, id := range add {
		if slices.Contains(added, id) {
			r.Added = append(r.Added, id)
		} else {
			r.Unchanged = append(r.Unchanged, id)
		}
	}
	for _, id := range remove {
		if slices.Contains(removed, id) {
			r.Removed = append(r.Removed, id)
		} else {
			r.Unchanged = append(r.Unchanged, id)
		}
	}
	return r
}

// linkActions links change requests to a release, conditioned on its being as it was read.
func (s *Store) linkActions(r release.Release, ids []string, changes map[string]release.Change, w Write) []types.TransactWriteItem {
	e := wakePeople(s.releaseGuard(r, OpLink, w), r, w.At).
		add("changeIds", set(ids)).
		add("changeCount", number(len(ids))).
		compare("changeCount", "<=", number(release.MaxChanges-len(ids)))
	if pending := unapproved(ids, changes); len(pending) > 0 {
		e.add("pending", set(pending))
	}
	return append([]types.TransactWriteItem{updateAction(s.tables.Releases, releaseKey(r.ID), e)}, s.linkPairs(r, ids, changes, w)...)
}

// linkPairs marks each change request as held by the release and adds its summary there.
// The summary is a copy: reading a release then takes one query, not another for each request.
func (s *Store) linkPairs(r release.Release, ids []string, changes map[string]release.Change, w Write) []types.TransactWriteItem {
	var actions []types.TransactWriteItem
	for _, id := range ids {
		c := changes[id]
		e := changeGuard(c, OpLink, w).
			// redundant in CreateRelease, linkNext: a new release cannot get what is held, and
			// where its creation continues, the set of what is still to link says the same
			absent("releaseId").
			set("releaseId", text(r.ID)).set("releaseEpoch", number(r.Epoch()))
		actions = append(actions, updateAction(s.tables.Changes, changeKey(id), e),
			putAction(s.tables.Releases, encodeLink(r.ID, c.Link()), newExpression()))
	}
	return actions
}

// freeActions remove change requests from a release, conditioned on its being as it was
// read.
func (s *Store) freeActions(r release.Release, ids []string, changes map[string]release.Change, w Write) []types.TransactWriteItem {
	e := wakePeople(s.releaseGuard(r, OpLink, w), r, w.At).
		deleteFrom("changeIds", set(ids)).deleteFrom("pending", set(ids)).add("changeCount", number(-len(ids)))
	actions := []types.TransactWriteItem{updateAction(s.tables.Releases, releaseKey(r.ID), e)}
	for _, id := range ids {
		actions = append(actions,
			updateAction(s.tables.Changes, changeKey(id), changeGuard(changes[id], opFree, w).equal("releaseId", text(r.ID)).remove("releaseId")),
			deleteAction(s.tables.Releases, linkKey(r.ID, id), newExpression()))
	}
	return actions
}

// releaseGuard is an update of a release that still has the status it was read with
// and is not being deleted. That it is not being created either was checked when it was
// read: see checkWritable. It is not conditioned on the revision, so that several such
// writes to one release do not conflict.
func (s *Store) releaseGuard(r release.Release, op Op, w Write) *expression {
	e := newExpression().
		op(op).set("updatedAt", secondsValue(w.At)).add("revision", number(1)).
		equal("status", text(string(r.Status))).absent("deleting")
	if w.IfRevision != 0 {
		e.equal("revision", number(w.IfRevision))
	}
	return e
}

// changeGuard is an update of a change request that is as it was read.
func changeGuard(c release.Change, op Op, w Write) *expression {
	e := newExpression().op(op).equal("revision", number(c.Revision))
	editFields(e, changeRevisionFields, c, nextRevision(c, w))
	return e
}

// nextRevision is a change request as changeGuard leaves it.
func nextRevision(c release.Change, w Write) release.Change {
	c.Revision++
	c.UpdatedAt = w.At.UTC().Truncate(time.Second)
	return c
}

func unapproved(ids []string, changes map[string]release.Change) []string {
	var pending []string
	for _, id := range ids {
		if !changes[id].CABApproved() {
			pending = append(pending, id)
		}
	}
	return pending
}
