package record

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
)

func entry() release.LogEntry {
	unverified := false
	return release.LogEntry{
		ID: "e0001.5", Kind: release.LogEdit, Timestamp: time.Date(2026, 11, 26, 9, 0, 0, 123e6, time.UTC),
		Author: "Ada <b>", AuthorEmail: "ada@example.com", AuthorEmailVerified: &unverified, Subject: "auth0|17", Text: "Changed name & more",
		Status: release.Planned, ReleaseID: "REL-1", ChangeRequestID: "CHG-1", Decision: release.DecisionApproved, Digest: "v1:00",
		Changes: []release.FieldChange{
			{Field: "name", To: "Новое имя", Was: &release.Fingerprint{SHA256: strings.Repeat("0a", 32), Bytes: 7}},
			{Field: "successCriteria", Was: &release.Fingerprint{SHA256: strings.Repeat("ff", 32), Bytes: 1}},
		},
		Added: []release.ScopedChange{{ID: "CHG-2", CABDecision: release.DecisionPending}}, Removed: []release.ScopedChange{{ID: "CHG-3", Digest: "v1:11"}},
		Hold: &release.HoldChange{Placed: true, Holder: "saml|18"},
		Step: &release.StepCompletion{Plan: release.RolloutPlan, Order: 3, Completed: true}, Settlement: &release.SettlementCounts{Epoch: 4, Changes: 2, Tasks: 9},
	}
}

func TestEncode_EveryField_ComesBack(t *testing.T) {
	want := entry()
	got, err := Encode("REL-1", "e0001.5", want).Decode()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// What people wrote, and who they are, is not in the bytes but beside them. So it can be erased, and the
// bytes still prove the rest.
func TestEncode_TextsAndNames_StandBesideTheBytes(t *testing.T) {
	e := Encode("REL-1", "e0001.5", entry())
	for _, personal := range []string{"Ada", "ada@example.com", "auth0", "saml", "Changed", "Новое", "0a0a", "ffff"} {
		if strings.Contains(e.Bytes, personal) {
			t.Errorf("%q is in the bytes: %s", personal, e.Bytes)
		}
	}
	var hashes map[string]any
	if err := json.Unmarshal([]byte(e.Bytes), &hashes); err != nil {
		t.Fatal(err)
	}
	for name, v := range e.Values {
		sum := sha256.Sum256(v)
		if want := base64.RawStdEncoding.EncodeToString(sum[:]); !strings.Contains(e.Bytes, want) {
			t.Errorf("the hash of %s is not in the bytes", name)
		}
		if len(v) <= 16 {
			t.Errorf("%s has no salt, or no value", name)
		}
	}
	if len(e.Values) != 8 { // subject, author, email, text, holder, to0, was0, was1
		t.Errorf("%d values are beside the bytes, want 8: %v", len(e.Values), e.Values)
	}
	delete(e.Values, "text")
	got, err := e.Decode()
	if err != nil || got.Text != "" || got.Author != "Ada <b>" {
		t.Errorf("without its text it is decoded as %+v, want the rest as it was: %v", got, err)
	}
	if repeated := Encode("REL-1", "e0001.5", entry()); repeated.Bytes == e.Bytes {
		t.Error("an entry that is encoded twice has the same hashes, so that an erased text could be guessed")
	}
}

func TestDecode_NotInItsForm_IsAnError(t *testing.T) {
	for _, bytes := range []string{"", "{", "[]", `{"at":"yesterday"}`} {
		if _, err := (Entry{Bytes: bytes}).Decode(); err == nil {
			t.Errorf("%q was decoded, want an error", bytes)
		}
	}
}

func steps(n int) []release.Step {
	all := make([]release.Step, n)
	for i := range all {
		all[i] = release.Step{Order: i + 1, Description: "do", EstimatedMinutes: 5}
	}
	return all
}

func TestPlanChanges_ByField(t *testing.T) {
	start := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC)
	before := release.Plan{Name: "Spring", ScheduledStart: &start, RolloutSteps: steps(4), RollbackSteps: []release.Step{}, Public: true}
	names := func(after release.Plan) string {
		var all []string
		for _, c := range PlanChanges(before, after) {
			all = append(all, c.Field+"="+c.To)
		}
		return strings.Join(all, " ")
	}
	with := func(change func(*release.Plan)) release.Plan {
		after := before
		after.RolloutSteps = append([]release.Step{}, before.RolloutSteps...)
		change(&after)
		return after
	}
	for _, c := range []struct {
		what  string
		after release.Plan
		want  string
	}{
		{"nothing", with(func(*release.Plan) {}), ""},
		{"a text", with(func(p *release.Plan) { p.Name = `Sp"ring` }), `name=Sp"ring`},
		{"emptied", with(func(p *release.Plan) { p.Name, p.ScheduledStart, p.Public = "", nil, false }), "name= public= scheduledStart="},
		{"a time", with(func(p *release.Plan) { later := start.Add(time.Hour); p.ScheduledStart = &later }), "scheduledStart=2026-05-04T19:00:00Z"},
		{"completion is no part of a plan", with(func(p *release.Plan) { p.RolloutSteps[0].Completed = true }), ""},
		{
			"one step of four", with(func(p *release.Plan) { p.RolloutSteps[1].Description = "undo" }),
			`rolloutSteps[2]={"order":2,"description":"undo","estimatedMinutes":5,"completed":false}`,
		},
		{"the last step is gone", with(func(p *release.Plan) { p.RolloutSteps = p.RolloutSteps[:3] }), "rolloutSteps[4]="},
		{
			"most of the steps", with(func(p *release.Plan) { p.RolloutSteps = steps(1); p.RolloutSteps[0].Order = 9 }),
			`rolloutSteps=[{"order":9,"description":"do","estimatedMinutes":5,"completed":false}]`,
		},
		{
			"two steps of four", with(func(p *release.Plan) { p.RolloutSteps[0].Description, p.RolloutSteps[1].Description = "undo", "undo" }),
			`rolloutSteps[1]={"order":1,"description":"undo","estimatedMinutes":5,"completed":false} rolloutSteps[2]={"order":2,"description":"undo","estimatedMinutes":5,"completed":false}`,
		},
		{"no steps at all", with(func(p *release.Plan) { p.RolloutSteps = nil }), "rolloutSteps="},
	} {
		if got := names(c.after); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// Of an old value the length and the SHA-256 are told. For a text it is the SHA-256 of the text itself,
// which sha256sum computes as well.
func TestPlanChanges_OldValue_IsAFingerprint(t *testing.T) {
	got := PlanChanges(release.Plan{Name: "abc"}, release.Plan{Name: "abcd"})
	want := release.Fingerprint{SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Bytes: 3}
	if len(got) != 1 || *got[0].Was != want {
		t.Errorf("the changes are %+v, want one with the fingerprint %+v", got, want)
	}
}

// An entry with every field at its bound has at most 320,000 bytes, well below the 400 KB that an item
// may have.
func TestEncode_PlanAtItsBounds_FitsAnItem(t *testing.T) {
	p := release.Plan{
		Name: strings.Repeat("n", release.MaxName), Version: strings.Repeat("v", release.MaxVersion), Description: strings.Repeat("d", release.MaxDescription),
		ReleaseManager: strings.Repeat("m", release.MaxName), ReleaseManagerEmail: strings.Repeat("e", release.MaxEmail),
		SuccessCriteria: strings.Repeat("s", release.MaxDescription), PublicSummary: strings.Repeat("p", release.MaxSummary), Public: true,
	}
	for _, list := range []*[]release.Step{&p.RolloutSteps, &p.RollbackSteps} {
		for n := range release.MaxSteps {
			*list = append(*list, release.Step{
				Order: 9900 + n, Description: strings.Repeat("x", release.MaxStepText), OwnerEmail: strings.Repeat("o", release.MaxEmail), EstimatedMinutes: release.MaxMinutes,
			})
		}
	}
	e := release.LogEntry{Kind: release.LogCreated, Changes: PlanChanges(release.Plan{}, p)}
	for range release.MaxChanges {
		e.Added = append(e.Added, release.ScopedChange{ID: strings.Repeat("C", release.MaxID), CABDecision: release.DecisionApproved, Digest: "v1:" + strings.Repeat("0", 64)})
	}
	form := Encode("REL-2026-Q2-001", "e0000", e)
	size := len(form.Bytes)
	for name, v := range form.Values {
		size += len(name) + len(v)
	}
	if size > 320_000 {
		t.Errorf("an entry at every bound takes %d bytes, want 320,000 at most", size)
	}
	t.Logf("an entry at every bound takes %d bytes", size)
}

func TestPlanChanges_RollbackSteps_OneByOneToo(t *testing.T) {
	before := release.Plan{RollbackSteps: steps(4)}
	after := release.Plan{RollbackSteps: steps(4)}
	after.RollbackSteps[2].Description = "undo"
	if all := PlanChanges(before, after); len(all) != 1 || all[0].Field != "rollbackSteps[3]" {
		t.Errorf("the changes are %+v, want rollbackSteps[3] alone", all)
	}
}

// A nil list and an empty one are the same: there is no change between them.
func TestChangePlanChanges_NoList_IsAnEmptyOne(t *testing.T) {
	for _, way := range [][2]release.ChangePlan{{{}, {AffectedCIIDs: []string{}}}, {{AffectedCIIDs: []string{}}, {}}} {
		if all := ChangePlanChanges(way[0], way[1]); len(all) > 0 {
			t.Errorf("the changes are %+v, want none", all)
		}
	}
}

// Each stored value begins with a salt of sixteen bytes, and StandingValues separates the two.
func TestEncode_Salt_HasSixteenBytes(t *testing.T) {
	e := Encode("REL-1", "e0000", release.LogEntry{Kind: release.LogNote, Text: "x", Author: "Ada"})
	for _, v := range e.StandingValues() {
		salt, err := base64.StdEncoding.DecodeString(v.Salt)
		if err != nil || len(salt) != 16 || v.Value != map[string]string{"text": "x", "author": "Ada"}[v.Name] {
			t.Errorf("%+v has a salt of %d bytes, want 16 and the value: %v", v, len(salt), err)
		}
	}
	if d, err := e.Decode(); err != nil || d.Text != "x" || d.Author != "Ada" {
		t.Errorf("it is decoded as %+v, want x by Ada: %v", d, err)
	}
}

// For each part of an entry, as callers of erasures name it, the names under which its values are
// stored.
func TestValueNames_EachPart(t *testing.T) {
	changes := Encode("REL-1", "e0001", release.LogEntry{Kind: release.LogEdit, Changes: []release.FieldChange{{Field: "name", To: "a"}, {Field: "version", To: "b"}}})
	for part, want := range map[release.Erasable]string{
		"author": "author", "authorEmail": "email", "subject": "subject holder", "text": "text", "changes": "to0 was0 to1 was1",
	} {
		if got := strings.Join(ValueNames(changes.Bytes, []release.Erasable{part}), " "); got != want {
			t.Errorf("%s: %s, want %s", part, got, want)
		}
	}
}
