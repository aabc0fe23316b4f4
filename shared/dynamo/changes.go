package dynamo

import (
	"context"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Change reads a change request, strongly consistent.
func (s *Store) Change(ctx context.Context, id string) (release.Change, error) {
	i, err := s.get(ctx, s.tables.Changes, changeKey(id))
	if err != nil {
		return release.Change{}, err
	}
	if i == nil {
		return release.Change{}, release.NotFound("change request", id)
	}
	return decodeChange(i), nil
}

// changesByID reads change requests, strongly consistent; those that do not exist are
// missing from the map.
func (s *Store) changesByID(ctx context.Context, ids []string) (map[string]release.Change, error) {
	keys := make([]item, len(ids))
	for n, id := range ids {
		keys[n] = changeKey(id)
	}
	all, err := s.batchGet(ctx, s.tables.Changes, keys)
	if err != nil {
		return nil, err
	}
	changes := make(map[string]release.Change, len(all))
	for _, i := range all {
		c := decodeChange(i)
		changes[c.ID] = c
	}
	return changes, nil
}

// CreateChange stores a new change request.
func (s *Store) CreateChange(ctx context.Context, c release.Change, w Write) (release.Change, error) {
	w.keepRecordIn(s.tables.Changes)
	i := encodeChange(c)
	i[opAttribute] = opCreate.value()
	i["request"] = text(w.Request)
	c = decodeChange(i)
	err := s.create(ctx, s.tables.Changes, i, &c, w, s.changeLogActions(c, []release.LogEntry{changeCreated(c, w.Stamp)}, w))
	if _, ok := failedCondition(err); ok {
		return c, alreadyExists("change request", c.ID)
	}
	return c, err
}

func alreadyExists(noun, id string) error {
	return release.Fail(release.KindConflict, "already-exists",
		"There is already a %s %s.", noun, id)
}

// ListChanges returns a page of change requests, newest first, of one approval status
// or of all. The index is eventually consistent and the items are read from the table.
func (s *Store) ListChanges(ctx context.Context, approval release.ApprovalStatus, limit int, cursor string) ([]release.Change, string, error) {
	index, attribute, value := "byCreation", "kind", "C"
	if approval != "" {
		index, attribute, value = "byApproval", "approvalStatus", string(approval)
	}
	list := index + "=" + value
	start, err := openCursor(cursor, list, map[string]string{attribute: value}, inIndex(changePrefix))
	if err != nil {
		return nil, "", err
	}
	e := newExpression()
	condition := e.name(attribute) + " = " + e.value(text(value))
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.tables.Changes, IndexName: &index, KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)), ExclusiveStartKey: start,
	})
	if err != nil {
		return nil, "", pageFailure(err, cursor)
	}
	ids := make([]string, len(out.Items))
	for n, i := range out.Items {
		ids[n] = decodeChange(i).ID
	}
	changes, err := s.changesByID(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	page := make([]release.Change, 0, len(ids))
	for _, id := range ids {
		if c, ok := changes[id]; ok {
			page = append(page, c)
		}
	}
	return page, sealCursor(out.LastEvaluatedKey, list), nil
}

// Decide records the CAB's decision: on the change request, on its summary at the
// release, in the release's set of unapproved ids, and in the logs of both, in one
// transaction.
func (s *Store) Decide(ctx context.Context, id string, decision release.CABDecision, note string, w Write) (release.Change, error) {
	w.keepRecordIn(s.tables.Changes)
	return retryOnConflict(ctx, func() (release.Change, error) {
		before, err := s.Change(ctx, id)
		if err != nil {
			return before, err
		}
		if err := checkRevision("change request", id, before.Revision, w); err != nil {
			return before, err
		}
		after, err := before.Decide(decision, note, w.SeparateDuties, w.Stamp)
		if err != nil {
			return before, err
		}
		actions := s.keepOlderDecision(before, &after, w)
		after.DecisionEntries = append(slices.Clone(after.DecisionEntries), changeLogSort(after.Revision, 0))
		if over := len(after.DecisionEntries) - maxDecisions; over > 0 {
			after.DecisionEntries = after.DecisionEntries[over:]
		}
		e := changeGuard(before, OpDecide, w)
		after = editFields(e, decisionFields, nextRevision(before, w), after)
		entries := []release.LogEntry{changeDecided(after, w.Stamp)}
		actions = append(actions, updateAction(s.tables.Changes, changeKey(id), e))
		actions = append(actions, s.changeLogActions(after, entries, w)...)
		if before.ReleaseID != "" {
			held, err := s.decideAtRelease(ctx, before, after, entries, w)
			if err != nil {
				return before, err
			}
			actions = append(actions, held...)
		}
		return after, s.writeChunk(ctx, actions, w, &after)
	})
}

// decideAtRelease is the release's part of a decision, while its scope is open: its copy
// of the summary, and its set of unapproved ids.
func (s *Store) decideAtRelease(ctx context.Context, before, after release.Change, entries []release.LogEntry, w Write) ([]types.TransactWriteItem, error) {
	r, here, err := s.releaseAndPlace(ctx, before.ReleaseID)
	if release.IsKind(err, release.KindNotFound) {
		return nil, beingReleased(before, "is being deleted")
	}
	if err != nil {
		return nil, err
	}
	if err := checkWritable(r, Write{}); err != nil {
		return nil, err
	}
	if !r.Live() {
		return nil, beingReleased(before, "has ended ("+string(r.Status)+")")
	}
	if r.Status.ScopeFrozen() {
		return nil, r.Conflict("decision-frozen", "%s is in %s, which is %s: the CAB's decision can no longer change.",
			before.ID, r.ID, r.Status)
	}
	return s.changeAtRelease(r, here, before, after, entries, OpDecide, w), nil
}

// changeAtRelease is the release's part of a change to a change request: the summary, the
// set of unapproved ids where the approval changes, and the log entries. It is conditioned
// on the release's status, as it was read.
func (s *Store) changeAtRelease(r release.Release, here place, before, after release.Change, entries []release.LogEntry, op Op, w Write) []types.TransactWriteItem {
	atRelease := s.releaseGuard(r, op, Write{Stamp: w.Stamp})
	if op == OpDecide || !slices.Equal(before.AffectedCIIDs, after.AffectedCIIDs) {
		wakePeople(atRelease, r, w.At)
	}
	if after.CABApproved() {
		atRelease.deleteFrom("pending", set([]string{before.ID}))
	} else {
		atRelease.add("pending", set([]string{before.ID}))
	}
	summary := newExpression()
	editFields(summary, linkFields, before.Link(), after.Link())
	actions := []types.TransactWriteItem{
		updateAction(s.tables.Releases, linkKey(r.ID, before.ID), summary),
		updateAction(s.tables.Releases, releaseKey(r.ID), atRelease),
	}
	sk := here.sort(entries[0].Kind, after.ID)
	for _, e := range entries {
		e.ReleaseID, e.ChangeRequestID = "", after.ID
		actions = append(actions, s.entryAction(r.ID, sk, e, w))
		sk += "/then" // sorts the second entry of a write after its first; no id has a slash
	}
	return actions
}

// UpdateChange edits a change request, and its summary at the release that holds it, in
// one transaction. An edit that changes nothing writes nothing. One that changes what the
// CAB approved voids the approval, here and in the release's set of unapproved ids.
func (s *Store) UpdateChange(ctx context.Context, id string, edit func(release.Change) (release.Change, error), w Write) (release.Change, error) {
	w.keepRecordIn(s.tables.Changes)
	return retryOnConflict(ctx, func() (release.Change, error) {
		before, err := s.Change(ctx, id)
		if err != nil {
			return before, err
		}
		if err := checkRevision("change request", id, before.Revision, w); err != nil {
			return before, err
		}
		asked, err := edit(before)
		if err != nil {
			return before, err
		}
		if reflect.DeepEqual(encoded(changePlanFields, before.ChangePlan), encoded(changePlanFields, asked.ChangePlan)) {
			return before, nil
		}
		// The request first, then the release: what the write depends on is read before the
		// place of its log entry, see log_key.go.
		in, here, err := s.heldBy(ctx, before)
		if err != nil {
			return before, err
		}
		after, err := before.Edit(asked.ChangePlan, in, w.SeparateDuties, w.Stamp)
		if err != nil {
			return before, err
		}
		op := OpPatch
		if after.CABDecision != before.CABDecision {
			op = OpDecide
		}
		actions := s.keepOlderDecision(before, &after, w)
		e := changeGuard(before, op, w)
		after = editFields(e, editedChangeFields, nextRevision(before, w), after)
		entries := changeEdited(before, after, w.Stamp)
		actions = append(actions, updateAction(s.tables.Changes, changeKey(id), e))
		actions = append(actions, s.changeLogActions(after, entries, w)...)
		switch {
		case in != nil:
			actions = append(actions, s.changeAtRelease(*in, here, before, after, entries, op, w)...)
		case before.ReleaseID != "":
			// The item exists for as long as the request is held: whatever deletes it also
			// frees the request in the same transaction, and so raises its revision.
			actions = append(actions, putAction(s.tables.Releases, encodeLink(before.ReleaseID, after.Link()), newExpression()))
		}
		return after, s.writeChunk(ctx, actions, w, &after)
	})
}

// heldBy reads the live release that holds a change request, and the place of a log entry
// about it; nil where no release does, or where it has ended or is being deleted and so
// gives the request back.
func (s *Store) heldBy(ctx context.Context, c release.Change) (*release.Release, place, error) {
	if c.ReleaseID == "" {
		return nil, place{}, nil
	}
	r, here, err := s.releaseAndPlace(ctx, c.ReleaseID)
	switch {
	case release.IsKind(err, release.KindNotFound) || err == nil && !r.Live():
		return nil, place{}, nil
	case err != nil:
		return nil, place{}, err
	}
	return &r, here, checkWritable(r, Write{})
}

func beingReleased(c release.Change, why string) error {
	return release.Fail(release.KindConflict, "settling",
		"%s is being given back by %s, which %s.", c.ID, c.ReleaseID, why)
}
