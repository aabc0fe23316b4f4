package announce_test

import (
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// job says how a notice job stands: "", "plan", "wait" or "done".
func (w *fixture) job(k mail.JobKey) string {
	w.t.Helper()
	j, found, err := w.store.Job(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case !found:
		return ""
	case j.Open:
		return "plan"
	case j.Wait:
		return "wait"
	}
	return "done"
}

func (w *fixture) wantJob(k mail.JobKey, want string) {
	w.t.Helper()
	if got := w.job(k); got != want {
		w.t.Errorf("%s %s: %q, want %q", k.ReleaseID, k.Name, got, want)
	}
}

// linked makes a change request and links it to a release.
func (w *fixture) linked(r release.Release, id string) release.Release {
	w.t.Helper()
	stamp := release.Stamp{At: at, By: release.System, Request: "link-" + id}
	_, err := w.store.CreateChange(w.t.Context(), release.Change{
		ID: id, ChangeType: release.Standard, CABDecision: release.DecisionApproved, ApprovalStatus: release.ApprovalApproved,
		Status: release.ChangeOpen, CreatedAt: at, UpdatedAt: at, Revision: 1,
	}, dynamo.Write{Stamp: stamp})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.LinkChanges(w.t.Context(), r.ID, []string{id}, nil, dynamo.Write{Stamp: stamp}); err != nil {
		w.t.Fatal(err)
	}
	if r, err = w.store.Release(w.t.Context(), r.ID); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func withOp(r events.DynamoDBEventRecord, op, before, after string) events.DynamoDBEventRecord {
	// The filter lets these through by the status at the write; the table has the last word.
	r.Change.NewImage = map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute(op), "status": events.NewStringAttribute("scheduled")}
	r.Change.OldImage = map[string]events.DynamoDBAttributeValue{}
	if before != "" {
		r.Change.OldImage["windowVersion"] = events.NewNumberAttribute(before)
		r.Change.NewImage["windowVersion"] = events.NewNumberAttribute(after)
	}
	return r
}

func TestJob_Cancelled_OnlyOnceItWasScheduled(t *testing.T) {
	w := newFixture(t)
	never, scheduled := w.moved(release.Approved, release.Cancelled), w.moved(release.Approved, release.Scheduled)
	same(t, "failed", w.deliver(record(1, never.ID), record(2, scheduled.ID)), nil)
	w.wantJob(mail.WindowJob(never.ID), "")     // nobody can have been told
	w.wantJob(mail.WindowJob(scheduled.ID), "") // the schedule tells
	w.transition(scheduled, release.Cancelled)
	same(t, "failed", w.deliver(record(3, scheduled.ID)), nil)
	w.wantJob(mail.WindowJob(scheduled.ID), "plan")
}

// A release far ahead is looked at when it is due, or at once where somebody works on it, who
// is to have its window in their calendar.
func TestJob_ScheduledFarAhead_AtOnceForWhoeverWorksOnIt(t *testing.T) {
	w := newFixture(t)
	now := at.Add(-30 * 24 * time.Hour)
	announcer := w.announcer.WithClock(func() time.Time { return now })
	for name, c := range map[string]struct {
		plan release.Plan
		want time.Time
	}{
		"nobody":   {release.Plan{}, at.Add(48*time.Hour - mail.HeadsUpLead + time.Millisecond)},
		"manager":  {release.Plan{ReleaseManagerEmail: "rita@example.com"}, now},
		"an owner": {release.Plan{RollbackSteps: []release.Step{{Order: 1, OwnerEmail: "olaf@example.com"}}}, now},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.moved(release.Approved, release.Scheduled)
			r.ReleaseManagerEmail, r.RollbackSteps = c.plan.ReleaseManagerEmail, c.plan.RollbackSteps
			if err := announcer.Announce(t.Context(), r, r.Epoch()); err != nil {
				t.Fatal(err)
			}
			j, _, err := w.store.Job(t.Context(), mail.WindowJob(r.ID))
			if err != nil || !j.Wait || !j.DueAt.Equal(c.want) {
				t.Errorf("%+v %v, want %v", j, err, c.want)
			}
		})
	}
}

func TestJob_Settlement_OnlyOnceItIsComplete(t *testing.T) {
	w := newFixture(t)
	empty := w.moved(release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	same(t, "failed", w.deliver(record(1, empty.ID)), nil)
	w.wantJob(mail.SettlementJob(empty.ID, 4), "") // nobody is concerned

	r := w.transition(w.linked(w.moved(), "CHG-1"), release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	job := mail.SettlementJob(r.ID, 4)
	same(t, "failed", w.deliver(record(2, r.ID)), nil)
	w.wantJob(job, "wait")
	same(t, "failed", w.deliver(withOp(record(3, r.ID), "settled", "", "")), nil)
	w.wantJob(job, "wait") // the record is a wake-up; the release says that it is not settled
	if err := w.store.ChangeIsThrough(t.Context(), r.ID, 4, "CHG-1", dynamo.Followed{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	same(t, "failed", w.deliver(withOp(record(4, r.ID), "settled", "", "")), nil)
	w.wantJob(job, "plan")

	// The sweep's announcement puts the job down as well.
	r = w.transition(r, release.RolledBack)
	if err := w.announcer.Announce(t.Context(), r, 5); err != nil {
		t.Fatal(err)
	}
	w.wantJob(mail.SettlementJob(r.ID, 5), "wait")
}

func TestJob_OtherWindowOrScope_IsOpened(t *testing.T) {
	for name, c := range map[string]struct {
		op, before, after string
		status            []release.Status
		want              string
	}{
		"moved":           {"patch", "1", "2", []release.Status{release.Approved, release.Scheduled}, "plan"},
		"edited":          {"patch", "2", "2", []release.Status{release.Approved, release.Scheduled}, ""},
		"linked":          {"link", "", "", []release.Status{release.Approved, release.Scheduled}, "plan"},
		"decided":         {"decide", "", "", []release.Status{release.Approved, release.Scheduled}, "plan"},
		"not yet planned": {"link", "", "", []release.Status{release.Approved}, ""},
		"running":         {"patch", "1", "2", []release.Status{release.Approved, release.Scheduled, release.InProgress}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			r := w.moved(c.status...)
			same(t, "failed", w.deliver(withOp(record(1, r.ID), c.op, c.before, c.after)), nil)
			w.wantJob(mail.WindowJob(r.ID), c.want)
		})
	}
}
