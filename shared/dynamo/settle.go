package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Settling is a release with what its settlement still has to do; Announced is the
// last epoch that reached the event bus.
type Settling struct {
	release.Release
	Announced int
	// Finished tells that the end of the latest settlement has been recorded.
	Finished bool
	// Wake counts the writes that people may have to be told of, Woken those of them that
	// announce has handled.
	Wake, Woken int
}

// SettlingRelease reads a release for settlement and repair, strongly consistent, also
// one that is being deleted; false where there is none.
func (s *Store) SettlingRelease(ctx context.Context, id string) (Settling, bool, error) {
	itself, counter, err := s.releaseAndCounter(ctx, id)
	if err != nil || itself == nil {
		return Settling{}, false, err
	}
	return settlingOf(itself, counter), true, nil
}

func settlingOf(itself, counter item) Settling {
	return Settling{
		Release: withProgress(itself, counter), Announced: num(itself, "announced"), Finished: isSettled(itself),
		Wake: num(itself, "wake"), Woken: num(itself, "woken"),
	}
}

// isSettled tells whether the end of the latest settlement is recorded on a release.
func isSettled(i item) bool { return num(i, "settledEpoch") == num(i, "settleEpoch") }

// ChangesByID reads change requests, strongly consistent, in the order asked; those
// that do not exist are left out.
func (s *Store) ChangesByID(ctx context.Context, ids []string) ([]release.Change, error) {
	found, err := s.changesByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	changes := make([]release.Change, 0, len(found))
	for _, id := range ids {
		if c, ok := found[id]; ok {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// FollowRelease brings a change request, as it was read, up to its release's history:
// all missing settlements in one write, conditioned on the revision. Where it has changed
// since, it is read again. It returns the request as it then is and whether this call
// wrote.
func (s *Store) FollowRelease(ctx context.Context, c release.Change, r release.Release) (release.Change, bool, error) {
	for n := 0; ; n++ {
		after, moved := c.Follow(r.ID, r.Settlements())
		if !moved {
			return c, false, nil
		}
		e := newExpression().
			set("status", text(string(after.Status))).
			set("releaseEpoch", number(after.ReleaseEpoch)).
			set("epoch", number(after.Epoch())).
			set("updatedAt", secondsValue(after.UpdatedAt)).
			set("revision", number(after.Revision)).
			equal("revision", number(c.Revision))
		op := opFree
		reached := after.History[c.Epoch():]
		if len(reached) > 0 {
			op = opFollow // wakes settle-tasks
		}
		e.appendTo("history", encodedEach(settlementFields, reached)...).op(op)
		if after.ReleaseID == "" {
			e.remove("releaseId").set("lastReleaseId", text(after.LastReleaseID))
		}
		err := s.follow(ctx, c, &after, e)
		failed, ok := failedCondition(err)
		if !ok {
			return after, err == nil, err
		}
		if failed.image == nil || n >= attempts {
			return c, false, release.Fail(release.KindUnavailable, "unavailable", "change request %s was changed too often meanwhile", c.ID)
		}
		c = decodeChange(failed.image)
	}
}

// follow writes a change request that has followed its release; where that ends an
// approval, with the log entry of it.
func (s *Store) follow(ctx context.Context, before release.Change, after *release.Change, e *expression) error {
	if after.CABDecision == before.CABDecision {
		return s.updateQuietly(ctx, s.tables.Changes, changeKey(before.ID), e)
	}
	w := Write{Stamp: release.Stamp{At: after.UpdatedAt, By: release.System}}
	actions := s.keepOlderDecision(before, after, w)
	editFields(e, decisionFields, before, *after)
	write := updateAction(s.tables.Changes, changeKey(before.ID), e)
	write.Update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	actions = append(actions, write)
	return s.transact(ctx, append(actions, s.changeLogActions(*after, []release.LogEntry{changeGivenBack(before, *after)}, w)...))
}

// FollowChange brings a task, as it was read, up to its change request's history: all
// missing settlements in one write, conditioned on the task's revision so that a
// person's edit in between is seen and not overwritten. It tells whether this call
// wrote; a task that is gone, or follows another request now, has nothing to do.
func (s *Store) FollowChange(ctx context.Context, t release.Task, changeID string, history []release.Settlement) (bool, error) {
	for n := 0; ; n++ {
		if t.ChangeRequestID != changeID {
			return false, nil
		}
		after, moved := t.Follow(history)
		if !moved {
			return false, nil
		}
		e := newExpression().
			set("status", text(string(after.Status))).
			set("appliedEpoch", number(after.AppliedEpoch)).
			set("updatedAt", secondsValue(after.UpdatedAt)).
			set("revision", number(after.Revision)).
			equal("revision", number(t.Revision))
		e.appendTo("comments", encodedEach(commentFields, after.Comments[len(t.Comments):])...)
		editFields(e, settledFields, t, after)
		err := s.updateQuietly(ctx, s.tables.Tasks, taskKey(t.ID), e)
		failed, ok := failedCondition(err)
		if !ok {
			return err == nil, err
		}
		if failed.image == nil {
			return false, nil // deleted meanwhile
		}
		if n >= attempts {
			return false, release.Fail(release.KindUnavailable, "unavailable", "task %s was changed too often meanwhile", t.ID)
		}
		t = decodeTask(failed.image)
	}
}

// Followed is what became of the tasks of a change request.
type Followed struct {
	Tasks   int // that carry the settlement, whoever wrote it
	Missing int // that are linked, and gone from their table
}

// addFollowed counts them where the progress of the settlement is.
func (e *expression) addFollowed(tasks Followed) *expression {
	e.add("settledTasks", number(tasks.Tasks))
	if tasks.Missing > 0 {
		e.add(missingTasks, number(tasks.Missing))
	}
	return e
}

// ChangeIsThrough records that a change request and all its tasks have followed the
// release's settlement of an epoch: it is removed from the set of those that have not, once,
// and its tasks are counted in the same write, also those that are gone from their table. The
// last one also ends the settlement. Where a later settlement has replaced this one, nothing is
// written. Why a set and not a counter: removing an id twice changes nothing, while counting
// down twice would end the settlement too early.
func (s *Store) ChangeIsThrough(ctx context.Context, releaseID string, epoch int, changeID string, tasks Followed, at time.Time) error {
	token := tokenOf(changeID)
	e := newExpression().
		deleteFrom(notThrough, &types.AttributeValueMemberBS{Value: [][]byte{token}}).addFollowed(tasks).
		equal("settleEpoch", number(epoch)).contains(notThrough, &types.AttributeValueMemberB{Value: token})
	counter, err := s.update(ctx, s.tables.Releases, logCounterKey(releaseID), e)
	if failed, ok := failedCondition(err); ok {
		counter, err = failed.image, nil
		if num(counter, "settleEpoch") < epoch {
			return s.throughAtRelease(ctx, releaseID, epoch, changeID, tasks, at)
		}
	}
	if err != nil || has(counter, notThrough) {
		return err
	}
	return s.EndSettlement(ctx, releaseID, at)
}

// throughAtRelease is ChangeIsThrough for a settlement that the counter does not have.
func (s *Store) throughAtRelease(ctx context.Context, releaseID string, epoch int, changeID string, tasks Followed, at time.Time) error {
	e := newExpression().
		op(opThrough).
		deleteFrom("unsettled", set([]string{changeID})).addFollowed(tasks).
		equal("settleEpoch", number(epoch)).contains("unsettled", text(changeID))
	after, err := s.update(ctx, s.tables.Releases, releaseKey(releaseID), e)
	if failed, ok := failedCondition(err); ok {
		after, err = failed.image, nil
	}
	if err != nil || after == nil || has(after, "unsettled") {
		return err // where there is none, the release is gone
	}
	return s.EndSettlement(ctx, releaseID, at)
}

// EndSettlement records, once, that the latest settlement is complete, if it is. Notices
// wait for that, and the release no longer needs attention unless an announcement is still
// to be made. The sweep calls it too, in case the last writer died before it could.
func (s *Store) EndSettlement(ctx context.Context, id string, at time.Time) error {
	i, counter, err := s.releaseAndCounter(ctx, id)
	if err != nil || i == nil || isSettled(i) {
		return err
	}
	r := withProgress(i, counter)
	if len(r.Settling.Unsettled) > 0 {
		return nil
	}
	epoch := number(r.Settling.Epoch)
	e := newExpression().
		op(OpSettled).set("settledEpoch", epoch).set("settledTasks", number(r.Settling.SettledTasks)).remove("unsettled").
		equal("settleEpoch", epoch).compare("settledEpoch", "<", epoch)
	if r.Settling.MissingTasks > 0 {
		e.set(missingTasks, number(r.Settling.MissingTasks))
	}
	complete := num(i, "announced") == num(i, "epoch") && !has(i, "deleting")
	if complete {
		// A transition after this settlement would have another one, so its epoch differs. A
		// deletion that has begun meanwhile keeps the sweep's attention.
		e.remove("attention").remove("attentionSince").absent("deleting")
	}
	here := place{num(i, "epoch"), num(counter, "n"), num(i, "revision")}
	w := Write{Stamp: release.Stamp{At: at, By: release.System}}
	err = s.transact(ctx, []types.TransactWriteItem{
		updateAction(s.tables.Releases, releaseKey(id), e),
		s.entryAction(id, here.sort(release.LogSettlement, ""), settlementEntry(r, w.Stamp), w),
	})
	if _, ok := failedCondition(err); ok {
		return nil // another call ended it, or a later settlement has begun
	}
	if err != nil || complete {
		return err
	}
	return s.ClearAttention(ctx, id) // it may have been announced in between
}

// settlementEntry tells what a settlement reached: counts, and no names.
func settlementEntry(r release.Release, by release.Stamp) release.LogEntry {
	counts := release.SettlementCounts{Epoch: r.Settling.Epoch, Changes: len(r.ChangeIDs), Tasks: r.Settling.SettledTasks, Missing: r.Settling.MissingTasks}
	text := fmt.Sprintf("Settled: %s and %s have followed", counted(counts.Changes, "change request"), counted(counts.Tasks, "task"))
	if counts.Missing > 0 {
		text += fmt.Sprintf("; linked tasks that no longer exist: %d", counts.Missing)
	}
	e := release.EntryBy(release.LogSettlement, text, by)
	e.Settlement = &counts
	return e
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// MarkAnnounced records that the event bus has accepted the transition of an epoch, so that
// the sweep need not repeat it.
func (s *Store) MarkAnnounced(ctx context.Context, id string, epoch int) error {
	// In the usual case nothing else is unfinished, and one write also takes the release out of
	// the sweep's index.
	restful := newExpression().
		op(opAnnounced).set("announced", number(epoch)).
		remove("attention").remove("attentionSince").
		compare("announced", "<", number(epoch)).equal("epoch", number(epoch)).
		absent("deleting")
	restful.conditions = append(restful.conditions, restful.name("settledEpoch")+" = "+restful.name("settleEpoch"),
		"(attribute_not_exists("+restful.name("wake")+") OR "+restful.name("woken")+" = "+restful.name("wake")+")")
	_, err := s.update(ctx, s.tables.Releases, releaseKey(id), restful)
	failed, ok := failedCondition(err)
	if !ok {
		return err
	}
	if failed.image == nil || num(failed.image, "announced") >= epoch {
		return nil
	}
	e := newExpression().op(opAnnounced).set("announced", number(epoch)).
		compare("announced", "<", number(epoch))
	after, err := s.update(ctx, s.tables.Releases, releaseKey(id), e)
	if _, ok := failedCondition(err); ok {
		return nil
	}
	if err != nil {
		return err
	}
	return s.clearAttention(ctx, after)
}

// clearAttention takes a release on which nothing is unfinished out of the sweep's index.
func (s *Store) clearAttention(ctx context.Context, i item) error {
	if !has(i, "attention") || has(i, "unsettled") || has(i, "linking") || has(i, "deleting") || unheard(i) ||
		num(i, "announced") != num(i, "epoch") || !isSettled(i) {
		return nil
	}
	e := newExpression().op(opRest).remove("attention").remove("attentionSince").
		equal("epoch", number(num(i, "epoch"))).absent("deleting")
	if has(i, "wake") {
		e.equal("wake", number(num(i, "wake")))
	} else {
		e.absent("wake")
	}
	_, err := s.update(ctx, s.tables.Releases, releaseKey(decodeRelease(i).ID), e)
	if _, ok := failedCondition(err); ok {
		return nil
	}
	return err
}

// ClearAttention reads a release and, if nothing on it is unfinished, takes it out of the
// sweep's index.
func (s *Store) ClearAttention(ctx context.Context, id string) error {
	i, err := s.get(ctx, s.tables.Releases, releaseKey(id))
	if err != nil || i == nil {
		return err
	}
	return s.clearAttention(ctx, i)
}
