package settle_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
)

// When a change request is through, the counter of its release's log is written (`REL#id`/`L`).
// For a large release that is a hot key: DynamoDB takes about five hundred such writes a second
// under it, notes included. Settlement goes on at that pace, and what was throttled comes again.
func TestSettlement_HotRelease_GoesOnAtItsPace(t *testing.T) {
	w := newFixture(t)
	const changes = 30
	var ids []string
	for n := range changes {
		id := w.change(fmt.Sprintf("CHG-%d", n), release.Normal).ID
		w.task(fmt.Sprintf("T-%d", n), id, release.TaskOpen)
		ids = append(ids, id)
	}
	id := w.release(ids...)
	w.transitionTo(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	w.Layer.Take()
	w.Layer.Adjust(strict.Options{WriteUnits: 5}) // so that thirty in a row are too many, on a slow machine too
	s := settle.New(w.Store)
	deliverUntilAcknowledged(t, s.Changes, matching(w.releases.Read(), settlingOps...))
	deliverUntilAcknowledged(t, s.Tasks, matching(w.changes.Read(), followingOps...))
	met := w.Layer.Take()
	w.Layer.Adjust(strict.Options{})
	if p := w.progress(id); p.State != "settled" || p.Changes.Settled != changes || p.Tasks.Settled != changes {
		t.Errorf("progress %+v; want settled, %d changes, %d tasks", p, changes, changes)
	}
	for n := range changes {
		if task := w.readTask(fmt.Sprintf("T-%d", n)); task.Status != release.TaskResolved || len(task.Comments) != 1 {
			t.Errorf("task %d is %s with %q; want Resolved with one comment", n, task.Status, comments(task))
		}
	}
	if met.Throttled == 0 {
		t.Error("nothing was throttled, so the test shows nothing")
	}
}

// deliverUntilAcknowledged delivers records as Lambda does, until all are acknowledged.
func deliverUntilAcknowledged(t *testing.T, handler streams.Handler, records []events.DynamoDBEventRecord) {
	t.Helper()
	if len(records) == 0 {
		t.Fatal("there are no records")
	}
	for end := time.Now().Add(time.Minute); len(records) > 0; {
		batch := records[:min(10, len(records))]
		answer, err := handler(context.Background(), events.DynamoDBEvent{Records: batch})
		if err != nil {
			t.Fatal(err)
		}
		through := len(batch)
		for _, f := range answer.BatchItemFailures {
			for at, r := range batch {
				if r.Change.SequenceNumber == f.ItemIdentifier {
					through = min(through, at)
				}
			}
		}
		records = records[through:]
		if through < len(batch) {
			time.Sleep(20 * time.Millisecond)
		}
		if time.Now().After(end) {
			t.Fatalf("%d records are not acknowledged after a minute", len(records))
		}
	}
}
