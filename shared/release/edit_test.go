package release

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func fields(err error) []string {
	var e *Error
	names := []string{}
	if asError(err, &e) {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func planned(s Status) Release {
	r := complete(s)
	r.Name = "Summer"
	r.RolloutSteps = []Step{{Order: 1, Description: "drain", OwnerEmail: "ada@example.com"}, {Order: 2, Description: "deploy"}}
	r.RollbackSteps = []Step{{Order: 1, Description: "switch back"}}
	r.Revision, r.WindowVersion = 3, 1
	return r
}

func TestEdit_EachStatus_FreezesItsFields(t *testing.T) {
	// Once in progress, what the CAB saw stands.
	var all, late []string
	for _, row := range planContract {
		all = append(all, row.field)
		if row.later {
			late = append(late, row.field)
		}
	}
	for status, may := range ofEachStatus(t, map[Status][]string{
		Planned: all, Approved: all, Scheduled: all, InProgress: late, Deployed: late, RolledBack: {}, Cancelled: {},
	}) {
		for _, field := range all {
			r := planned(status)
			after, _, err := r.Edit(r.Plan, []string{field}, now)
			if allowed := slices.Contains(may, field); allowed != (err == nil) {
				t.Errorf("%s in %s: %v", field, status, err)
			} else if !allowed && !HasCode(err, "field-frozen") {
				t.Errorf("%s in %s: %v", field, status, err)
			} else if allowed && after.Revision != 4 {
				t.Errorf("%s in %s: revision %d", field, status, after.Revision)
			}
		}
	}
}

func TestEdit_WindowMoves_IsTold(t *testing.T) {
	later := now.Add(24 * time.Hour)
	end := later.Add(time.Hour)
	for _, status := range []Status{Planned, Approved, Scheduled} {
		r := planned(status)
		p := r.Plan
		p.ScheduledStart, p.ScheduledEnd = &later, &end
		after, moved, err := r.Edit(p, []string{"scheduledStart", "scheduledEnd"}, now)
		if err != nil || moved != (status == Scheduled) || (after.WindowVersion == 2) != (status == Scheduled) {
			t.Errorf("%s: moved %v, version %d, %v", status, moved, after.WindowVersion, err)
		}
	}
	r := planned(Scheduled)
	if _, moved, _ := r.Edit(r.Plan, []string{"name"}, now); moved {
		t.Error("the same window counts as moved")
	}
	p := r.Plan
	p.ScheduledEnd = nil
	if _, _, err := r.Edit(p, []string{"scheduledEnd"}, now); !HasCode(err, "invalid-request") {
		t.Errorf("the window of a scheduled release was removed: %v", err)
	}
	p.ScheduledEnd = p.ScheduledStart
	if _, _, err := r.Edit(p, []string{"scheduledEnd"}, now); !slices.Contains(fields(err), "scheduledEnd") {
		t.Errorf("an empty window was taken: %v", err)
	}
}

func TestEdit_StepsReplaced_CompletionStaysByOrder(t *testing.T) {
	r, _, err := planned(Scheduled).Complete(RolloutPlan, 2, true, stamp())
	if err != nil {
		t.Fatal(err)
	}
	p := r.Plan
	p.RolloutSteps = []Step{{Order: 2, Description: "deploy it"}, {Order: 5, Description: "new"}}
	after, _, err := r.Edit(p, []string{"rolloutSteps"}, now)
	if err != nil || !after.RolloutSteps[0].Completed || after.RolloutSteps[0].CompletedBy != "ada@example.com" || after.RolloutSteps[1].Completed {
		t.Errorf("%v %+v", err, after.RolloutSteps)
	}
	p.RolloutSteps = []Step{{Order: 5, Description: "new", Completed: true}}
	if _, _, err := r.Edit(p, []string{"rolloutSteps"}, now); !slices.Equal(fields(err), []string{"rolloutSteps[0].completed"}) {
		t.Errorf("a step was completed by an edit: %v", err)
	}
}

func TestComplete_EachPlan_InItsStatuses(t *testing.T) {
	for _, c := range []struct {
		plan PlanName
		in   []Status
	}{
		{RolloutPlan, []Status{Scheduled, InProgress}},
		{RollbackPlan, []Status{Scheduled, InProgress, Deployed}},
	} {
		for _, status := range Statuses {
			r, entry, err := planned(status).Complete(c.plan, 1, true, stamp())
			if may := slices.Contains(c.in, status); may != (err == nil) {
				t.Errorf("%s in %s: %v", c.plan, status, err)
			} else if may && (entry.Text == "" || r.Revision != 4) {
				t.Errorf("%s in %s: log %q, revision %d", c.plan, status, entry.Text, r.Revision)
			} else if !may && !HasCode(err, "steps-closed") {
				t.Errorf("%s in %s: %v", c.plan, status, err)
			}
		}
	}
	before := planned(InProgress)
	r, entry, err := before.Complete(RolloutPlan, 1, true, stamp())
	if err != nil || entry.Text != "rollout step 1 completed: drain" || entry.Kind != LogStep || before.RolloutSteps[0].Completed {
		t.Fatalf("%+v %v, the original: %+v", entry, err, before.RolloutSteps[0])
	}
	if repeated, entry, err := r.Complete(RolloutPlan, 1, true, stamp()); err != nil || entry.Text != "" || repeated.Revision != r.Revision {
		t.Errorf("completing twice: %+v %v", entry, err)
	}
	if r, entry, _ = r.Complete(RolloutPlan, 1, false, stamp()); entry.Text != "rollout step 1 reopened: drain" || r.RolloutSteps[0].CompletedAt != nil {
		t.Errorf("reopened: %+v %+v", entry, r.RolloutSteps[0])
	}
	if _, _, err := r.Complete(RolloutPlan, 9, true, stamp()); !IsKind(err, KindNotFound) {
		t.Errorf("a step that is none: %v", err)
	}
}

func TestCheck_AtTheBound_AndBeyond(t *testing.T) {
	check := func(p Plan) []string {
		var f ValidationErrors
		p.Check(&f)
		return fields(f.Err())
	}
	sound := planned(Planned).Plan
	if bad := check(sound); len(bad) != 0 {
		t.Fatalf("a sound plan is refused: %v", bad)
	}
	long := func(n int) string { return strings.Repeat("é", n/2) + strings.Repeat("x", n%2) }
	for field, spoil := range map[string]func(*Plan){
		"name":                         func(p *Plan) { p.Name = " " },
		"name ":                        func(p *Plan) { p.Name = long(MaxName + 1) },
		"name  ":                       func(p *Plan) { p.Name = "a\nb" },
		"version":                      func(p *Plan) { p.Version = long(MaxVersion + 1) },
		"description":                  func(p *Plan) { p.Description = long(MaxDescription + 1) },
		"description ":                 func(p *Plan) { p.Description = "bell \a" },
		"releaseManagerEmail":          func(p *Plan) { p.ReleaseManagerEmail = "Ada <ada@example.com>" },
		"releaseManagerEmail ":         func(p *Plan) { p.ReleaseManagerEmail = "ada@example.com\r\nBcc: x@example.com" },
		"publicSummary":                func(p *Plan) { p.PublicSummary = long(MaxSummary + 1) },
		"scheduledEnd":                 func(p *Plan) { p.ScheduledEnd = p.ScheduledStart },
		"scheduledStart":               func(p *Plan) { y := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); p.ScheduledStart = &y },
		"rolloutSteps":                 func(p *Plan) { p.RolloutSteps = make([]Step, MaxSteps+1) },
		"rolloutSteps[1].order":        func(p *Plan) { p.RolloutSteps = []Step{{Order: 1, Description: "a"}, {Order: 1, Description: "b"}} },
		"rollbackSteps[0].description": func(p *Plan) { p.RollbackSteps = []Step{{Order: 1}} },
		"rollbackSteps[0].ownerEmail":  func(p *Plan) { p.RollbackSteps = []Step{{Order: 1, Description: "a", OwnerEmail: "nobody"}} },
		"rollbackSteps[0].estimatedMinutes": func(p *Plan) {
			p.RollbackSteps = []Step{{Order: 1, Description: "a", EstimatedMinutes: -1}}
		},
	} {
		p := sound
		spoil(&p)
		if bad := check(p); !slices.Equal(bad, []string{strings.TrimSpace(field)}) {
			t.Errorf("%q: named %v", field, bad)
		}
	}
	exactly := sound
	exactly.Name, exactly.Description = long(MaxName), long(MaxDescription)
	if bad := check(exactly); len(bad) != 0 {
		t.Errorf("what is exactly at its bound is refused: %v", bad)
	}
	both := sound
	both.Name, both.Version = "", long(99)
	if bad := check(both); len(bad) != 2 {
		t.Errorf("two wrong fields, named %v", bad)
	}
}

func TestIdentifiers_ListOfThem_EachIsJudged(t *testing.T) {
	for id, valid := range map[string]bool{
		"CHG0030001": true, "a": true, "CR:2026.1_b-c": true, strings.Repeat("x", 64): true,
		"": false, "-a": false, "a b": false, "a/b": false, "a#b": false, "é": false, strings.Repeat("x", 65): false,
	} {
		var f ValidationErrors
		f.Identifier("id", id)
		if (f.Err() == nil) != valid {
			t.Errorf("%q: %v", id, f.Err())
		}
	}
}
