package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The words of the contract, typed by hand, in the order in which lists of choices show them.
func TestWords_AreTheContracts(t *testing.T) {
	for name, c := range map[string]struct{ have, want string }{
		"status":         {Join(Statuses), "planned, approved, scheduled, in-progress, deployed, rolled-back, cancelled"},
		"changeType":     {Join(ChangeTypes), "Standard, Normal, Emergency"},
		"cabDecision":    {Join(CABDecisions), "pending, approved, rejected"},
		"approvalStatus": {Join(ApprovalStatuses), "Pending, Approved, Rejected"},
		"change status":  {Join(ChangeStatuses), "Open, Resolved"},
		"risk":           {Join(Risks), "Low, Medium, High"},
		"task status":    {Join(TaskStatuses), "Open, InProgress, OnHold, Resolved, Closed, Cancelled"},
		"kind": {
			Join(LogKinds),
			"note, created, transition, edit, scope, decision, approval-voided, step, hold, settlement, erasure, deleted",
		},
		"kind of a change request's record": {Join(ChangeLogKinds), "created, decision, approval-voided, edit, erasure"},
		"what can be erased":                {Join(Erasables), "author, authorEmail, subject, text, changes"},
	} {
		if c.have != c.want {
			t.Errorf("%s: %s, want %s", name, c.have, c.want)
		}
	}
	for word, want := range map[string]PlanName{"rollout": RolloutPlan, "ROLLBACK": RollbackPlan} {
		if got, known := ParsePlanName(word); !known || got != want {
			t.Errorf("%s reads %q", word, got)
		}
	}
	if got, known := ParsePlanName("roll"); known {
		t.Errorf("roll reads %q", got)
	}
}

// Each bound of a text, typed by hand: so long, and no longer.
func TestCheck_EachText_AtItsBoundAndBeyond(t *testing.T) {
	plan := func(set func(*Plan, string)) func(string) string {
		return func(text string) string {
			p := Plan{Name: "Portal"}
			set(&p, text)
			var f ValidationErrors
			p.Check(&f)
			return wrong(f)
		}
	}
	change := func(set func(*ChangePlan, string)) func(string) string {
		return func(text string) string {
			var p ChangePlan
			set(&p, text)
			var f ValidationErrors
			p.Check(&f)
			return wrong(f)
		}
	}
	task := func(set func(*TaskPlan, string)) func(string) string {
		return func(text string) string {
			p := TaskPlan{Title: "A laptop", RequesterEmail: "ann@example.com", Status: TaskOpen}
			set(&p, text)
			var f ValidationErrors
			p.Check(&f)
			return wrong(f)
		}
	}
	type text struct {
		field       string
		least, most int
		wrong       func(string) string
	}
	texts := []text{
		{"rolloutSteps[0].description", 1, 1000, plan(func(p *Plan, s string) { p.RolloutSteps = []Step{{Order: 1, Description: s}} })},
		{"title", 0, 200, change(func(p *ChangePlan, s string) { p.Title = s })},
		{"description", 0, 10000, change(func(p *ChangePlan, s string) { p.Description = s })},
		{"controlId", 0, 64, change(func(p *ChangePlan, s string) { p.ControlID = s })},
		{"controlTitle", 0, 200, change(func(p *ChangePlan, s string) { p.ControlTitle = s })},
		{"affectedCiIds[0]", 1, 256, change(func(p *ChangePlan, s string) { p.AffectedCIIDs = []string{s} })},
		{"justification", 0, 2000, change(func(p *ChangePlan, s string) { p.Justification = s })},
		{"impact", 0, 2000, change(func(p *ChangePlan, s string) { p.Impact = s })},
		{"backoutPlan", 0, 4000, change(func(p *ChangePlan, s string) { p.BackoutPlan = s })},
		{"title", 1, 200, task(func(p *TaskPlan, s string) { p.Title = s })},
		{"requesterName", 0, 200, task(func(p *TaskPlan, s string) { p.RequesterName = s })},
		{"ciIds[0]", 1, 256, task(func(p *TaskPlan, s string) { p.CIIDs = []string{s} })},
		{"changeRequestId", 0, 64, task(func(p *TaskPlan, s string) { p.ChangeRequestID = s })},
	}
	for _, row := range planContract {
		if row.set != nil {
			texts = append(texts, text{row.field, row.least, row.most, plan(row.set)})
		}
	}
	for _, c := range texts {
		for length, ok := range map[int]bool{0: c.least == 0, 1: true, c.most: true, c.most + 1: false} {
			got := c.wrong(strings.Repeat("x", length))
			if (got == "") != ok || !ok && !strings.HasPrefix(got, c.field+" ") {
				t.Errorf("%s with %d bytes: %q; from %d to %d are allowed", c.field, length, got, c.least, c.most)
			}
		}
	}
}

// Each bound of a number and of a list, typed by hand.
func TestCheck_EachNumberAndList_AtItsBoundAndBeyond(t *testing.T) {
	steps := func(n int) []Step {
		all := make([]Step, n)
		for i := range all {
			all[i] = Step{Order: i + 1, Description: "Copy"}
		}
		return all
	}
	ids := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprint("ci-", i)
		}
		return all
	}
	for _, c := range []struct {
		field       string
		least, most int
		check       func(int, *ValidationErrors)
	}{
		{"rolloutSteps", 0, 100, func(n int, f *ValidationErrors) { Plan{Name: "P", RolloutSteps: steps(n)}.Check(f) }},
		{"rollbackSteps[0].order", 1, 9999, func(n int, f *ValidationErrors) {
			Plan{Name: "P", RollbackSteps: []Step{{Order: n, Description: "Copy"}}}.Check(f)
		}},
		{"rolloutSteps[0].estimatedMinutes", 0, 43200, func(n int, f *ValidationErrors) {
			Plan{Name: "P", RolloutSteps: []Step{{Order: 1, Description: "Copy", EstimatedMinutes: n}}}.Check(f)
		}},
		{"scheduledStart", 2000, 2199, func(n int, f *ValidationErrors) {
			at := time.Date(n, 6, 1, 0, 0, 0, 0, time.UTC)
			Plan{Name: "P", ScheduledStart: &at}.Check(f)
		}},
		{"affectedCiIds", 0, 40, func(n int, f *ValidationErrors) { ChangePlan{AffectedCIIDs: ids(n)}.Check(f) }},
		{"ciIds", 0, 40, func(n int, f *ValidationErrors) {
			TaskPlan{Title: "A laptop", RequesterEmail: "ann@example.com", Status: TaskOpen, CIIDs: ids(n)}.Check(f)
		}},
	} {
		for n, ok := range map[int]bool{c.least - 1: false, c.least: true, c.most: true, c.most + 1: false} {
			if n < 0 && strings.HasSuffix(c.field, "s") && !strings.HasSuffix(c.field, "Minutes") {
				continue // no list has fewer entries than none
			}
			var f ValidationErrors
			c.check(n, &f)
			if got := wrong(f); (got == "") != ok || !ok && !strings.HasPrefix(got, c.field+" ") {
				t.Errorf("%s at %d: %q; from %d to %d is allowed", c.field, n, got, c.least, c.most)
			}
		}
	}
	// What was stored under looser rules may stay as long as it is, and grow no more.
	for n, ok := range map[int]bool{100: true, 101: true, 102: true, 103: false} {
		was := steps(102)
		is := steps(n)
		is[0].Description = "Move"
		var f ValidationErrors
		Plan{Name: "P", RolloutSteps: is}.CheckEdit(&f, Plan{Name: "P", RolloutSteps: was})
		if got := wrong(f); (got == "") != ok {
			t.Errorf("%d steps instead of 102: %q", n, got)
		}
	}
}

func TestCheck_BothPlansTogether_AtTheirBoundAndBeyond(t *testing.T) {
	all := make([]Step, 100)
	for i := range all {
		all[i] = Step{Order: i + 1, Description: strings.Repeat("\n", 590) + "x"}
	}
	p := Plan{Name: "Portal", RolloutSteps: all, RollbackSteps: slices.Clone(all)}
	size := func() int {
		var text bytes.Buffer
		if err := json.NewEncoder(&text).Encode([][]Step{p.RolloutSteps, p.RollbackSteps}); err != nil {
			t.Fatal(err)
		}
		return text.Len()
	}
	for i, missing := 0, 275_000-size(); missing > 0; i, missing = i+1, 275_000-size() {
		all[i].Description += strings.Repeat("x", min(missing, 400))
	}
	if size() != 275_000 {
		t.Fatalf("the plans have %d bytes", size())
	}
	var f ValidationErrors
	if p.Check(&f); wrong(f) != "" {
		t.Errorf("what is exactly at its bound is refused: %.200s", wrong(f))
	}
	all[99].Description += "x"
	if p.Check(&f); !strings.HasPrefix(wrong(f), "rolloutSteps and rollbackSteps take 275001 bytes") {
		t.Errorf("a byte more: %.200s", wrong(f))
	}
}

func TestScopeFrozen_EachStatus_IsTheContracts(t *testing.T) {
	for status, frozen := range ofEachStatus(t, map[Status]bool{
		Planned: false, Approved: false, Scheduled: false, InProgress: true, Deployed: true, RolledBack: true, Cancelled: true,
	}) {
		if status.ScopeFrozen() != frozen {
			t.Errorf("%s: frozen is %v", status, !frozen)
		}
	}
}

// The questions that other rules ask of a status. Of one that a later version has written, the
// answer is no, and nothing of such a release can be edited.
func TestStatus_Questions_AreTheContracts(t *testing.T) {
	for status, want := range ofEachStatus(t, map[Status][4]bool{ // is ahead, has begun, is deployed, has ended
		Planned: {true}, Approved: {true}, Scheduled: {true}, InProgress: {1: true}, Deployed: {1: true, 2: true}, RolledBack: {3: true}, Cancelled: {3: true},
		"of-a-later-version": {},
	}) {
		if got := [4]bool{status.IsAhead(), status.HasBegun(), status.IsDeployed(), status.HasEnded()}; got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
		if can := editable(status); want[0] != (len(can) == len(planFields)) || (len(can) > 0) != (want[0] || want[1]) {
			t.Errorf("%s: %v can be edited", status, can)
		}
	}
}

// A window gets its number when the release is scheduled, and no other status gives it one.
func TestAdvance_WindowVersion_GrowsWithScheduled(t *testing.T) {
	for _, from := range Statuses {
		for _, to := range AllowedNext(from) {
			r := complete(from)
			r.WindowVersion = 3
			after, err := r.Advance(TransitionRequest{To: to, Reason: "it broke"}, stamp())
			if want := map[bool]int{true: 4, false: 3}[to == Scheduled]; err != nil || after.WindowVersion != want {
				t.Errorf("%s → %s: window %d, %v", from, to, after.WindowVersion, err)
			}
		}
	}
}

// A window that moved is told by its times, and what was edited beside it by its name.
func TestEditText_WindowMoved_OthersNamed(t *testing.T) {
	before, after := complete(Scheduled).Plan, complete(Scheduled).Plan
	later := after.ScheduledEnd.Add(time.Hour)
	after.ScheduledEnd = &later
	const moved = "Window moved from 2026-06-30T22:00:00Z – 2026-07-01T00:00:00Z to 2026-06-30T22:00:00Z – 2026-07-01T01:00:00Z"
	for asked, want := range map[string]string{
		"scheduledStart": moved, "scheduledEnd": moved, "scheduledStart scheduledEnd": moved, "name scheduledEnd version": moved + "\nChanged name, version",
	} {
		if got := EditText(before, after, strings.Fields(asked), true); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
}

func TestHoldsText_Reason_CutBehindItsBound(t *testing.T) {
	for length, cut := range map[int]bool{199: false, 200: false, 201: true} {
		text := HoldsText([]Hold{{By: "Ada", Since: now, Text: strings.Repeat("x", length)}})
		if want := min(length, 200); strings.Count(text, "x") != want || strings.Contains(text, "…") != cut {
			t.Errorf("%d bytes: %s", length, text)
		}
	}
}

// An address is bounded in the form in which it is typed, too, which can be longer than the one
// in which mail is sent.
func TestEmail_AsTyped_AtItsBoundAndBeyond(t *testing.T) {
	domain := strings.Repeat("例", 30) + "." + strings.Repeat("例", 30) + ".example"
	for length, ok := range map[int]bool{254: true, 255: false} {
		var f ValidationErrors
		f.Email("email", strings.Repeat("a", length-1-len(domain))+"@"+domain, true)
		if got := wrong(f); (got == "") != ok || !ok && got != "email has 255 bytes of UTF-8; at most 254 are allowed" {
			t.Errorf("%d bytes: %q", length, got)
		}
	}
}

// What documents say of a field is what is checked.
func TestBoundsOf_EachForm_AreTheContracts(t *testing.T) {
	bounds, _ := BoundsOf(func(f *ValidationErrors) {
		f.Email("email", "", false)
		f.Identifier("id", "")
		f.IdentifierOrNone("idOrNone", "")
		f.ConfigurationItem("ci", "")
		f.ConfigurationItemOrNone("ciOrNone", "")
		f.Identifiers("ids", nil, 7)
		TaskPlan{}.Check(f)
		Plan{}.Check(f)
	})
	for field, want := range map[string]Bound{
		"email":        {Form: FormEmail, Most: 254},
		"id":           {Form: FormIdentifier, Most: 64},
		"idOrNone":     {Form: FormIdentifier, Most: 64},
		"ci":           {Form: FormConfigurationItem, Least: 1, Most: 256},
		"ciOrNone":     {Form: FormConfigurationItem, Least: 1, Most: 256},
		"ids":          {Form: FormIdentifier, Most: 64, MaxItems: 7, Unique: true},
		"rolloutSteps": {MaxItems: 100}, "rollbackSteps": {MaxItems: 100},
		"ciIds": {Form: FormConfigurationItem, Least: 1, Most: 256, MaxItems: 40, Unique: true},
	} {
		if got := bounds[field]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", field, got, want)
		}
	}
}

func TestSomeOf_OneToAll(t *testing.T) {
	choices := []string{"a", "b"}
	for given, ok := range map[string]bool{"": false, "a": true, "a b": true, "a b a": false, "a a": false, "c": false} {
		var f ValidationErrors
		SomeOf(&f, "parts", "parts", strings.Fields(given), choices)
		if got := wrong(f); (got == "") != ok {
			t.Errorf("%q: %q", given, got)
		}
	}
	var f ValidationErrors
	if SomeOf(&f, "parts", "parts", []string{"a", "b", "c"}, choices); wrong(f) != "parts names 1 to 2 parts" {
		t.Error(wrong(f))
	}
}

// A list that is longer than it may be since it was stored so may stay, and grow no more.
func TestCheckEdit_ListOfBefore_StaysAndDoesNotGrow(t *testing.T) {
	ids := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint("ci-", i))
		}
		return all
	}
	for n, ok := range map[int]bool{40: true, 41: true, 42: true, 43: false} {
		is := ids(n)
		is[0] = "another"
		var f ValidationErrors
		ChangePlan{AffectedCIIDs: is}.CheckEdit(&f, ChangePlan{AffectedCIIDs: ids(42)})
		if got := wrong(f); (got == "") != ok {
			t.Errorf("%d instead of 42: %q", n, got)
		}
	}
}
