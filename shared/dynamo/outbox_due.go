package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/releases/shared/mail"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Due is what the periodic look finds overdue in the Mail table.
type Due struct {
	Mails []string // ids of outbox items
	Jobs  []mail.JobKey
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
				due.Jobs = append(due.Jobs, mail.JobKey{ReleaseID: id, Name: str(k, "sk")})
			}
		}
	}
	return due, nil
}

// UnknownMails lists mails of which we do not know whether SES took them, since before
// a moment.
func (s *Store) UnknownMails(ctx context.Context, before time.Time, most int) ([]string, error) {
	keys, err := s.dueKeys(ctx, string(mail.Unknown), before, most)
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
