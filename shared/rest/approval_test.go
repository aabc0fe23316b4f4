package rest_test

import (
	"reflect"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// separate returns the fixture with an API that has separate duties.
func (w *fixture) separate() *fixture {
	v := *w
	v.api = rest.Handler(operations.New(w.Store).WithSeparateDuties(true), rest.Routes()...)
	return &v
}

// An approval holds only for what was approved: an edit takes it away until the next decision, and
// others see that. Standard changes are not concerned.
func TestPatchChange_Approved_VoidsTheApproval(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.change(false)
	path := "/change-requests/" + id
	decided := w.must(admin, ask{route: "POST " + path + "/decision", body: object{"decision": "approved", "note": "go"}})
	edited := w.must(admin, ask{route: "PATCH " + path, body: object{"title": "Something else"}})
	v := w.must(viewer, ask{route: "GET " + path})
	voided, _ := v["approvalVoided"].(object)
	if v["cabDecision"] != "pending" || v["approvalStatus"] != "Pending" || voided["by"] != "ada" || voided["at"] == nil || v["decidedBy"] != nil {
		t.Errorf("after the edit it is %v, want pending, voided by ada, decided by nobody", v)
	}
	if v["digest"] == decided["digest"] || v["digest"] != edited["digest"] || !reflect.DeepEqual(edited["approvalVoided"], v["approvalVoided"]) {
		t.Errorf("decided on %v, edited to %v, read as %v; want another digest, and the same in edit and read", decided["digest"], edited, v)
	}
	back := w.must(admin, ask{route: "PATCH " + path, body: object{"title": decided["title"]}})
	if back["digest"] != decided["digest"] || back["cabDecision"] != "pending" {
		t.Errorf("edited back it is %v, want the old digest, and still pending", back)
	}
	repeated := w.must(admin, ask{route: "POST " + path + "/decision", body: object{"decision": "approved"}})
	if repeated["approvalVoided"] != nil || repeated["cabDecision"] != "approved" {
		t.Errorf("decided again it is %v, want approved, and not voided", repeated)
	}
	standard := w.must(admin, ask{route: "POST /change-requests", body: object{"changeType": "Standard", "title": "Rotate the keys"}})
	edited = w.must(admin, ask{route: "PATCH /change-requests/" + standard["id"].(string), body: object{"title": "Rotate all keys"}})
	if edited["cabDecision"] != "approved" || edited["approvalVoided"] != nil {
		t.Errorf("an edited Standard change is %v, want approved", edited)
	}
}

// With separate duties nobody decides on what they wrote themselves: neither who created a change
// request nor who edited it last. And Standard changes are not approved from the start.
func TestDecision_SeparateDuties_OwnChange(t *testing.T) {
	t.Parallel()
	w := newFixture(t).separate()
	carl := caller("carl", release.Admin)
	created := w.must(admin, ask{route: "POST /change-requests", body: object{"changeType": "Standard", "title": "Rotate the keys"}})
	if created["cabDecision"] != "pending" || created["approvalStatus"] != "Pending" {
		t.Errorf("a new Standard change is %v, want pending", created["cabDecision"])
	}
	path := "/change-requests/" + created["id"].(string)
	decide := ask{route: "POST " + path + "/decision", body: object{"decision": "approved"}}
	if p := w.problem(w.send(admin, decide)); p.Code != "own-change" || p.Status != 409 {
		t.Errorf("its creator is answered %+v, want own-change", p)
	}
	w.must(carl, decide)
	if edited := w.must(carl, ask{route: "PATCH " + path, body: object{"title": "Rotate all keys"}}); edited["cabDecision"] != "pending" {
		t.Errorf("after carl's edit it is %v, want pending", edited)
	}
	for who, what := range map[*release.Caller]string{carl: "its last editor", admin: "its creator"} {
		if p := w.problem(w.send(who, decide)); p.Code != "own-change" {
			t.Errorf("%s is answered %+v, want own-change", what, p)
		}
	}
	w.must(caller("dora", release.Admin), decide)
}

// The release and its readiness name the fields that have changed since the release's approval.
func TestReadiness_EditedAfterApproval_NamesTheFields(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := stepped("approved")(w)
	for _, path := range []string{"/releases/" + id, "/releases/" + id + "/readiness"} {
		if got := w.must(viewer, ask{route: "GET " + path})["changedSinceApproval"]; got != nil {
			t.Errorf("%s, just approved, names %v, want no field", path, got)
		}
	}
	edited := w.must(admin, ask{route: "PATCH /releases/" + id, body: object{"successCriteria": "99.9 % for an hour", "rollbackSteps": []object{{"order": 1, "description": "Another way"}}}})
	want := []any{"rollbackSteps", "successCriteria"}
	for where, v := range map[string]object{
		"PATCH": edited, "GET": w.must(viewer, ask{route: "GET /releases/" + id}), "readiness": w.must(viewer, ask{route: "GET /releases/" + id + "/readiness"}),
	} {
		if got := v["changedSinceApproval"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s names %v, want %v", where, got, want)
		}
	}
}
