package release

import (
	"slices"
	"testing"
	"time"
)

// grid is the lifecycle, typed by hand: rows are from, columns to, in the order of Statuses.
// "." is refused; "a" demands CAB approval, "w" a window, "r" a reason, "-" nothing.
var grid = map[Status][]string{
	//          planned approved scheduled in-progress deployed rolled-back cancelled
	Planned:    {".", "a", ".", ".", ".", ".", "-"},
	Approved:   {".", ".", "aw", ".", ".", ".", "-"},
	Scheduled:  {".", ".", ".", "aw", ".", ".", "-"},
	InProgress: {".", ".", ".", ".", "-", "r", "-"},
	Deployed:   {".", ".", ".", ".", ".", "r", "."},
	RolledBack: {".", ".", ".", ".", ".", ".", "."},
	Cancelled:  {".", ".", ".", ".", ".", ".", "."},
}

var columns = []Status{"planned", "approved", "scheduled", "in-progress", "deployed", "rolled-back", "cancelled"}

// ofEachStatus is a table by status, which has to say something of each: a new one is asked for by its name.
func ofEachStatus[T any](t *testing.T, table map[Status]T) map[Status]T {
	t.Helper()
	for _, s := range Statuses {
		if _, there := table[s]; !there {
			t.Errorf("%s has no row", s)
		}
	}
	return table
}

var now = time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC)

// complete is a release that meets every demand, in a status.
func complete(s Status) Release {
	start, end := now, now.Add(2*time.Hour)
	return Release{ID: "REL-2026-Q2-001", Status: s, Plan: Plan{ScheduledStart: &start, ScheduledEnd: &end}, ChangeIDs: []string{"CHG-1", "CHG-2"}}
}

func stamp() Stamp {
	return Stamp{At: now.Add(300 * time.Millisecond), By: Person{Subject: "u1", Email: "ada@example.com"}, Request: "q1"}
}

func TestLifecycle_EachPairOfStatuses_IsTheContracts(t *testing.T) {
	if !slices.Equal(columns, Statuses) {
		t.Fatalf("the grid's columns are %v, not %v", columns, Statuses)
	}
	for from, row := range ofEachStatus(t, grid) {
		if len(row) != len(columns) {
			t.Fatalf("the row of %s has %d cells, not %d", from, len(row), len(columns))
		}
		for i, cell := range row {
			to := columns[i]
			after, err := complete(from).Advance(TransitionRequest{To: to, Reason: "it broke"}, stamp())
			if cell == "." {
				if !HasCode(err, "invalid-transition") {
					t.Errorf("%s → %s: got %v, want invalid-transition", from, to, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s → %s: %v", from, to, err)
				continue
			}
			if after.Status != to || len(after.History) != 1 || after.History[0].From != from || after.History[0].To != to {
				t.Errorf("%s → %s: status %s, history %+v", from, to, after.Status, after.History)
			}
			unapproved := complete(from)
			unapproved.Unapproved = []string{"CHG-2"}
			_, err = unapproved.Advance(TransitionRequest{To: to, Reason: "it broke"}, stamp())
			if want := slices.Contains([]string{"a", "aw"}, cell); want != HasCode(err, "cab-approval-missing") {
				t.Errorf("%s → %s with an unapproved change request: %v", from, to, err)
			}
			for name, break_ := range map[string]func(*Release){
				"no start":        func(r *Release) { r.ScheduledStart = nil },
				"no end":          func(r *Release) { r.ScheduledEnd = nil },
				"end not after":   func(r *Release) { r.ScheduledEnd = r.ScheduledStart },
				"end before that": func(r *Release) { e := r.ScheduledStart.Add(-time.Hour); r.ScheduledEnd = &e },
			} {
				r := complete(from)
				break_(&r)
				_, err = r.Advance(TransitionRequest{To: to, Reason: "it broke"}, stamp())
				if want := cell == "aw"; want != HasCode(err, "window-missing") {
					t.Errorf("%s → %s with %s: %v", from, to, name, err)
				}
			}
			row, _ := TransitionTo(to)
			if want := cell == "r"; want != slices.Contains(row.Guards, GuardReason) {
				t.Errorf("%s → %s: demands a reason is %v", from, to, !want)
			}
		}
	}
}

func TestAllowedNext_EachStatus_IsTheContracts(t *testing.T) {
	for from, row := range grid {
		want := []Status{}
		for i, cell := range row {
			if cell != "." {
				want = append(want, columns[i])
			}
		}
		if got := AllowedNext(from); !slices.Equal(got, want) || got == nil {
			t.Errorf("after %s: %v, want %v", from, got, want)
		}
	}
}

func TestTransition_Effects_AreStamped(t *testing.T) {
	second := now // the stamp is cut to the second
	step := func(from, to Status) Release {
		t.Helper()
		r, err := complete(from).Advance(TransitionRequest{To: to, Reason: "it broke", Note: "n"}, stamp())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := step(Scheduled, InProgress); r.ActualStart == nil || !r.ActualStart.Equal(second) {
		t.Errorf("actualStart %v", r.ActualStart)
	}
	earlier := now.Add(-time.Hour)
	r := complete(Scheduled)
	r.ActualStart = &earlier
	if r, _ = r.Advance(TransitionRequest{To: InProgress}, stamp()); !r.ActualStart.Equal(earlier) {
		t.Errorf("actualStart was overwritten: %v", r.ActualStart)
	}
	if r := step(InProgress, Deployed); r.ActualEnd == nil || !r.ActualEnd.Equal(second) {
		t.Errorf("actualEnd %v", r.ActualEnd)
	}
	if r := step(Deployed, RolledBack); r.RolledBackAt == nil || !r.RolledBackAt.Equal(second) || r.RolledBackReason != "it broke" {
		t.Errorf("rolled back %v, %q", r.RolledBackAt, r.RolledBackReason)
	}
	for _, to := range []Status{Approved, Cancelled} {
		if r := step(Planned, to); r.ActualStart != nil || r.ActualEnd != nil || r.RolledBackAt != nil {
			t.Errorf("%s stamped something", to)
		}
	}
	if got, want := step(Deployed, RolledBack).History[0].LogText(), "deployed → rolled-back\nReason: it broke\nNote: n"; got != want {
		t.Errorf("log text %q, want %q", got, want)
	}
}

// The clock of who rolls back may be behind that of who deployed: the order is that of the
// epochs, and no time says otherwise.
func TestAdvance_ClocksMinutesApart_TimesNeverGoBack(t *testing.T) {
	r := complete(Scheduled)
	for _, step := range []struct {
		to    Status
		clock time.Duration // off by
		want  time.Duration
	}{{InProgress, 0, 0}, {Deployed, 5 * time.Minute, 5 * time.Minute}, {RolledBack, -5 * time.Minute, 5 * time.Minute}} {
		s := stamp()
		s.At = s.At.Add(step.clock)
		after, err := r.Advance(TransitionRequest{To: step.to, Reason: "it broke"}, s)
		if err != nil {
			t.Fatal(err)
		}
		r = after
		if got := r.History[len(r.History)-1].At; !got.Equal(now.Add(step.want)) || !r.UpdatedAt.Equal(got) {
			t.Errorf("%s at %v, want %v later than %v", step.to, got, step.want, now)
		}
	}
	if !r.RolledBackAt.Equal(*r.ActualEnd) || r.ActualEnd.Before(*r.ActualStart) {
		t.Errorf("began %v, ended %v, rolled back %v", r.ActualStart, r.ActualEnd, r.RolledBackAt)
	}
}

func TestLifecycle_EachStatus_SettlesOrNot(t *testing.T) {
	for _, to := range columns {
		row, _ := TransitionTo(to)
		if want := to == Deployed || to == RolledBack || to == Cancelled; row.Settles != want {
			t.Errorf("%s settles: %v", to, row.Settles)
		}
	}
	r, err := complete(InProgress).Advance(TransitionRequest{To: Deployed}, stamp())
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Progress(); p == nil || p.State != "settling" || p.Changes.Total != 2 || p.Changes.Settled != 0 {
		t.Errorf("progress after the transition: %+v", p)
	}
	r.Settling.Unsettled, r.Settling.SettledTasks = []string{"CHG-2"}, 7
	if p := r.Progress(); p.State != "settling" || p.Changes.Settled != 1 || p.Tasks.Settled != 7 {
		t.Errorf("progress half-way: %+v", p)
	}
	r.Settling.Unsettled = nil
	if p := r.Progress(); p.State != "settled" || p.Changes.Settled != 2 {
		t.Errorf("progress at the end: %+v", p)
	}
}

func TestConflict_EachStatus_SaysWhereToGo(t *testing.T) {
	_, err := complete(Approved).Advance(TransitionRequest{To: Deployed}, stamp())
	var e *Error
	if !asError(err, &e) || e.Status != Approved || !slices.Equal(e.AllowedNextStatuses, []Status{Scheduled, Cancelled}) {
		t.Errorf("got %+v", e)
	}
	r := complete(Planned)
	r.Unapproved = []string{"CHG-1"}
	_, err = r.Advance(TransitionRequest{To: Approved}, stamp())
	if !asError(err, &e) || !slices.Equal(e.ChangeRequests, []string{"CHG-1"}) {
		t.Errorf("got %+v", e)
	}
}

func TestParseStatus_AnyCase_IsMatched(t *testing.T) {
	if s, ok := ParseStatus("In-PROGRESS"); !ok || s != InProgress {
		t.Errorf("got %q, %v", s, ok)
	}
	if _, ok := ParseStatus("in progress"); ok {
		t.Error("a status that is none was taken")
	}
}

// Alternatives read as people write them.
func TestEither_EachNumber_ReadsWell(t *testing.T) {
	for want, all := range map[string][]Status{
		"":                               nil,
		"planned":                        {Planned},
		"planned or approved":            {Planned, Approved},
		"planned, approved or cancelled": {Planned, Approved, Cancelled},
	} {
		if got := Either(all); got != want {
			t.Errorf("%v: %q, want %q", all, got, want)
		}
	}
}
