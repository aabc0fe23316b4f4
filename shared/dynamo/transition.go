package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Transition moves a release: one read, then one transaction of the guarded update,
// its log entry, and the log's counter, from which notes get their place. The guard
// repeats the rule that release.Advance applied to what was read, so that of two racing
// callers one gets a conflict.
func (s *Store) Transition(ctx context.Context, id string, req release.TransitionRequest, w Write) (Moved, error) {
	w.keepRecordIn(s.tables.Releases)
	seen := -1
	return retryOnConflict(ctx, func() (Moved, error) {
		read, _, err := s.releaseLinksAndPlace(ctx, id)
		before := read.Release
		moved := Moved{Release: before, Outside: before.Outside(read.Links), Notes: read.Notes}
		if err != nil {
			return moved, err
		}
		if alreadyApplied(before, w) {
			return moved, nil
		}
		if seen >= 0 && before.Epoch() != seen {
			return moved, before.Conflict("status-changed",
				"Somebody else moved %s to %s at the same time.", id, before.Status)
		}
		seen = before.Epoch()
		if err := checkWritable(before, w); err != nil {
			return moved, err
		}
		if before, err = s.withHolds(ctx, before); err != nil {
			return moved, err
		}
		if moved.Release, err = before.Advance(req, w.Stamp); err != nil {
			return moved, err
		}
		err = s.moveTo(ctx, before, moved, w)
		if release.IsKind(err, release.KindUnavailable) {
			// The outcome is unknown; reading the release may tell.
			if now, readErr := s.Release(ctx, id); readErr == nil && alreadyApplied(now, w) {
				moved.Release = now
				return moved, nil
			}
		}
		return moved, err
	})
}

// Moved is a release after a transition, with what the advice needs besides. The
// transition read it anyway.
type Moved struct {
	Release release.Release
	Outside []string // linked change requests that start outside its window
	Notes   int      // that its log has taken
}

// checkWritable refuses every write of a release that has another revision than the caller
// expects, or whose creation is still linking.
func checkWritable(r release.Release, w Write) error {
	if len(r.Linking) > 0 {
		return r.Conflict("linking", "%s is still being created: %d of its change requests are not linked yet.", r.ID, len(r.Linking))
	}
	return checkRevision("release", r.ID, r.Revision, w)
}

// releaseAndPlace reads a release, and the place of a log entry about it.
func (s *Store) releaseAndPlace(ctx context.Context, id string) (release.Release, place, error) {
	itself, counter, err := s.releaseAndCounter(ctx, id)
	if err != nil {
		return release.Release{}, place{}, err
	}
	r, err := foundRelease(itself, counter, id)
	return r, place{r.Epoch(), num(counter, "n"), r.Revision}, err
}

func (s *Store) moveTo(ctx context.Context, before release.Release, result Moved, w Write) error {
	after := result.Release
	moved := after.History[len(after.History)-1]
	t, _ := release.TransitionTo(after.Status)
	e := newExpression().
		set("status", text(string(after.Status))).
		set("epoch", number(after.Epoch())).
		set("updatedAt", secondsValue(after.UpdatedAt)).
		op(opOfStatus(after.Status)).
		set("attention", text("1")).set("attentionSince", secondsValue(moved.At)).
		appendTo("history", encodedEach(historyFields, after.History[before.Epoch():])...).
		add("revision", number(1)).
		// Every transition raises the epoch, and nothing else does: while the epoch is the
		// one that was read, the release has the status that was checked, and its history
		// gets no gap.
		equal("epoch", number(before.Epoch())).
		// An edit of this in between must not be overlooked, since publish depends on it.
		equal("public", boolean(before.Public)).
		absent("deleting")
	publish(e, before, after, moved.At)
	for _, d := range t.Guards {
		switch d {
		case release.GuardHold:
			e.absent(heldBy)
		case release.GuardApproval:
			e.absent("pending")
		case release.GuardWindow:
			e.less("scheduledStart", "scheduledEnd")
		}
	}
	if w.IfRevision != 0 {
		e.equal("revision", number(w.IfRevision))
	}
	switch t.Effect {
	case release.EffectStart:
		e.set("actualStart", secondsValue(*after.ActualStart))
	case release.EffectEnd:
		e.set("actualEnd", secondsValue(*after.ActualEnd))
	case release.EffectRolledBack:
		e.set("rolledBackAt", secondsValue(*after.RolledBackAt)).set("rolledBackReason", text(after.RolledBackReason))
	}
	if after.Status == release.Approved {
		// Digests of the plan as it was read: whoever approves has not seen an edit made since.
		e.set("approvedPlan", &types.AttributeValueMemberB{Value: after.ApprovedPlan})
	}
	if after.Status == release.Scheduled {
		e.set("windowKey", text("scheduled")).set("windowVersion", number(after.WindowVersion))
	} else {
		e.remove("windowKey")
	}
	counter := enterEpoch(after.Epoch(), after.Status)
	if t.Settles {
		beginSettlement(e, counter, after)
	}
	entryStamp := w.Stamp
	if moved.At.After(entryStamp.At) {
		entryStamp.At = moved.At // this clock is behind the one of the transition before
	}
	entry := release.EntryBy(release.LogTransition, moved.LogText(), entryStamp)
	entry.Status = after.Status
	actions := []types.TransactWriteItem{
		updateAction(s.tables.Releases, releaseKey(after.ID), e),
		s.entryAction(after.ID, transitionSort(after.Epoch()), entry, w),
		updateAction(s.tables.Releases, logCounterKey(after.ID), counter),
	}
	return s.writeChunk(ctx, actions, w, &result)
}

// beginSettlement stores what the settlement has to reach: what is linked at the time of
// the write, which is what was read; where that is nothing, it is settled at once.
func beginSettlement(e, counter *expression, after release.Release) {
	epoch := number(after.Epoch())
	e.set("settleEpoch", epoch).set("settleSince", secondsValue(after.Settling.Since)).set("settledTasks", number(0)).remove(missingTasks)
	if len(after.ChangeIDs) == 0 {
		e.set("settledEpoch", epoch).absent("changeIds")
		return
	}
	e.copyFrom("unsettled", "changeIds").equal("changeIds", set(after.ChangeIDs))
	beginProgress(counter, after.Epoch(), after.ChangeIDs)
}

// conflictOf turns a failed condition into errConflict, or into keyInUse where it was that
// of the idempotency record, whose action has the given index, after all others.
func conflictOf(err error, idempotencyAction int) error {
	failed, ok := failedCondition(err)
	switch {
	case !ok:
		return err
	case failed.index == idempotencyAction:
		return keyInUse()
	}
	return errConflict
}
