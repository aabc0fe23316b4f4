package plan

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
)

// Stream is the handler of the Mail table's stream: each job that was opened is
// planned. A record is only a wake-up; what is to be told is read from the tables. The
// first record that fails is reported by its sequence number; it and all later ones
// come again.
func (p *Planner) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	for _, record := range batch.Records {
		if err := p.follow(ctx, record); err != nil {
			slog.ErrorContext(ctx, "plan: a notice job failed; the stream brings it again", "sequenceNumber", record.Change.SequenceNumber, "error", err)
			return events.DynamoDBEventResponse{
				BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: record.Change.SequenceNumber}},
			}, nil
		}
	}
	return events.DynamoDBEventResponse{}, nil
}

func (p *Planner) follow(ctx context.Context, record events.DynamoDBEventRecord) error {
	k, ok := dynamo.JobOfKeys(str(record.Change.Keys, "pk"), str(record.Change.Keys, "sk"))
	if !ok {
		slog.WarnContext(ctx, "plan: a record is not of a notice job", "eventId", record.EventID)
		return nil
	}
	job, found, err := p.store.Job(ctx, k)
	if err != nil || !found || !job.Open {
		return err
	}
	return p.do(ctx, job)
}

// do plans a job and closes it.
func (p *Planner) do(ctx context.Context, job dynamo.Job) error {
	var planned int
	var err error
	done := true
	if epoch, settlement := job.Epoch(); settlement {
		planned, done, err = p.Settlement(ctx, job.ReleaseID, epoch)
	} else {
		planned, err = p.Window(ctx, job.ReleaseID)
	}
	if err != nil || !done {
		return err // one that is not complete yet is opened again when it is, or by the periodic look
	}
	slog.InfoContext(ctx, "plan: planned", "release", job.ReleaseID, "job", job.Name, "mails", planned)
	return p.store.CloseJob(ctx, job, p.now())
}

// str reads a string attribute; the accessors of package events panic on other types.
func str(image map[string]events.DynamoDBAttributeValue, name string) string {
	v, ok := image[name]
	if !ok || v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
