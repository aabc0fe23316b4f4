package rest_test

import (
	"reflect"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

// Erased words are gone from every answer, and the evidence can still be verified.
func TestErase_WordsAreGone_ProofStays(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	kept, size := w.fetch(w.release, 0), w.checkpoint().Size
	erase := func(body object, want int) string {
		t.Helper()
		got := w.send(admin, ask{route: "POST /record/erasures", body: body})
		if got.Code != want {
			t.Fatalf("the erasure %v: %d, want %d; %s", body, got.Code, want, got.text)
		}
		return got.text
	}
	erasure := erase(object{"releaseId": w.release, "entry": "e0.1", "values": []string{"text", "Author"}}, 201)
	for _, part := range []string{`"kind":"erasure"`, `"text":"Erased text, author of entry e0.1"`, `"erased":{"entry":"e0.1","values":["text","author"]}`, `"author":"ada"`} {
		if !strings.Contains(erasure, part) {
			t.Errorf("the erasure's entry lacks %s: %s", part, erasure)
		}
	}
	erase(object{"releaseId": w.release, "entry": "e0000.000000000001", "values": []string{"text"}}, 409) // the same entry, by its key
	erase(object{"changeRequestId": w.change, "entry": "3", "values": []string{"text", "changes"}}, 201)
	erase(object{"releaseId": w.release, "entry": "e0.0.1.decision/" + w.change, "values": []string{"text"}}, 201)
	erase(object{"releaseId": w.release, "entry": "e7.1", "values": []string{"text"}}, 404)
	erase(object{"changeRequestId": "CHG-none", "entry": "1", "values": []string{"text"}}, 404)
	erase(object{"releaseId": "REL-1999-Q1-001", "entry": "e0", "values": []string{"text"}}, 404)
	for _, wrong := range []object{
		{"releaseId": w.release, "changeRequestId": w.change, "entry": "2", "values": []string{"text"}},
		{"entry": "2", "values": []string{"text"}},
		{"releaseId": w.release, "entry": "e0", "values": []string{}},
		{"releaseId": w.release, "entry": "e0", "values": []string{"leaf"}},
		{"releaseId": w.release, "values": []string{"text"}},
	} {
		erase(wrong, 400)
	}
	w.seal()
	now := w.fetch(w.release, size)
	for _, words := range []string{"Rehearsed.", "As discussed."} {
		for where, text := range map[string]string{
			"evidence": now, "log": w.send(auditor, ask{route: "GET /releases/" + w.release + "/log"}).text,
			"release": w.send(auditor, ask{route: "GET /releases/" + w.release}).text, "change log": w.send(auditor, ask{route: "GET /change-requests/" + w.change + "/log"}).text,
		} {
			if strings.Contains(text, words) {
				t.Errorf("%q was erased, and is in the %s: %s", words, where, text)
			}
		}
	}
	if v, fault := w.verify(now, kept); fault != "" || v.Erased < 4 || v.Entries != 11 {
		t.Errorf("the verifier says %+v, %s; want 11 entries, 4 values erased or more, and no fault", v, fault)
	}
	w.must(admin, ask{route: "POST /releases/" + w.release + "/status", body: object{"status": "cancelled"}})
	w.must(admin, ask{route: "DELETE /releases/" + w.release})
	erase(object{"releaseId": w.release, "entry": "e1.2", "values": []string{"text"}}, 201) // also of a deleted release
	erase(object{"releaseId": w.release, "entry": "e1.2", "values": []string{"author"}}, 201)
	w.seal()
	if _, fault := w.verify(w.fetch(w.release, size), kept); fault != "" {
		t.Errorf("of the deleted release the verifier says: %s", fault)
	}
}

// Releases and change requests have copies of words in their entries: who created them, who decided and
// with which note, whose edit voided an approval, who completed a step. They are erased with the entry.
func TestErase_CopiesInTheItems_AreErasedToo(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	change := w.change(false)
	created := w.must(admin, ask{route: "POST /releases", body: object{
		"name": "Spring", "scheduledStart": "2026-05-04T18:00:00Z", "scheduledEnd": "2026-05-04T20:00:00Z", "linkedChangeRequestIds": []string{change},
		"rolloutSteps": []object{{"order": 3, "description": "Copy."}, {"order": 7, "description": "Switch."}}, "rollbackSteps": []object{{"order": 7, "description": "Switch back."}},
	}})
	id := created["id"].(string)
	ofChange, ofRelease := "/change-requests/"+change, "/releases/"+id
	erase := func(body object) {
		t.Helper()
		w.must(admin, ask{route: "POST /record/erasures", body: body})
	}
	shows := func(route, field string, want any) {
		t.Helper()
		if got := w.must(viewer, ask{route: "GET " + route})[field]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s of %s is %v, want %v", field, route, got, want)
		}
	}
	decide := func(decision string) {
		t.Helper()
		w.must(admin, ask{route: "POST " + ofChange + "/decision", body: object{"decision": decision, "note": "As discussed with Ann."}})
	}

	decide("rejected") // revision 3, after the creation and the link
	decide("approved") // revision 4
	erase(object{"changeRequestId": change, "entry": "3", "values": []string{"author", "text"}})
	shows(ofChange, "decidedBy", "ada") // entry 3 is of the rejection, and the approval has replaced that
	shows(ofChange, "decisionNote", "As discussed with Ann.")
	erase(object{"changeRequestId": change, "entry": "4", "values": []string{"authorEmail", "subject"}})
	shows(ofChange, "decidedBy", "ada")
	erase(object{"changeRequestId": change, "entry": "4", "values": []string{"text"}})
	shows(ofChange, "decisionNote", nil)
	shows(ofChange, "decidedBy", "ada")
	erase(object{"changeRequestId": change, "entry": "4", "values": []string{"author"}})
	shows(ofChange, "decidedBy", nil)
	shows(ofChange, "cabDecision", "approved")
	shows(ofChange, "createdBy", "ada")
	erase(object{"changeRequestId": change, "entry": "1", "values": []string{"author"}})
	shows(ofChange, "createdBy", "")

	erase(object{"releaseId": id, "entry": "e0", "values": []string{"author"}})
	shows(ofRelease, "createdBy", "")
	for _, to := range []string{"approved", "scheduled"} {
		w.must(admin, ask{route: "POST " + ofRelease + "/status", body: object{"status": to, "note": "Ann is on call."}})
	}
	for _, step := range []string{"rollout/3", "rollout/7", "rollback/7"} {
		w.must(admin, ask{route: "POST " + ofRelease + "/steps/" + step, body: object{"completed": true}})
	}
	log := w.must(viewer, ask{route: "GET " + ofRelease + "/log?kind=step"})["entries"].([]any) // the newest first
	for n, step := range []struct {
		plan string
		at   int
	}{{"rollbackSteps", 0}, {"rolloutSteps", 1}} {
		erase(object{"releaseId": id, "entry": log[n].(map[string]any)["id"], "values": []string{"author"}})
		steps := w.must(viewer, ask{route: "GET " + ofRelease})[step.plan].([]any)
		if s := steps[step.at].(map[string]any); s["completedBy"] != nil || s["completed"] != true {
			t.Errorf("the step in %s is %v, want completed, by nobody that is named", step.plan, s)
		}
	}
	if s := w.must(viewer, ask{route: "GET " + ofRelease})["rolloutSteps"].([]any)[0].(map[string]any); s["completedBy"] != "ada" {
		t.Errorf("another step, of which nothing was erased, is %v, want completed by ada", s)
	}

	erase(object{"releaseId": id, "entry": "e2", "values": []string{"author", "authorEmail", "subject", "text"}})
	r, err := w.Store.Release(t.Context(), id)
	if err != nil || r.History[1].By != (release.Person{EmailVerified: true}) || r.History[1].Note != "" || r.History[0].By != admin.Person || r.History[0].Note != "Ann is on call." {
		t.Errorf("the history is %+v, want nothing of the second transition's words, and all of the first's: %v", r.History, err)
	}

	w.must(admin, ask{route: "PATCH " + ofChange, body: object{"impact": "None."}}) // voids the approval
	voided := w.must(viewer, ask{route: "GET " + ofChange})["approvalVoided"].(map[string]any)
	edit := w.must(viewer, ask{route: "GET " + ofChange + "/log?kind=edit"})["entries"].([]any)[0].(map[string]any)
	erase(object{"changeRequestId": change, "entry": edit["id"], "values": []string{"author"}})
	shows(ofChange, "approvalVoided", map[string]any{"by": "", "at": voided["at"]})
	w.seal()
	if _, fault := w.verify(w.fetch(id, 0)); fault != "" {
		t.Errorf("the verifier says: %s", fault)
	}
}
