package announce

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/stream"
)

// wakeUp is what a record asks for: to announce a release's transitions, and to have people
// told of what the write changed. A release enters a status once, so two records of one
// transition are one wake-up, and records of two are two: a release that was deleted
// meanwhile is announced from the record of its last.
type wakeUp struct {
	releaseID    string
	op           dynamo.Op
	windowMoved  bool
	settledEpoch int // of a settlement's end
}

// Stream is the handler of the Releases table's stream. What is to be announced is read
// from the release, so that a record that comes twice, late or out of order announces
// nothing twice and leaves nothing out. One at a time: the bus gets a release's statuses in
// order.
func (a *Announcer) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return stream.Loop[wakeUp]{
		Consumer: dynamo.Announce(),
		Read: func(r dynamo.StreamRecord) (wakeUp, error) {
			id, err := r.ReleaseID()
			w := wakeUp{releaseID: id, op: r.Op(), windowMoved: r.WindowMoved()}
			if w.op == dynamo.OpSettled {
				w.settledEpoch = r.SettledEpoch()
			}
			return w, err
		},
		Do: a.follow,
	}.Handle(ctx, batch)
}

func (a *Announcer) follow(ctx context.Context, w wakeUp, record dynamo.StreamRecord) error {
	r, found, err := a.store.SettlingRelease(ctx, w.releaseID)
	if err != nil {
		return err
	}
	if found {
		if err := a.announce(ctx, r.Release, r.History[min(r.Announced, r.Epoch()):]); err != nil {
			return err
		}
		return a.wake(ctx, r, w, record)
	}
	// Cancelled and deleted before its turn came: the record holds the history.
	r, err = record.Release()
	if err != nil {
		return errors.Join(errors.New("announce: the release is gone and the record does not hold it"), err)
	}
	missing := r.History[min(r.Announced, r.Epoch()):]
	return errors.Join(a.openJobs(ctx, r.Release, missing), a.publish(ctx, r.Release, missing))
}
