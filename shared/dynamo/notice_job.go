package dynamo

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"example.com/releases/shared/mail"
)

const jobPrefix = "JOB#"

func jobKey(k mail.JobKey) item { return key(jobPrefix+k.ReleaseID, k.Name) }

// OpenJob opens a job, which is planned from the beginning: its stream record invokes
// plan-notices.
func (s *Store) OpenJob(ctx context.Context, k mail.JobKey, now time.Time) error {
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), putJob(k, opPlan, now.Add(mail.ReplanAfter), now).remove("progress"))
	return err
}

// OpenJobOnce is OpenJob, unless the job is open and not overdue; a job that was begun
// continues where it stopped. It reports whether it opened the job.
func (s *Store) OpenJobOnce(ctx context.Context, k mail.JobKey, now time.Time) (bool, error) {
	e := putJob(k, opPlan, now.Add(mail.ReplanAfter), now)
	e.conditions = append(e.conditions, "(NOT "+e.name(opAttribute)+" IN ("+e.value(opPlan.value())+", "+e.value(opPlanning.value())+") OR "+e.name("dueAt")+" < "+e.value(millisValue(now))+")")
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, open := failedCondition(err); open {
		return false, nil
	}
	return err == nil, err
}

// OpenDueJob opens a job that is waiting and due, or one that is open and overdue (late),
// because whoever planned it died. The condition is on the table's item, since the index of
// due items lags.
func (s *Store) OpenDueJob(ctx context.Context, k mail.JobKey, now time.Time) (opened, late bool, err error) {
	e := putJob(k, opPlan, now.Add(mail.ReplanAfter), now).equal(opAttribute, opWait.value()).compare("dueAt", "<", millisValue(now))
	_, err = s.update(ctx, s.tables.Mail, jobKey(k), e)
	failed, ok := failedCondition(err)
	if !ok || failed.image == nil || !isOpen(opOf(failed.image)) {
		if ok {
			err = nil
		}
		return !ok && err == nil, false, err
	}
	late, err = s.OpenJobOnce(ctx, k, now)
	return late, late, err
}

// ArmJob makes a job wait until a time, unless it is already waiting or open.
func (s *Store) ArmJob(ctx context.Context, k mail.JobKey, at, now time.Time) error {
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), putJob(k, opWait, at, now).absent("dueKey"))
	if _, armed := failedCondition(err); armed {
		return nil
	}
	return err
}

// OpenSettlement opens a settlement's job that waits for the settlement to end, or that does
// not exist yet. One that has been planned stays as it is.
func (s *Store) OpenSettlement(ctx context.Context, k mail.JobKey, now time.Time) error {
	e := putJob(k, opPlan, now.Add(mail.ReplanAfter), now)
	e.conditions = append(e.conditions, "(attribute_not_exists("+e.name("pk")+") OR "+e.name(opAttribute)+" = "+e.value(opWait.value())+")")
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), e)
	if _, opened := failedCondition(err); opened {
		return nil
	}
	return err
}

// AwaitSettlement stores a settlement's job, which waits until the settlement is complete:
// nobody is told "done" while their task is still open. A job that already exists, opened or
// planned, stays as it is.
func (s *Store) AwaitSettlement(ctx context.Context, k mail.JobKey, now time.Time) error {
	_, err := s.update(ctx, s.tables.Mail, jobKey(k), putJob(k, opWait, now.Add(mail.ReplanAfter), now).absent("pk"))
	if _, there := failedCondition(err); there {
		return nil
	}
	return err
}

// putJob is the write of a job that is due at a time.
func putJob(k mail.JobKey, op Op, due, now time.Time) *expression {
	return newExpression().op(op).add("round", number(1)).
		set("dueKey", dueShard(dueJob, jobPrefix+k.ReleaseID)).set("dueAt", millisValue(due)).
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
	j := mail.Job{JobKey: k, Open: isOpen(op), Wait: op == opWait, Round: num(i, "round"), DueAt: timeOf(i, "dueAt")}
	_ = json.Unmarshal([]byte(verbatim(i, "progress")), &j.Progress) // we wrote it; if it cannot be read, planning starts over
	return j
}

func isOpen(op Op) bool { return op == opPlan || op == opPlanning }

// SaveProgress records how far the planning of a job has come, provided that the job is as it
// was read. With wake, its stream record invokes whoever continues. False means that somebody
// else has opened the job or is planning it, and that the caller must stop.
func (s *Store) SaveProgress(ctx context.Context, j mail.Job, wake bool, now time.Time) (mail.Job, bool, error) {
	op := opPlanning
	if wake {
		op = opPlan
	}
	raw, err := json.Marshal(j.Progress)
	if err != nil {
		return j, false, err
	}
	e := putJob(j.JobKey, op, now.Add(mail.ReplanAfter), now).set("progress", text(string(raw))).equal("round", number(j.Round))
	_, err = s.update(ctx, s.tables.Mail, jobKey(j.JobKey), e)
	j.Round++
	if failed, moved := failedCondition(err); moved {
		// Our own write, repeated by the SDK after a lost acknowledgement, has moved it too.
		return j, num(failed.image, "round") == j.Round && verbatim(failed.image, "progress") == string(raw), nil
	}
	return j, err == nil, err
}

// CloseJob records that a job is done, and when it is due next; the zero time for never. Where
// it was opened again since it was read, it stays open.
func (s *Store) CloseJob(ctx context.Context, j mail.Job, next, now time.Time) error {
	closed := opRest
	if _, settlement := j.Epoch(); settlement {
		closed = opPlanned
	}
	e := newExpression().op(closed).remove("dueKey").remove("dueAt").set("updatedAt", millisValue(now))
	if !next.IsZero() {
		e = putJob(j.JobKey, opWait, next, now)
	}
	_, err := s.update(ctx, s.tables.Mail, jobKey(j.JobKey), e.remove("progress").equal("round", number(j.Round)))
	if _, opened := failedCondition(err); opened {
		return nil
	}
	return err
}

// MoveJobFromMails moves a job of an earlier version, which is indexed among the due mails,
// to where due jobs are indexed.
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
