package release

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// scene is a release with what stands beside it, at a moment, and the transition that is made
// then; none where somebody only asks.
type scene struct {
	Release
	links   []LinkedChange
	at      time.Time
	notes   int
	touched *Touched
	request TransitionRequest
}

// soundScene is a release at which there is nothing to advise, in the middle of its window
// once it is in progress, and at its beginning before.
func soundScene(status, to Status) scene {
	r := complete(status)
	done := now
	r.RolloutSteps = []Step{{Order: 1, Description: "a", OwnerEmail: "a@example.com", EstimatedMinutes: 60, Completed: true, CompletedAt: &done}}
	r.RollbackSteps = []Step{{Order: 1, Description: "b", OwnerEmail: "a@example.com", EstimatedMinutes: 10, Completed: true, CompletedAt: &done}}
	r.SuccessCriteria = "Error rate below 1 % for 30 minutes"
	if status != Planned {
		r.ApprovedPlan = r.planDigests()
	}
	s := scene{Release: r, links: []LinkedChange{{ID: "CHG-1", ScheduledStart: r.ScheduledStart}}, at: now, notes: NotesNearlyFull - 1, request: TransitionRequest{To: to}}
	if status == InProgress || status == Deployed {
		s.at = now.Add(time.Hour)
	}
	switch to {
	case RolledBack:
		s.request.Reason = "Checkout fails for 4 % of customers since 22:40"
	case Cancelled:
		s.request.Note = "The supplier withdrew 4.2"
	}
	return s
}

// given are the codes of the advice, asked for or in the answer of the transition, and those
// of the review after it.
func (s scene) given(t *testing.T) (codes, reviewed []string) {
	t.Helper()
	list := func(rows []AdviceRow) []string {
		found := []string{}
		for _, row := range rows {
			found = append(found, row.Code)
		}
		return found
	}
	if s.request.To == "" {
		return list(s.CheckReadiness(s.links, s.at, s.touched, s.notes).Advice), nil
	}
	after, err := s.Advance(s.request, Stamp{At: s.at})
	if err != nil {
		t.Fatal(err)
	}
	rows := after.adviceInReview()
	review := Review(after, s.links, nil, false)
	for _, row := range rows {
		if !strings.Contains(review, "\n- "+markdown(row.Detail)+"\n") {
			t.Errorf("%q is not in the review: %s", row.Detail, review)
		}
	}
	if len(rows) == 0 && strings.Contains(review, "second look") {
		t.Errorf("a section with nothing in it: %s", review)
	}
	return list(after.AdviceOnMove(after.Outside(s.links), s.notes)), list(rows)
}

func TestAdvice_SoundRelease_GetsNone(t *testing.T) {
	for _, status := range Statuses {
		for _, to := range append([]Status{""}, AllowedNext(status)...) {
			if codes, reviewed := soundScene(status, to).given(t); len(codes)+len(reviewed) > 0 {
				t.Errorf("%s → %q: %v, in the review %v", status, to, codes, reviewed)
			}
		}
	}
}

// adviceCases are, for each advice, what gives it and what just does not: spoil and mend are
// done to a sound release, mend to one that is spoiled already.
var adviceCases = []struct {
	code  string
	what  string
	asked Status    // when somebody asks in this status; empty: then never
	moved [2]Status // when it goes from the one to the other; empty: then never
	spoil func(*scene)
	mend  func(*scene)
}{
	{"no-change-requests", "", Planned, [2]Status{Planned, Approved}, func(s *scene) { s.ChangeIDs = nil }, func(s *scene) { s.ChangeIDs = []string{"CHG-1"} }},
	{"no-rollback-steps", "", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.plan(func(p *Plan) { p.RollbackSteps = nil }) }, func(s *scene) {
		s.plan(func(p *Plan) { p.RollbackSteps = slices.Clone(p.RolloutSteps) })
	}},
	{"steps-without-owner", "", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.plan(func(p *Plan) { p.RolloutSteps[0].OwnerEmail = "" }) }, func(s *scene) {
		s.plan(func(p *Plan) { p.RolloutSteps[0].OwnerEmail = "b@example.com" })
	}},
	{"steps-without-estimate", "", Scheduled, [2]Status{Scheduled, InProgress}, func(s *scene) { s.plan(func(p *Plan) { p.RollbackSteps[0].EstimatedMinutes = 0 }) }, func(s *scene) {
		s.plan(func(p *Plan) { p.RollbackSteps[0].EstimatedMinutes = 1 })
	}},
	{"unmeasurable-criteria", "there are none", Planned, [2]Status{Planned, Approved}, func(s *scene) { s.SuccessCriteria = " " }, func(s *scene) { s.SuccessCriteria = "0 errors" }},
	{"unmeasurable-criteria", "words only", Planned, [2]Status{Planned, Approved}, func(s *scene) { s.SuccessCriteria = "No errors" }, func(s *scene) { s.SuccessCriteria = "0 errors" }},
	{"window-in-the-past", "", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.at = s.ScheduledStart.Add(time.Second) }, func(s *scene) { s.at = *s.ScheduledStart }},
	{"estimates-exceed-window", "", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.plan(func(p *Plan) { p.RolloutSteps[0].EstimatedMinutes = 121 }) }, func(s *scene) {
		s.plan(func(p *Plan) { p.RolloutSteps[0].EstimatedMinutes = 120 })
	}},
	{"change-outside-window", "after it", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.changeStarts(s.ScheduledEnd.Add(time.Second)) }, func(s *scene) { s.changeStarts(*s.ScheduledEnd) }},
	{"change-outside-window", "before it", Scheduled, [2]Status{Approved, Scheduled}, func(s *scene) { s.changeStarts(s.ScheduledStart.Add(-time.Second)) }, func(s *scene) { s.changeStarts(*s.ScheduledStart) }},
	{"changed-since-approval", "", Approved, [2]Status{Approved, Scheduled}, func(s *scene) { s.Description = "Another" }, func(s *scene) { s.ApprovedPlan = s.planDigests() }},
	{"began-before-window", "", "", [2]Status{Scheduled, InProgress}, func(s *scene) { s.at = s.ScheduledStart.Add(-time.Second) }, func(s *scene) { s.at = *s.ScheduledStart }},
	{"began-after-window", "", "", [2]Status{Scheduled, InProgress}, func(s *scene) { s.at = s.ScheduledEnd.Add(time.Second) }, func(s *scene) { s.at = *s.ScheduledEnd }},
	{"overrun", "", InProgress, [2]Status{InProgress, Deployed}, func(s *scene) { s.at = s.ScheduledEnd.Add(time.Second) }, func(s *scene) { s.at = *s.ScheduledEnd }},
	{"overrun", "rolled back late", "", [2]Status{InProgress, RolledBack}, func(s *scene) { s.at = s.ScheduledEnd.Add(time.Second) }, func(s *scene) { s.Status = Deployed }},
	{"open-rollout-steps", "", InProgress, [2]Status{InProgress, Deployed}, func(s *scene) { s.RolloutSteps[0].Completed = false }, func(s *scene) { s.RolloutSteps[0].Completed = true }},
	{"open-rollback-steps", "", "", [2]Status{Deployed, RolledBack}, func(s *scene) { s.RollbackSteps[0].Completed = false }, func(s *scene) { s.RollbackSteps[0].Completed = true }},
	{"vague-reason", "short", "", [2]Status{Deployed, RolledBack}, func(s *scene) { s.request.Reason = " 4 % of orders fails  " }, func(s *scene) { s.request.Reason = "4 % of orders failed" }},
	{"vague-reason", "without a figure", "", [2]Status{InProgress, RolledBack}, func(s *scene) { s.request.Reason = "Many customers cannot order" }, func(s *scene) { s.request.Reason = "Customers cannot order since 9" }},
	{"cancelled-without-note", "", "", [2]Status{Scheduled, Cancelled}, func(s *scene) { s.request.Note = " " }, func(s *scene) { s.request.Note = "-" }},
	{"log-nearly-full", "", Deployed, [2]Status{InProgress, Deployed}, func(s *scene) { s.notes = 450 }, func(s *scene) { s.notes = 449 }},
	{"log-nearly-full", "and more than full", RolledBack, [2]Status{Deployed, RolledBack}, func(s *scene) { s.notes = 812 }, func(s *scene) { s.notes = 449 }},
	{"unmailable-addresses", "of an owner", Deployed, [2]Status{InProgress, Deployed}, func(s *scene) { s.RollbackSteps[0].OwnerEmail = "jürgen@example.de" }, func(s *scene) { s.RollbackSteps[0].OwnerEmail = "juergen@example.de" }},
	{"unmailable-addresses", "of a requester", Deployed, [2]Status{}, func(s *scene) { s.touched = &Touched{Unmailable: []string{"zoë@example.de"}} }, func(s *scene) { s.touched = &Touched{} }},
}

// plan changes the plan as its approver saw it.
func (s *scene) plan(change func(*Plan)) {
	change(&s.Plan)
	if len(s.ApprovedPlan) > 0 {
		s.ApprovedPlan = s.planDigests()
	}
}

func (s *scene) changeStarts(at time.Time) { s.links[0].ScheduledStart = &at }

// Each advice is given in its case and not in its neighbour's, wherever the table says that it
// is given: a row without both fails.
func TestAdvice_EachRow_IsGivenAndItsNeighbourNot(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range adviceCases {
		for _, way := range [][2]Status{{c.asked, ""}, c.moved} {
			if way[0] == "" {
				continue
			}
			s := soundScene(way[0], way[1])
			c.spoil(&s)
			codes, reviewed := s.given(t)
			if !slices.Equal(codes, []string{c.code}) {
				t.Errorf("%s %s, %s → %q: given is %v", c.code, c.what, way[0], way[1], codes)
			}
			mended := s
			c.mend(&mended)
			near, nearReviewed := mended.given(t)
			if len(near)+len(nearReviewed) > 0 {
				t.Errorf("%s %s, %s → %q: the neighbour gets %v, in the review %v", c.code, c.what, way[0], way[1], near, nearReviewed)
			}
			if way[1] == "" {
				seen[c.code+" asked"] = true
				continue
			}
			seen[c.code+" moved"] = true
			if len(reviewed) > 0 {
				seen[c.code+" reviewed"] = slices.Equal(reviewed, []string{c.code})
			}
		}
	}
	for _, a := range AdviceTable {
		for where, given := range map[string]bool{"asked": a.Asked, "moved": a.Moved, "reviewed": a.Reviewed} {
			if seen[a.Code+" "+where] != given {
				t.Errorf("%s %s: the table says %v, the cases %v", a.Code, where, given, !given)
			}
		}
		if a.When == "" || strings.HasSuffix(a.When, ".") {
			t.Errorf("%s: given when %q", a.Code, a.When)
		}
	}
	if len(AdviceTable) < 18 {
		t.Errorf("%d rows", len(AdviceTable))
	}
}

// The page for integrators lists what the table has.
func TestAdvice_Documented_IsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	yes := map[bool]string{true: "yes", false: "–"}
	for _, a := range AdviceTable {
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |\n", a.Code, a.When, yes[a.Asked], yes[a.Moved], yes[a.Reviewed])
	}
	if !strings.Contains(string(page), "|---|---|---|---|---|\n"+rows.String()+"\n") {
		t.Errorf("docs/api.md does not hold these rows, and no others:\n%s", rows.String())
	}
}

// What advice counts is told as it is at the bound, and beyond it.
func TestAdvice_NumbersAtTheBound_AreTold(t *testing.T) {
	detail := func(code string, s scene) string {
		for _, row := range s.CheckReadiness(s.links, s.at, s.touched, s.notes).Advice {
			if row.Code == code {
				return row.Detail
			}
		}
		return ""
	}
	s := soundScene(Deployed, "")
	for notes, want := range map[int]string{
		MaxNotes - 1: "The log has taken 499 notes; beyond 500 the oldest are removed.", MaxNotes: "The log has taken 500 notes; only the newest 500 are kept.",
	} {
		if s.notes = notes; !strings.HasPrefix(detail("log-nearly-full", s), want) {
			t.Errorf("%d notes: %q", notes, detail("log-nearly-full", s))
		}
	}
	for people, want := range map[int]string{20: "", 21: "; and 1 more.", 22: "; and 2 more."} {
		var all []string
		for n := range people {
			all = append(all, fmt.Sprintf("zoë%d@example.de", n))
		}
		s.touched = &Touched{Unmailable: all}
		got := detail("unmailable-addresses", s)
		if named := strings.Count(got, "(requester: "); named != 20 || want == "" && strings.Contains(got, " more") || !strings.Contains(got, want) {
			t.Errorf("%d people: %d are named: %s", people, named, got)
		}
	}
	s = soundScene(InProgress, "")
	s.RolloutSteps = []Step{s.RolloutSteps[0], s.RolloutSteps[0], s.RolloutSteps[0]}
	s.RolloutSteps[1].Order, s.RolloutSteps[2].Order = 2, 3
	for open, want := range []string{"", "step 1.", "steps 1, 2."} {
		for n := range s.RolloutSteps {
			s.RolloutSteps[n].Completed = n >= open
		}
		if got := detail("open-rollout-steps", s); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%d open steps: %q, want %q", open, got, want)
		}
	}
}
