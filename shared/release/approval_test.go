package release

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	ada  = Person{Subject: "sub-ada", Name: "Ada"}
	cleo = Person{Subject: "sub-cleo", Name: "Cleo"}
)

func stampOf(p Person) Stamp {
	return Stamp{At: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), By: p}
}

// approved is a change request that Cleo has approved, of a type.
func approved(t *testing.T, kind ChangeType) Change {
	t.Helper()
	c, err := Change{ID: "CHG-1", ChangeType: kind, CABDecision: DecisionPending, ApprovalStatus: ApprovalPending, Revision: 1}.
		Decide(DecisionApproved, "go", false, stampOf(cleo))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What an edit does to an approval, typed by hand: by the type, by what was edited, by
// where the release stands, with and without separate duties.
func TestEdit_ApprovedChange_VoidedFrozenOrKept(t *testing.T) {
	in := func(s Status) *Release { return &Release{ID: "REL-2026-Q2-001", Status: s} }
	const (
		kept     = "kept"
		voided   = "voided"
		frozen   = "change-frozen"
		outdated = "kept until it is given back"
	)
	for _, test := range []struct {
		name     string
		kind     ChangeType
		title    string
		in       *Release
		separate bool
		want     string
	}{
		{"another title", Normal, "New", nil, false, voided},
		{"white space", Normal, " Old ", nil, false, kept},
		{"an emergency", Emergency, "New", nil, false, voided},
		{"standard", Standard, "New", nil, false, kept},
		{"standard with separate duties", Standard, "New", nil, true, voided},
		{"in a planned release", Normal, "New", in(Planned), false, voided},
		{"in an approved release", Normal, "New", in(Approved), false, voided},
		{"in a scheduled release", Normal, "New", in(Scheduled), false, voided},
		{"in a running release", Normal, "New", in(InProgress), false, frozen},
		{"standard in a running release", Standard, "New", in(InProgress), false, frozen},
		{"white space in a running release", Normal, "Old\t", in(InProgress), false, kept},
		{"in a deployed release", Normal, "New", in(Deployed), false, outdated},
		{"standard in a deployed release", Standard, "New", in(Deployed), false, kept},
	} {
		before := approved(t, test.kind)
		before.Title = "Old"
		plan := before.ChangePlan
		plan.Title = test.title
		after, err := before.Edit(plan, test.in, test.separate, stampOf(ada))
		got := kept
		switch {
		case HasCode(err, "change-frozen"):
			got = frozen
		case err != nil:
			got = err.Error()
		case !after.CABApproved():
			got = voided
		case after.Outdated != nil:
			got = outdated
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if got == voided {
			want := Change{
				ID: "CHG-1", ChangeType: test.kind, CABDecision: DecisionPending, ApprovalStatus: ApprovalPending, ChangePlan: plan,
				Voided: &Voided{By: "Ada", At: stampOf(ada).At}, EditedBySubject: "sub-ada", UpdatedAt: stampOf(ada).At, Revision: 3,
			}
			if !reflect.DeepEqual(after, want) {
				t.Errorf("%s:\n%+v, want\n%+v", test.name, after, want)
			}
		}
	}
}

// Editing back does not approve, what was rejected stays so, and the next decision ends
// the word of the edit.
func TestEdit_VoidedAndRejected_WaitForADecision(t *testing.T) {
	c := approved(t, Normal)
	edited, _ := c.Edit(ChangePlan{Title: "New"}, nil, false, stampOf(ada))
	back, err := edited.Edit(c.ChangePlan, nil, false, stampOf(ada))
	if err != nil || back.CABApproved() || back.Voided == nil || back.Digest() != c.Digest() {
		t.Errorf("edited back: %+v, %v", back, err)
	}
	decided, err := back.Decide(DecisionRejected, "no", false, stampOf(cleo))
	if err != nil || decided.Voided != nil {
		t.Errorf("decided: %+v, %v", decided, err)
	}
	rejected, err := decided.Edit(ChangePlan{Title: "New"}, nil, false, stampOf(ada))
	if err != nil || rejected.CABDecision != DecisionRejected || rejected.Voided != nil {
		t.Errorf("rejected and edited: %+v, %v", rejected, err)
	}
}

// What was edited after its deployment keeps its approval for as long as its release
// holds it, and does not take it into the next.
func TestFollow_EditedWhileDeployed_RollbackVoids(t *testing.T) {
	c := approved(t, Normal)
	c.ReleaseID = "REL-2026-Q2-001"
	up := Settlement{ReleaseID: c.ReleaseID, Epoch: 4, Kind: Deployed, At: stampOf(cleo).At}
	down := Settlement{ReleaseID: c.ReleaseID, Epoch: 5, Kind: RolledBack, At: up.At}
	untouched, _ := c.Follow(c.ReleaseID, []Settlement{up, down})
	if !untouched.CABApproved() || untouched.ReleaseID != "" {
		t.Errorf("untouched: %+v", untouched)
	}
	c, _ = c.Follow(c.ReleaseID, []Settlement{up})
	c, err := c.Edit(ChangePlan{Title: "New"}, &Release{ID: c.ReleaseID, Status: Deployed}, false, stampOf(ada))
	if err != nil || !c.CABApproved() {
		t.Fatalf("%+v, %v", c, err)
	}
	c, _ = c.Follow(c.ReleaseID, []Settlement{up, down})
	if c.CABApproved() || c.Voided == nil || c.Voided.By != "Ada" || c.Outdated != nil {
		t.Errorf("given back: %+v", c)
	}
}

// Who wrote a change request does not decide on it, where duties are separate; an unknown
// creator bars nobody.
func TestDecide_SeparateDuties_OwnChange(t *testing.T) {
	for _, test := range []struct {
		name                     string
		created, edited, decides string
		separate, refused        bool
	}{
		{"its creator", "a", "", "a", true, true},
		{"its last editor", "a", "b", "b", true, true},
		{"its creator, whom another edited after", "a", "b", "a", true, true},
		{"somebody else", "a", "b", "c", true, false},
		{"nobody known wrote it", "", "", "a", true, false},
		{"nobody known decides", "", "", "", true, false},
		{"its creator where duties are not separate", "a", "a", "a", false, false},
	} {
		c := Change{ID: "CHG-1", CreatedBySubject: test.created, EditedBySubject: test.edited}
		_, err := c.Decide(DecisionApproved, "", test.separate, stampOf(Person{Subject: test.decides}))
		if HasCode(err, "own-change") != test.refused || (err != nil) != test.refused {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Each field of a plan that changes after the approval is named, no other, and only then.
// The fields are read off the type.
func TestChangedSinceApproval_EachField_IsNamed(t *testing.T) {
	at := func(hour int) *time.Time { v := time.Date(2026, 5, 4, hour, 0, 0, 0, time.UTC); return &v }
	planned := Release{ID: "REL-2026-Q2-001", Status: Planned, Plan: Plan{RolloutSteps: []Step{{Order: 1, Description: "Drain"}}}.Normalise()}
	if changed := planned.ChangedSinceApproval(); changed != nil {
		t.Errorf("a planned release: %v", changed)
	}
	r, err := planned.Advance(TransitionRequest{To: Approved}, stampOf(cleo))
	if err != nil {
		t.Fatal(err)
	}
	if changed := r.ChangedSinceApproval(); changed != nil {
		t.Errorf("just approved: %v", changed)
	}
	fields := reflect.TypeFor[Plan]()
	for i := range fields.NumField() {
		edited := r
		v := reflect.ValueOf(&edited.Plan).Elem().Field(i)
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Pointer:
			v.Set(reflect.ValueOf(at(i)))
		case reflect.Slice:
			v.Set(reflect.ValueOf([]Step{{Order: 1, Description: "Drain", OwnerEmail: "a@example.com"}}))
		default:
			t.Fatalf("say here what a %s can be", v.Type())
		}
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		if changed := edited.ChangedSinceApproval(); !reflect.DeepEqual(changed, []string{name}) {
			t.Errorf("%s changed: %v", name, changed)
		}
		if row := edited.CheckReadiness(nil, *at(1), nil, 0); !reflect.DeepEqual(row.ChangedSinceApproval, []string{name}) {
			t.Errorf("readiness says %v of %s", row.ChangedSinceApproval, name)
		}
	}
	done := r
	done.RolloutSteps = []Step{{Order: 1, Description: "Drain", Completed: true, CompletedBy: "Ada", CompletedAt: at(1)}}
	if changed := done.ChangedSinceApproval(); changed != nil {
		t.Errorf("a completed step: %v", changed)
	}
	for name, older := range map[string][]byte{"before this was kept": nil, "by a version with a field less": r.ApprovedPlan[:len(r.ApprovedPlan)-approvedDigest]} {
		edited := r
		reflect.ValueOf(&edited.Plan).Elem().Field(fields.NumField() - 1).SetString("x")
		edited.ApprovedPlan = older
		if changed := edited.ChangedSinceApproval(); changed != nil {
			t.Errorf("approved %s: %v", name, changed)
		}
	}
}
