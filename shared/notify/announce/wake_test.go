package announce_test

import (
	"reflect"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
)

// due makes a release that is scheduled with a change request; its transitions are announced.
func (w *fixture) due(after time.Duration) release.Release {
	w.t.Helper()
	r := w.moved()
	start := time.Now().Add(after).UTC().Truncate(time.Second)
	w.window(r.ID, start)
	r = w.transition(w.linked(r, "CHG-"+r.ID), release.Approved, release.Scheduled)
	same(w.t, "failed", w.deliver(record(1, r.ID)), nil)
	return r
}

func (w *fixture) window(id string, start time.Time) {
	w.t.Helper()
	end := start.Add(time.Hour)
	if _, err := w.store.UpdateRelease(w.t.Context(), id, func(r release.Release) (release.Release, release.LogEntry, error) {
		p := r.Plan
		p.ScheduledStart, p.ScheduledEnd = &start, &end
		after, _, err := r.Edit(p, []string{"scheduledStart", "scheduledEnd"}, at)
		return after, release.LogEntry{Kind: release.LogEdit}, err
	}, dynamo.Write{Stamp: release.Stamp{At: at, By: release.System, Request: "window-" + start.String()}}); err != nil {
		w.t.Fatal(err)
	}
}

// A release that is scheduled has a timer: at once where it is due, else for when it will be.
func TestAnnounce_Scheduled_TimerIsArmed(t *testing.T) {
	w := newFixture(t)
	for after, want := range map[time.Duration]time.Duration{48 * time.Hour: 0, 30 * 24 * time.Hour: 23 * 24 * time.Hour} {
		r := w.due(after)
		j, found, err := w.store.Job(t.Context(), mail.WindowJob(r.ID))
		if err != nil || !found || !j.Wait {
			t.Fatalf("in %v: %+v %v", after, j, err)
		}
		if off := time.Until(j.DueAt) - want; off.Abs() > time.Minute {
			t.Errorf("in %v: it is looked at in %v, want %v", after, time.Until(j.DueAt), want)
		}
		// Its record once more: the timer stays.
		same(t, "failed", w.deliver(record(1, r.ID)), nil)
		if later, _, _ := w.store.Job(t.Context(), mail.WindowJob(r.ID)); !reflect.DeepEqual(later, j) {
			t.Errorf("armed again: %+v, before %+v", later, j)
		}
	}
}

// What people have to be told of, and whose stream record is lost, is repaired by the
// sweep, from the release alone; what they need not be told of is not.
func TestSweep_LostEvent_PeopleAreToldAllTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		write func(w *fixture, r release.Release)
		want  string
	}{
		"window moved": {func(w *fixture, r release.Release) {
			w.window(r.ID, time.Now().Add(99*time.Hour).UTC().Truncate(time.Second))
		}, "plan"},
		"linked": {func(w *fixture, r release.Release) { w.linked(r, "CHG-2") }, "plan"},
		"dropped": {func(w *fixture, r release.Release) {
			if _, err := w.store.LinkChanges(w.t.Context(), r.ID, nil, []string{"CHG-" + r.ID}, write("drop")); err != nil {
				w.t.Fatal(err)
			}
		}, "plan"},
		"decided": {func(w *fixture, r release.Release) {
			if _, err := w.store.Decide(w.t.Context(), "CHG-"+r.ID, release.DecisionRejected, "no", write("decide")); err != nil {
				w.t.Fatal(err)
			}
		}, "plan"},
		"touches another item": {func(w *fixture, r release.Release) {
			w.edit(r, func(p *release.ChangePlan) { p.AffectedCIIDs = []string{"ci-1"} })
		}, "plan"},
		"another control": {func(w *fixture, r release.Release) { w.edit(r, func(p *release.ChangePlan) { p.ControlTitle = "x" }) }, "wait"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			r := w.due(48 * time.Hour)
			c.write(w, r)
			w.wantJob(mail.WindowJob(r.ID), "wait") // its record is lost
			sweep := settle.Sweep{Settler: settle.New(w.store), Announce: w.announcer.Announce, Wake: w.announcer.Wake}
			if report, err := sweep.Before(t.Context(), time.Now().Add(time.Hour), time.Now()); err != nil || (report.Looked == 1) != (c.want == "plan") {
				t.Errorf("%+v %v", report, err)
			}
			w.wantJob(mail.WindowJob(r.ID), c.want)
			// It is heard now: nothing is left to look at, and the record, late, opens nothing.
			if report, err := sweep.Before(t.Context(), time.Now().Add(time.Hour), time.Now()); err != nil || report.Looked != 0 {
				t.Errorf("once more: %+v %v", report, err)
			}
			before, _, _ := w.store.Job(t.Context(), mail.WindowJob(r.ID))
			same(t, "failed", w.deliver(withOp(record(9, r.ID), "link", "", "")), nil)
			if after, _, _ := w.store.Job(t.Context(), mail.WindowJob(r.ID)); !reflect.DeepEqual(after, before) && c.want == "plan" {
				t.Errorf("opened again: %+v, before %+v", after, before)
			}
		})
	}
}

// The record itself does the same, and takes the release out of the sweep's index.
func TestAnnounce_ChangeHeard_ReleaseRests(t *testing.T) {
	w := newFixture(t)
	r := w.due(48 * time.Hour)
	w.edit(r, func(p *release.ChangePlan) { p.AffectedCIIDs = []string{"ci-1"} })
	if n := w.needingAttention(); n != 1 {
		t.Errorf("the sweep would look at %d releases", n)
	}
	same(t, "failed", w.deliver(withOp(record(2, r.ID), "patch", "1", "1")), nil)
	w.wantJob(mail.WindowJob(r.ID), "plan")
	if n := w.needingAttention(); n != 0 {
		t.Errorf("it is heard, and the sweep would look at %d releases", n)
	}
	// One that comes between what announce read and what it writes is not lost.
	w.edit(r, func(p *release.ChangePlan) { p.AffectedCIIDs = []string{"ci-3"} })
	settling, _, err := w.store.SettlingRelease(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.edit(r, func(p *release.ChangePlan) { p.AffectedCIIDs = []string{"ci-2"} })
	if err := w.store.MarkWoken(t.Context(), r.ID, settling.Wake); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := w.store.SettlingRelease(t.Context(), r.ID); now.Wake != settling.Wake+1 || now.Woken != settling.Wake {
		t.Errorf("wake %d, woken %d", now.Wake, now.Woken)
	}
	if n := w.needingAttention(); n != 1 {
		t.Errorf("the sweep would look at %d releases", n)
	}
}

// A transition that is announced late does not take what nobody has heard of out of the
// sweep's index.
func TestAnnounce_TransitionAfterChange_ChangeKeepsAttention(t *testing.T) {
	w := newFixture(t)
	start := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	r := w.moved()
	w.window(r.ID, start)
	r = w.transition(w.linked(r, "CHG-"+r.ID), release.Approved, release.Scheduled)
	w.edit(r, func(p *release.ChangePlan) { p.AffectedCIIDs = []string{"ci-1"} })
	if err := w.store.MarkAnnounced(t.Context(), r.ID, 2); err != nil {
		t.Fatal(err)
	}
	if n := w.needingAttention(); n != 1 {
		t.Errorf("the sweep would look at %d releases", n)
	}
}

// needingAttention counts the releases in the sweep's index.
func (w *fixture) needingAttention() (n int) {
	w.t.Helper()
	err := w.store.NeedingAttention(w.t.Context(), time.Now().Add(time.Hour), 10, func(page []dynamo.Unfinished) bool {
		n += len(page)
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func write(request string) dynamo.Write {
	return dynamo.Write{Stamp: release.Stamp{At: at, By: release.System, Request: request}}
}

// edit changes what the release's change request says.
func (w *fixture) edit(r release.Release, change func(*release.ChangePlan)) {
	w.t.Helper()
	if _, err := w.store.UpdateChange(w.t.Context(), "CHG-"+r.ID, func(c release.Change) (release.Change, error) {
		change(&c.ChangePlan)
		return c, nil
	}, write("edit")); err != nil {
		w.t.Fatal(err)
	}
}
