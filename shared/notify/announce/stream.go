package announce

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
)

// Stream is the handler of the Releases table's stream. A record is only a wake-up:
// what is to be announced is read from the release, so that a record that comes twice,
// late or out of order announces nothing twice and leaves nothing out.
//
// The first record that fails is reported by its sequence number; it and all later
// ones come again.
func (a *Announcer) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	for _, record := range batch.Records {
		if err := a.follow(ctx, record); err != nil {
			slog.ErrorContext(ctx, "announce: a status change could not be announced; the stream brings it again",
				"release", releaseID(record), "sequenceNumber", record.Change.SequenceNumber, "error", err)
			return events.DynamoDBEventResponse{
				BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: record.Change.SequenceNumber}},
			}, nil
		}
	}
	return events.DynamoDBEventResponse{}, nil
}

func (a *Announcer) follow(ctx context.Context, record events.DynamoDBEventRecord) error {
	id := releaseID(record)
	if id == "" {
		slog.WarnContext(ctx, "announce: a record is not of a release", "eventId", record.EventID)
		return nil
	}
	r, found, err := a.store.SettlingRelease(ctx, id)
	if err != nil {
		return err
	}
	if found {
		if err := a.announce(ctx, r.Release, r.History[min(r.Announced, r.Epoch()):]); err != nil {
			return err
		}
		return a.wake(ctx, r, record.Change)
	}
	// Cancelled and deleted before its turn came: the record holds the history.
	r, err = dynamo.ReleaseInRecord(image(record.Change.NewImage))
	if err != nil {
		return errors.Join(errors.New("announce: the release is gone and the record does not hold it"), err)
	}
	missing := r.History[min(r.Announced, r.Epoch()):]
	return errors.Join(a.openJobs(ctx, r.Release, missing), a.publish(ctx, r.Release, missing))
}

// releaseID reads the id from the record's key; empty where it is another item's.
func releaseID(record events.DynamoDBEventRecord) string {
	id, ok := strings.CutPrefix(str(record.Change.Keys, "pk"), "REL#")
	if !ok || str(record.Change.Keys, "sk") != "M" {
		return ""
	}
	return id
}
