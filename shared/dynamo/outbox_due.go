package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Due is what the periodic look finds overdue in the Mail table.
type Due struct {
	Mails []string // ids of outbox items
	Jobs  []JobKey
}

// DueMail lists what is overdue at a moment, the oldest first, up to about most of
// each index partition. It reads an index and is for finding candidates; what is done
// with them is judged by the table.
func (s *Store) DueMail(ctx context.Context, now time.Time, most int) (Due, error) {
	var due Due
	for n := range dueShards {
		keys, err := s.dueKeys(ctx, fmt.Sprintf("due#%d", n), now, most)
		if err != nil {
			return due, err
		}
		for _, k := range keys {
			if id, ok := strings.CutPrefix(str(k, "pk"), mailPrefix); ok {
				due.Mails = append(due.Mails, id)
			} else if id, ok := strings.CutPrefix(str(k, "pk"), jobPrefix); ok {
				due.Jobs = append(due.Jobs, JobKey{ReleaseID: id, Name: str(k, "sk")})
			}
		}
	}
	return due, nil
}

// UnknownMails lists mails of which we do not know whether SES took them, since before
// a moment.
func (s *Store) UnknownMails(ctx context.Context, before time.Time, most int) ([]string, error) {
	keys, err := s.dueKeys(ctx, string(MailUnknown), before, most)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(keys))
	for n, k := range keys {
		ids[n] = strings.TrimPrefix(str(k, "pk"), mailPrefix)
	}
	return ids, nil
}

func (s *Store) dueKeys(ctx context.Context, partition string, before time.Time, most int) ([]item, error) {
	e := newExpression()
	condition := e.name("dueKey") + " = " + e.value(text(partition)) + " AND " + e.name("dueAt") + " < " + e.value(millisValue(before))
	out, err := s.db.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.tables.Mail, IndexName: aws.String("byDue"), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values, Limit: aws.Int32(int32(most)),
	})
	if err != nil {
		return nil, failure(err)
	}
	return out.Items, nil
}

// ScheduledReleases lists the ids of all releases that are scheduled, those that start
// first at the front. It reads an index.
func (s *Store) ScheduledReleases(ctx context.Context) ([]string, error) {
	e := newExpression()
	condition := e.name("windowKey") + " = " + e.value(text("scheduled"))
	var ids []string
	err := s.queryAll(ctx, &dynamodb.QueryInput{
		TableName: &s.tables.Releases, IndexName: aws.String("byWindow"), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}, func(i item) { ids = append(ids, strings.TrimPrefix(str(i, "pk"), releasePrefix)) })
	return ids, err
}

// TaskIDsOfCI lists every task on a configuration item, from the table.
func (s *Store) TaskIDsOfCI(ctx context.Context, ci string) ([]string, error) {
	var all []string
	err := s.queryAll(ctx, rangeOf(s.tables.Tasks, ciPrefix+ci, "begins", rowPrefix), func(row item) {
		all = append(all, taskOf(row))
	})
	return all, err
}
