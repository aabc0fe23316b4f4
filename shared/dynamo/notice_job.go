package dynamo

import (
	"context"
	"strings"
	"time"

	"example.com/releases/shared/mail"
)

const jobPrefix = "JOB#"

func jobKey(k mail.JobKey) item { return key(jobPrefix+k.ReleaseID, k.Name) }

// OpenJob has a job planned: its record wakes plan-notices.
func (s *Store) OpenJob(ctx context.Context, k mail.JobKey, now time.Time) error {
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), openJob(k, opPlan, now))
	return err
}

// OpenJobOnce is OpenJob, unless the job is open and not overdue: a look that finds the
// same thing to do every minute does not ask for it every minute.
func (s *Store) OpenJobOnce(ctx context.Context, k mail.JobKey, now time.Time) error {
	e := openJob(k, opPlan, now)
	e.conditions = append(e.conditions, "("+e.name(opAttribute)+" <> "+e.value(opPlan.value())+" OR "+e.name("dueAt")+" < "+e.value(millisValue(now))+")")
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, open := failedCondition(err); open {
		return nil
	}
	return err
}

// OpenSettlement has a settlement's job planned that waits for it, or that is not there
// yet. One that was planned stays so.
func (s *Store) OpenSettlement(ctx context.Context, k mail.JobKey, now time.Time) error {
	e := openJob(k, opPlan, now)
	e.conditions = append(e.conditions, "(attribute_not_exists("+e.name("pk")+") OR "+e.name(opAttribute)+" = "+e.value(opWait.value())+")")
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, opened := failedCondition(err); opened {
		return nil
	}
	return err
}

// AwaitSettlement puts down a settlement's job until the settlement is complete, once:
// a job that was opened or planned since stays as it is.
func (s *Store) AwaitSettlement(ctx context.Context, k mail.JobKey, now time.Time) error {
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), openJob(k, opWait, now).absent("pk"))
	if _, there := failedCondition(err); there {
		return nil
	}
	return err
}

func openJob(k mail.JobKey, op Op, now time.Time) *expression {
	return newExpression().op(op).add("round", number(1)).
		set("dueKey", dueShard(dueJob, jobPrefix+k.ReleaseID)).set("dueAt", millisValue(now.Add(mail.ReplanAfter))).
		set("updatedAt", millisValue(now)).set("expiresAt", unix(now.Add(mail.Kept)))
}

// Job reads a job, strongly consistent; false where there is none.
func (s *Store) Job(ctx context.Context, k mail.JobKey) (mail.Job, bool, error) {
	i, err := s.get(ctx, s.tables.Mail, jobKey(k))
	if err != nil || i == nil {
		return mail.Job{JobKey: k}, false, err
	}
	return decodeJob(k, i), true, nil
}

func decodeJob(k mail.JobKey, i item) mail.Job {
	op := opOf(i)
	return mail.Job{JobKey: k, Open: op == opPlan, Wait: op == opWait, Round: num(i, "round"), DueAt: timeOf(i, "dueAt")}
}

// CloseJob records that a job, as it was read, is done. Where it was opened again
// meanwhile, it stays open.
func (s *Store) CloseJob(ctx context.Context, j mail.Job, now time.Time) error {
	e := newExpression().op(opPlanned).remove("dueKey").remove("dueAt").set("updatedAt", millisValue(now)).
		equal("round", number(j.Round))
	_, err := s.update(ctx, s.tables.Mail, jobKey(j.JobKey), e)
	if _, opened := failedCondition(err); opened {
		return nil
	}
	return err
}

// MoveJobFromMails puts a job of an earlier version, which stood among the mails that are
// due, where jobs are looked for.
func (s *Store) MoveJobFromMails(ctx context.Context, k mail.JobKey) error {
	pk := jobPrefix + k.ReleaseID
	e := newExpression().set("dueKey", dueShard(dueJob, pk)).equal("dueKey", dueShard(dueMail, pk))
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, moved := failedCondition(err); moved {
		return nil
	}
	return err
}

// JobOfKeys reads a job's key from the keys of a stream record; false for other items.
func JobOfKeys(pk, sk string) (mail.JobKey, bool) {
	id, ok := strings.CutPrefix(pk, jobPrefix)
	return mail.JobKey{ReleaseID: id, Name: sk}, ok && id != ""
}

// MailOfKey reads an outbox item's id from the key of a stream record; false for others.
func MailOfKey(pk string) (string, bool) {
	id, ok := strings.CutPrefix(pk, mailPrefix)
	return id, ok && id != ""
}

// MissJob puts down, once, that a window began before anybody was told of it.
func (s *Store) MissJob(ctx context.Context, k mail.JobKey, now time.Time) error {
	e := newExpression().op(opMissed).set("updatedAt", millisValue(now)).set("expiresAt", unix(now.Add(mail.Kept))).absent("pk")
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, there := failedCondition(err); there {
		return nil
	}
	return err
}
