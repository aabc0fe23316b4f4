package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
)

var mailNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

const lease = "lease-1"

// mailIn puts a mail into the outbox and brings it into a state, in the way in which mails get there.
func (l *harness) mailIn(state mail.State) mail.Mail {
	l.t.Helper()
	m := mail.Mail{Kind: "headsup", ReleaseID: "REL-1", Number: int(l.stamps.Add(1)), Recipient: "ben@example.com", Snapshot: "{}"}
	_, err := l.PutMail(l.ctx, m, mailNow)
	l.no(err)
	m.ID = mail.ID(m.Kind, m.ReleaseID, m.Number, m.Recipient)
	if state != mail.Pending && state != mail.Suppressed && state != mail.Superseded {
		_, won, err := l.ClaimMail(l.ctx, m.ID, lease, mailNow, mailNow.Add(time.Minute))
		if l.no(err); !won {
			l.t.Fatal("the claim was not won")
		}
	}
	sending := l.mail(m.ID)
	switch state {
	case mail.Sent:
		l.no(l.MailSent(l.ctx, sending, "", mailNow))
	case mail.Unknown:
		_, err = l.MailLost(l.ctx, sending, "", mailNow)
	case mail.Failed:
		_, err = l.MailFailed(l.ctx, sending, "refused", mailNow)
	case mail.Suppressed:
		_, err = l.MailSuppressed(l.ctx, sending, "bounced", mailNow)
	case mail.Superseded:
		_, err = l.SupersedeMail(l.ctx, m.ID, "overtaken", mailNow)
	}
	l.no(err)
	if m = l.mail(m.ID); m.State != state {
		l.t.Fatalf("it is %s, want %s", m.State, state)
	}
	return m
}

func (l *harness) mail(id string) mail.Mail {
	l.t.Helper()
	m, ok, err := l.Mail(l.ctx, id)
	if l.no(err); !ok {
		l.t.Fatalf("there is no mail %s", id)
	}
	return m
}

// A mail can make each move from the states that are typed here, and from no others.
func TestMail_MovesOnlyFromStatesItMayLeave(t *testing.T) {
	l := newHarness(t)
	const (
		pending, sending, sent = mail.Pending, mail.Sending, mail.Sent
		failed, suppressed     = mail.Failed, mail.Suppressed
		superseded, unknown    = mail.Superseded, mail.Unknown
	)
	later := mailNow.Add(time.Hour)
	underLease := func(m mail.Mail) mail.Mail {
		m.Lease = lease
		return m
	}
	for name, write := range map[string]struct {
		from []mail.State
		do   func(m mail.Mail) error
	}{
		"claim": {[]mail.State{pending}, func(m mail.Mail) error {
			_, _, err := l.ClaimMail(l.ctx, m.ID, "lease-2", later, later)
			return err
		}},
		"accept": {[]mail.State{sending, unknown}, func(m mail.Mail) error {
			return l.MailSent(l.ctx, underLease(m), "id-2", later)
		}},
		"lose": {[]mail.State{sending}, func(m mail.Mail) error {
			_, err := l.MailLost(l.ctx, underLease(m), "no answer", later)
			return err
		}},
		"delay": {[]mail.State{sending}, func(m mail.Mail) error {
			return l.DelayMail(l.ctx, underLease(m), "throttled", later, later)
		}},
		"fail": {[]mail.State{sending}, func(m mail.Mail) error {
			_, err := l.MailFailed(l.ctx, underLease(m), "refused", later)
			return err
		}},
		"suppress": {[]mail.State{pending}, func(m mail.Mail) error {
			_, err := l.MailSuppressed(l.ctx, m, "bounced", later)
			return err
		}},
		"supersede": {[]mail.State{pending}, func(m mail.Mail) error {
			_, err := l.SupersedeMail(l.ctx, m.ID, "overtaken", later)
			return err
		}},
		"resend": {[]mail.State{unknown}, func(m mail.Mail) error {
			_, err := l.ResendMail(l.ctx, m.ID, later)
			return err
		}},
		"was sent": {[]mail.State{pending, sending, unknown}, func(m mail.Mail) error {
			_, _, err := l.MailWasSent(l.ctx, m.ID, "id-2", later)
			return err
		}},
	} {
		for _, state := range []mail.State{pending, sending, sent, failed, suppressed, superseded, unknown} {
			m := l.mailIn(state)
			l.no(write.do(m))
			if moved := l.mail(m.ID) != m; moved != slices.Contains(write.from, state) {
				t.Errorf("%s of a mail that is %s: it moved: %v, want %v", name, state, moved, !moved)
			}
		}
	}
}

// Only the sender that has the lease can tell how an attempt ended.
func TestMail_AnothersLease_Stands(t *testing.T) {
	l := newHarness(t)
	for name, do := range map[string]func(m mail.Mail) error{
		"lose": func(m mail.Mail) error {
			_, err := l.MailLost(l.ctx, m, "no answer", mailNow)
			return err
		},
		"delay": func(m mail.Mail) error { return l.DelayMail(l.ctx, m, "throttled", mailNow, mailNow) },
		"fail": func(m mail.Mail) error {
			_, err := l.MailFailed(l.ctx, m, "refused", mailNow)
			return err
		},
	} {
		m := l.mailIn(mail.Sending)
		m.Lease = "an older one"
		l.no(do(m))
		if now := l.mail(m.ID); now.State != mail.Sending || now.Lease != lease {
			t.Errorf("%s under another lease: the mail is %s under %q, want sending under %q", name, now.State, now.Lease, lease)
		}
	}
}

func TestPutMail_Twice_FirstStands(t *testing.T) {
	l := newHarness(t)
	m := l.mailIn(mail.Sent)
	m.Snapshot = "another"
	if put, err := l.PutMail(l.ctx, m, mailNow); put || err != nil {
		t.Errorf("it was put again: %v, %v; want false", put, err)
	}
	if now := l.mail(m.ID); now.State != mail.Sent || now.Snapshot != "{}" {
		t.Errorf("the mail is %+v, want it as it was put first, and sent", now)
	}
}

func TestSuppress_Twice_FirstReasonStands(t *testing.T) {
	l := newHarness(t)
	l.no(l.Suppress(l.ctx, "ben@example.com", "bounced", mailNow))
	l.no(l.Suppress(l.ctx, "ben@example.com", "complained", mailNow))
	if reason, err := l.Suppressed(l.ctx, "ben@example.com"); reason != "bounced" || err != nil {
		t.Errorf("the reason is %q, want bounced: %v", reason, err)
	}
}

func TestMailCameBack_Twice_FirstWordStandsAndCountsOnce(t *testing.T) {
	l := newHarness(t)
	m := l.mailIn(mail.Sent)
	for _, feedback := range []string{"bounce", "complaint"} {
		n, err := l.MailCameBack(l.ctx, m, mail.Failed, feedback, "id", mailNow)
		if n != 1 || err != nil {
			t.Errorf("after the %s the release counts %d problems, want 1: %v", feedback, n, err)
		}
	}
	if now := l.mail(m.ID); now.Feedback != "bounce" {
		t.Errorf("the mail's feedback is %q, want bounce", now.Feedback)
	}
}

func TestMailCameBack_MailIsGone_MakesNone(t *testing.T) {
	l := newHarness(t)
	if n, err := l.MailCameBack(l.ctx, mail.Mail{ID: "gone", ReleaseID: "REL-1"}, mail.Failed, "bounce", "id", mailNow); n != 0 || err != nil {
		t.Errorf("%d problems, want none: %v", n, err)
	}
	if m, ok, err := l.Mail(l.ctx, "gone"); ok || err != nil {
		t.Errorf("feedback on a mail that is gone has made %+v, %v", m, err)
	}
}

// What is stored about a person changes in one write with the mail that tells the person, or not at
// all.
func TestSaveRecipientState_SomethingMoved_ChangesNothing(t *testing.T) {
	l := newHarness(t)
	newState := func() mail.RecipientState {
		return mail.RecipientState{ReleaseID: fmt.Sprintf("REL-%d", l.stamps.Add(1)), Recipient: "ben@example.com", Address: "ben@example.com", Name: "Ben"}
	}
	saved := func(row mail.RecipientState) mail.RecipientState {
		t.Helper()
		if ok, err := l.SaveRecipientState(l.ctx, row, "", nil, mailNow); !ok || err != nil {
			t.Fatalf("saved %v, %v", ok, err)
		}
		row.Revision++
		return row
	}
	for name, try := range map[string]func() (mail.RecipientState, bool, error){
		"another made the row": func() (mail.RecipientState, bool, error) {
			row := newState()
			now := saved(row)
			row.Name = "x"
			ok, err := l.SaveRecipientState(l.ctx, row, "", nil, mailNow)
			return now, ok, err
		},
		"another changed the row": func() (mail.RecipientState, bool, error) {
			row := saved(newState())
			now := saved(row)
			row.Name = "x"
			ok, err := l.SaveRecipientState(l.ctx, row, "", nil, mailNow)
			return now, ok, err
		},
		"the older mail is being sent": func() (mail.RecipientState, bool, error) {
			row := saved(newState())
			older := l.mailIn(mail.Sending)
			changed := row
			changed.Name = "x"
			ok, err := l.SaveRecipientState(l.ctx, changed, older.ID, nil, mailNow)
			if now := l.mail(older.ID); now != older {
				t.Errorf("the older mail is %s", now.State)
			}
			return row, ok, err
		},
		"the mail was sent before": func() (mail.RecipientState, bool, error) {
			row := saved(newState())
			sent := l.mailIn(mail.Sent)
			changed := row
			changed.Name = "x"
			ok, err := l.SaveRecipientState(l.ctx, changed, "", &sent, mailNow)
			if now := l.mail(sent.ID); now != sent {
				t.Errorf("the mail is %s again", now.State)
			}
			return row, ok, err
		},
	} {
		want, ok, err := try()
		if ok || err != nil {
			t.Errorf("%s: it was saved: %v, %v; want false", name, ok, err)
		}
		var now []mail.RecipientState
		err = l.RecipientStates(l.ctx, want.ReleaseID, "", 1, func(rows []mail.RecipientState) bool { now = append(now, rows...); return true })
		if err != nil || len(now) != 1 || now[0].Name != "Ben" || now[0].Revision != want.Revision {
			t.Errorf("%s: the row is %+v, want revision %d: %v", name, now, want.Revision, err)
		}
	}
}

// Jobs are opened, armed and closed by functions that do not know of each other; none undoes what
// another has done since.
func TestJobs_OpenedAndClosedByOthers_StayAsTheyAre(t *testing.T) {
	l := newHarness(t)
	at := func(minutes int) time.Time { return mailNow.Add(time.Duration(minutes) * time.Minute) }
	job := func(k mail.JobKey) mail.Job {
		t.Helper()
		j, _, err := l.Job(l.ctx, k)
		l.no(err)
		return j
	}
	want := func(what string, k mail.JobKey, open, wait bool, round int) {
		t.Helper()
		if j := job(k); j.Open != open || j.Wait != wait || j.Round != round {
			t.Errorf("%s: %+v; want open %v, waiting %v, round %d", what, j, open, wait, round)
		}
	}
	window := mail.WindowJob("REL-1")
	l.no(l.OpenJob(l.ctx, window, at(0)))
	openOnce := func(minute int, want bool) {
		t.Helper()
		if opened, err := l.OpenJobOnce(l.ctx, window, at(minute)); opened != want || err != nil {
			t.Errorf("minute %d: opened %v, want %v: %v", minute, opened, want, err)
		}
	}
	openOnce(1, false)
	want("open, and not overdue", window, true, false, 1)
	openOnce(10, true)
	want("overdue", window, true, false, 2)
	read := job(window)
	l.no(l.OpenJob(l.ctx, window, at(11)))
	l.no(l.CloseJob(l.ctx, read, time.Time{}, at(12)))
	want("opened again before it was closed", window, true, false, 3)
	l.no(l.ArmJob(l.ctx, window, at(20), at(13)))
	want("open, hence not armed", window, true, false, 3)
	l.no(l.CloseJob(l.ctx, job(window), time.Time{}, at(14)))
	want("closed", window, false, false, 3)
	openOnce(15, true)
	want("closed before", window, true, false, 4)

	// A timer: closed until a moment, and opened then, once.
	l.no(l.CloseJob(l.ctx, job(window), at(60), at(16)))
	want("until a moment", window, false, true, 5)
	l.no(l.ArmJob(l.ctx, window, at(20), at(17)))
	if j := job(window); !j.DueAt.Equal(at(60)) || j.Round != 5 {
		t.Errorf("armed again: %+v", j)
	}
	for _, try := range []struct {
		minute       int
		opened, late bool
	}{{60, false, false}, {61, true, false}, {62, false, false}, {67, true, true}} {
		if opened, late, err := l.OpenDueJob(l.ctx, window, at(try.minute)); opened != try.opened || late != try.late || err != nil {
			t.Errorf("minute %d: opened %v, late %v, want %v and %v: %v", try.minute, opened, late, try.opened, try.late, err)
		}
	}
	l.no(l.CloseJob(l.ctx, job(window), time.Time{}, at(70)))
	none := mail.WindowJob("REL-none")
	for _, k := range []mail.JobKey{window, none} {
		if opened, late, err := l.OpenDueJob(l.ctx, k, at(100)); opened || late || err != nil {
			t.Errorf("the job of %s, which is closed or does not exist: opened %v, late %v, want neither: %v", k.ReleaseID, opened, late, err)
		}
	}
	want("no job was made", none, false, false, 0)

	settled := mail.SettlementJob("REL-1", 4)
	l.no(l.AwaitSettlement(l.ctx, settled, at(0)))
	want("waiting", settled, false, true, 1)
	l.no(l.OpenSettlement(l.ctx, settled, at(1)))
	want("complete", settled, true, false, 2)
	l.no(l.AwaitSettlement(l.ctx, settled, at(2)))
	want("opened before it was to wait", settled, true, false, 2)
	l.no(l.CloseJob(l.ctx, job(settled), time.Time{}, at(3)))
	l.no(l.OpenSettlement(l.ctx, settled, at(4)))
	want("planned, and complete once more", settled, false, false, 2)
	other := mail.SettlementJob("REL-1", 5)
	l.no(l.OpenSettlement(l.ctx, other, at(5)))
	want("complete before anybody waited", other, true, false, 1)
}

// Earlier versions had jobs in the index among the mails that are due. Such a job is moved to where
// jobs are looked for, and is otherwise left as it is.
func TestMoveJobFromMails_JobOfAnEarlierVersion_IsFoundAmongJobs(t *testing.T) {
	l := newHarness(t)
	window, settled := mail.WindowJob("REL-1"), mail.SettlementJob("REL-1", 4)
	l.no(l.OpenJob(l.ctx, window, mailNow))
	l.no(l.OpenJob(l.ctx, settled, mailNow))
	for _, k := range []mail.JobKey{window, settled} {
		_, err := l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
			TableName:                 &l.Tables.Mail,
			Key:                       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "JOB#REL-1"}, "sk": &types.AttributeValueMemberS{Value: k.Name}},
			UpdateExpression:          aws.String("SET dueKey = :k"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberS{Value: oldShard(t, l, k)}},
		})
		l.no(err)
	}
	late := mailNow.Add(time.Hour)
	if jobs, err := l.DueJobs(l.ctx, late); len(jobs) != 0 || err != nil {
		t.Fatalf("found among jobs before: %v %v", jobs, err)
	}
	_, old, err := l.DueMails(l.ctx, late, 10)
	if l.no(err); len(old) != 2 {
		t.Fatalf("among the mails are the jobs %v, want both", old)
	}
	for _, k := range append(old, old...) { // a second time, it is not there any more
		l.no(l.MoveJobFromMails(l.ctx, k))
	}
	l.no(l.MoveJobFromMails(l.ctx, mail.WindowJob("REL-2"))) // one that does not exist is not created
	jobs, err := l.DueJobs(l.ctx, late)
	if l.no(err); len(jobs) != 2 {
		t.Errorf("among jobs are %v, want both", jobs)
	}
	if _, old, err = l.DueMails(l.ctx, late, 10); len(old) != 0 || err != nil {
		t.Errorf("still among the mails: %v %v", old, err)
	}
	if j, found, err := l.Job(l.ctx, window); !found || !j.Open || j.Round != 1 || err != nil {
		t.Errorf("the window's job is %+v, want it open in round 1: %v", j, err)
	}
	if _, found, err := l.Job(l.ctx, mail.WindowJob("REL-2")); found || err != nil {
		t.Errorf("a job was made: %v", err)
	}
}

// oldShard returns the partition of the index in which an earlier version put a job: the one with
// today's number, but among mails.
func oldShard(t *testing.T, l *harness, k mail.JobKey) string {
	t.Helper()
	out, err := l.Client.GetItem(l.ctx, &dynamodb.GetItemInput{
		TableName: &l.Tables.Mail, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "JOB#" + k.ReleaseID}, "sk": &types.AttributeValueMemberS{Value: k.Name}},
	})
	l.no(err)
	return strings.Replace(out.Item["dueKey"].(*types.AttributeValueMemberS).Value, "job#", "due#", 1)
}
