package plan

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/stream"
)

// Stream is the handler of the Mail table's stream: it plans each job that was opened, from
// the tables. One at a time, since the people of a job are in memory while it is planned.
func (p *Planner) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return stream.Loop[mail.JobKey]{
		Consumer: dynamo.PlanNotices(),
		Read:     dynamo.StreamRecord.Job,
		Do: func(ctx context.Context, k mail.JobKey, _ dynamo.StreamRecord) error {
			job, found, err := p.store.Job(ctx, k)
			if err != nil || !found || !job.Open {
				return err
			}
			return p.do(ctx, job)
		},
	}.Handle(ctx, batch)
}

// do plans a job and closes it, with the time at which it is due again.
func (p *Planner) do(ctx context.Context, job mail.Job) error {
	var planned int
	var next time.Time
	var err error
	done := true
	if epoch, settlement := job.Epoch(); settlement {
		planned, done, err = p.Settlement(ctx, job.ReleaseID, epoch)
	} else {
		planned, next, err = p.Window(ctx, job.ReleaseID)
	}
	if err != nil || !done {
		return err // one that is not complete yet is opened again when it is, or by the periodic look
	}
	slog.InfoContext(ctx, "plan: planned", "release", job.ReleaseID, "job", job.Name, "mails", planned)
	return p.store.CloseJob(ctx, job, next, p.now())
}
