package dynamo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// olderCounter makes the counter of a release's log one from before epochs were kept there.
func (l *harness) olderCounter(id string) {
	l.t.Helper()
	_, err := l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Tables.Releases, UpdateExpression: aws.String("REMOVE epoch, entered, since0, since1"),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "REL#" + id}, "sk": &types.AttributeValueMemberS{Value: "L"}},
	})
	l.no(err)
}

// If the counter is of an earlier version, the first note reads the release's epoch, and is logged
// after everything that was there. With a transition at that moment, see the next test.
func TestAppendLog_OlderCounter_LearnsTheEpoch(t *testing.T) {
	l := newHarness(t)
	for _, status := range []release.Status{"", release.Approved} {
		id := l.release()
		l.transition(id, release.Approved)
		l.olderCounter(id)
		entry, err := l.AppendLog(l.ctx, id, "first", status, l.write())
		if l.no(err); !strings.HasPrefix(entry.ID, "e1.") {
			t.Errorf("the note is %s, want it in epoch 1", entry.ID)
		}
		second, err := l.AppendLog(l.ctx, id, "second", status, l.write())
		l.no(err)
		log, err := l.Log(l.ctx, id)
		if l.no(err); len(log) != 4 || log[3].ID != second.ID || log[2].ID != entry.ID {
			t.Errorf("the log is %+v, want four entries, the two notes last", log)
		}
	}
}

func TestAppendLog_OlderCounterAndTransitionInBetween_StandsBehindIt(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.transition(id, release.Approved)
	l.olderCounter(id)
	entry, err := l.heldUp("TransactWriteItems", func() { l.transition(id, release.Scheduled) }).AppendLog(l.ctx, id, "late", "", l.write())
	if l.no(err); !strings.HasPrefix(entry.ID, "e2.") {
		t.Errorf("the note is %s, want it in epoch 2", entry.ID)
	}
	next, err := l.AppendLog(l.ctx, id, "next", release.Scheduled, l.write())
	if l.no(err); !strings.HasPrefix(next.ID, "e2.") {
		t.Errorf("the next note is %s, want it in epoch 2", next.ID)
	}
}

func TestAppendLog_OlderCounterAndDeletionInBetween_NotFound(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	l.olderCounter(id)
	_, err := l.heldUp("TransactWriteItems", func() { l.beginDeleting(id) }).AppendLog(l.ctx, id, "late", "", l.write())
	if !release.IsKind(err, release.KindNotFound) {
		t.Errorf("a note on a release that is being deleted is answered %v, want not found", err)
	}
	if counter := l.raw(l.Tables.Releases, "REL#"+id, "L"); counter != nil {
		t.Errorf("the counter is there again: %v", counter)
	}
}

// A release is postponed only if it is as the sweep found it: not if it was repaired since, and not if
// it needs attention for something new.
func TestPostpone_RepairedOrMovedSince_StaysAsItIs(t *testing.T) {
	l := newHarness(t)
	unfinished := func(id string) dynamo.Unfinished {
		t.Helper()
		var found dynamo.Unfinished
		l.no(l.NeedingAttention(l.ctx, time.Now().Add(time.Hour), 10, func(page []dynamo.Unfinished) bool {
			for _, u := range page {
				if u.ID == id {
					found = u
				}
			}
			return true
		}))
		if found.ID == "" {
			t.Fatalf("%s needs no attention", id)
		}
		return found
	}
	later := time.Now().Add(2 * time.Hour)

	id := l.release()
	l.transition(id, release.Approved)
	l.no(l.Postpone(l.ctx, unfinished(id), later))
	if got := l.stored(id, "attentionSince"); got != release.FormatTime(later) {
		t.Errorf("postponed, it waits since %s, want %s", got, release.FormatTime(later))
	}

	repaired := l.release()
	l.transition(repaired, release.Approved)
	u := unfinished(repaired)
	l.announced(repaired, 1)
	l.no(l.Postpone(l.ctx, u, later))
	if got := l.stored(repaired, "attentionSince"); got != "" {
		t.Errorf("repaired, it waits since %s", got)
	}

	moved := l.release()
	l.transition(moved, release.Approved)
	u = unfinished(moved)
	w := l.write()
	w.At = w.At.Add(time.Hour)
	_, err := l.Transition(l.ctx, moved, moveTo(release.Scheduled), w)
	l.no(err)
	l.no(l.Postpone(l.ctx, u, later))
	if got := l.stored(moved, "attentionSince"); got != release.FormatTime(w.At) {
		t.Errorf("moved since, it waits since %s, want %s", got, release.FormatTime(w.At))
	}
}
