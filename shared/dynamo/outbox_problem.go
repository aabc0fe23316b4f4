package dynamo

import (
	"context"
	"time"

	"example.com/releases/shared/mail"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const problemPrefix = "PROBLEMS#"

// MailFailed records that SES refused a mail for good, under the lease of whoever tried.
// Like the two functions below, it counts the mail among its release's delivery problems
// in the same transaction, once, and returns how many there are.
func (s *Store) MailFailed(ctx context.Context, m mail.Mail, reason string, now time.Time) (int, error) {
	return s.problem(ctx, m, ended(mail.Refuse, reason).equal("lease", text(m.Lease)), now)
}

// MailSuppressed records that a pending mail is not sent because its address is suppressed.
func (s *Store) MailSuppressed(ctx context.Context, m mail.Mail, reason string, now time.Time) (int, error) {
	return s.problem(ctx, m, ended(mail.Suppress, reason), now)
}

// MailCameBack records what SES reported about a mail after it had accepted it: a bounce,
// a complaint, or that it was not delivered after all (then state is failed). The first
// report counts.
func (s *Store) MailCameBack(ctx context.Context, m mail.Mail, state mail.State, feedback, messageID string, now time.Time) (int, error) {
	e := newExpression().set("state", text(string(state))).end(state, "").set("feedback", text(truncateText(feedback))).set("messageId", text(messageID)).
		exists("pk").absent("feedback")
	return s.problem(ctx, m, e, now)
}

// problem ends a mail and counts it. Where the mail has ended already, it only reads the
// count, so that a retry after a crash can still log the problem.
func (s *Store) problem(ctx context.Context, m mail.Mail, e *expression, now time.Time) (int, error) {
	counter := key(problemPrefix+m.ReleaseID, mainSort)
	err := s.transact(ctx, []types.TransactWriteItem{
		updateAction(s.tables.Mail, mailKey(m.ID), e.set("updatedAt", millisValue(now))),
		updateAction(s.tables.Mail, counter, newExpression().add("n", number(1)).set("expiresAt", unix(now.Add(mail.Kept)))),
	})
	if _, ended := failedCondition(err); err != nil && !ended {
		return 0, err
	}
	i, err := s.get(ctx, s.tables.Mail, counter)
	return num(i, "n"), err
}
