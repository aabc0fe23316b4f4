package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/mail"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// DueMails lists the ids of mails that are overdue at a time, the oldest first, up to
// about most of each index partition. It reads an index and so finds candidates only; the
// table decides what is done with them. Jobs of earlier versions, which are indexed among
// the mails, are returned separately: see MoveJobFromMails.
func (s *Store) DueMails(ctx context.Context, now time.Time, most int) (ids []string, jobs []mail.JobKey, err error) {
	for n := range dueShards {
		keys, err := s.dueKeys(ctx, fmt.Sprintf("%s#%d", dueMail, n), now, most)
		if err != nil {
			return nil, nil, err
		}
		for _, k := range keys {
			if id, ok := MailOfKey(str(k, "pk")); ok {
				ids = append(ids, id)
			} else if job, ok := JobOfKeys(str(k, "pk"), str(k, "sk")); ok {
				jobs = append(jobs, job)
			}
		}
	}
	return ids, jobs, nil
}

// ReadyMails lists the ids of mails that may be sent at a time, in the order in which
// they should be, about most of them, and tells whether there may be more. It reads an
// index, which lags: whether one is still to be sent is judged by the table.
func (s *Store) ReadyMails(ctx context.Context, now time.Time, most int) (ids []string, more bool, err error) {
	var all []item
	for n := range dueShards {
		keys, err := s.dueKeys(ctx, fmt.Sprintf("%s#%d", dueMail, n), now.Add(time.Millisecond), most)
		if err != nil {
			return nil, false, err
		}
		more = more || len(keys) >= most
		all = append(all, keys...)
	}
	// All that come before the last of a partition that has more are there.
	slices.SortStableFunc(all, func(a, b item) int { return strings.Compare(str(a, "dueAt"), str(b, "dueAt")) })
	more = more || len(all) > most
	for _, k := range all[:min(most, len(all))] {
		if id, ok := MailOfKey(str(k, "pk")); ok {
			ids = append(ids, id)
		}
	}
	return ids, more, nil
}

// DueJobs lists every job that is due at a time, as DueMails does.
func (s *Store) DueJobs(ctx context.Context, now time.Time) ([]mail.JobKey, error) {
	var jobs []mail.JobKey
	for n := range dueShards {
		err := s.items(ctx, s.dueQuery(fmt.Sprintf("%s#%d", dueJob, n), now), pageSize, func(k item) {
			if job, ok := JobOfKeys(str(k, "pk"), str(k, "sk")); ok {
				jobs = append(jobs, job)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// UnknownMails lists mails of which we have not known since a time before before whether
// SES accepted them.
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
	in := s.dueQuery(partition, before)
	in.Limit = aws.Int32(int32(most))
	out, err := s.db.Query(ctx, in)
	if err != nil {
		return nil, failure(err)
	}
	return out.Items, nil
}

func (s *Store) dueQuery(partition string, before time.Time) *dynamodb.QueryInput {
	e := newExpression()
	condition := e.name("dueKey") + " = " + e.value(text(partition)) + " AND " + e.name("dueAt") + " < " + e.value(millisValue(before))
	return &dynamodb.QueryInput{
		TableName: &s.tables.Mail, IndexName: aws.String("byDue"), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
}
