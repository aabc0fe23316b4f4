package plan

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/stream"
)

// Stream is the handler of the Mail table's stream: it plans each job that was opened, from
// the tables. One at a time, because a job's people are kept in memory while it is planned.
func (p *Planner) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	return stream.Loop[mail.JobKey]{
		Consumer: dynamo.PlanNotices(),
		Read:     dynamo.StreamRecord.Job,
		Do: func(ctx context.Context, k mail.JobKey, _ dynamo.StreamRecord) error {
			_, err := p.Plan(ctx, k)
			return err
		},
	}.Handle(ctx, batch)
}
