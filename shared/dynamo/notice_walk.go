package dynamo

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
)

// TimerWalk is the progress of a walk over all scheduled releases, which creates the jobs that
// an earlier version did not create when it scheduled them.
type TimerWalk struct {
	Since time.Time // when it first began; the zero time before that
	after item      // where it continues; nil at the beginning
}

var walkKey = key("TIMERS", mainSort)

// TimerWalk reads how far the walk has come.
func (s *Store) TimerWalk(ctx context.Context) (TimerWalk, error) {
	i, err := s.get(ctx, s.tables.Mail, walkKey)
	return TimerWalk{Since: timeOf(i, "since"), after: mapOf(i, "after")}, err
}

// WithoutTimer reads the next scheduled releases, at most most of them, and lists those
// without a job that waits or is open. It saves how far it has come, where that changed.
func (s *Store) WithoutTimer(ctx context.Context, w TimerWalk, most int, now time.Time) ([]string, error) {
	in := s.scheduledQuery()
	in.Limit, in.ExclusiveStartKey = aws.Int32(int32(most)), w.after
	out, err := s.db.Query(ctx, in)
	if err != nil {
		return nil, failure(err)
	}
	var keys []item
	for _, i := range out.Items {
		keys = append(keys, jobKey(mail.WindowJob(releaseIDOf(i))))
	}
	jobs, err := s.batchGet(ctx, s.tables.Mail, keys)
	if err != nil {
		return nil, err
	}
	armed := map[string]bool{}
	for _, j := range jobs {
		// An earlier version left its jobs planned and without a due time: those do not count.
		armed[str(j, "pk")] = has(j, "dueKey") || opOf(j) == opRest
	}
	var ids []string
	for _, i := range out.Items {
		if id := releaseIDOf(i); !armed[jobPrefix+id] {
			ids = append(ids, id)
		}
	}
	return ids, s.saveWalk(ctx, w, out.LastEvaluatedKey, now)
}

func (s *Store) saveWalk(ctx context.Context, w TimerWalk, after item, now time.Time) error {
	if !w.Since.IsZero() && len(after)+len(w.after) == 0 {
		return nil
	}
	e := newExpression()
	if w.Since.IsZero() {
		e.set("since", millisValue(now))
	}
	if len(after) > 0 {
		e.set("after", &types.AttributeValueMemberM{Value: after})
	} else {
		e.remove("after")
	}
	_, err := s.update(ctx, s.tables.Mail, walkKey, e)
	return err
}

func (s *Store) scheduledQuery() *dynamodb.QueryInput {
	e := newExpression()
	condition := e.name("windowKey") + " = " + e.value(text("scheduled"))
	return &dynamodb.QueryInput{
		TableName: &s.tables.Releases, IndexName: aws.String("byWindow"), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
}
