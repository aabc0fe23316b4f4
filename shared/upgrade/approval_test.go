package upgrade_test

import "testing"

// What the CAB had decided before anybody kept what it was of is one decision without a
// digest; the first edit takes the approval away all the same, where the release that
// holds the request lets it, and no decision is lost on the way.
func TestRecordedChanges_Edit_VoidsWhatWasDecidedBefore(t *testing.T) {
	w := newFixture(t)
	get := func(id string) object {
		t.Helper()
		return w.do(200, "GET /change-requests/"+id, nil)
	}
	one := func(id, when, decision, note string) {
		t.Helper()
		v := get(id)
		d, _ := valueAt(v, "decisions", 0).(object)
		if len(list(v, "decisions")) != 1 || d["decision"] != decision || valueAt(v, "decisions", 0, "note") != note || d["by"] != "Ada" || d["at"] == nil || d["digest"] != nil || d["subject"] != nil {
			t.Errorf("%s, %s: the decisions are %v", id, when, v["decisions"])
		}
	}
	edit := func(id string) object {
		t.Helper()
		return w.do(200, "PATCH /change-requests/"+id, object{"title": "Edited after the upgrade"})
	}
	for id, want := range map[string]struct{ decision, note string }{
		"CR-FREE-APPROVED": {"approved", "Seen on Tuesday"},
		"CR-S-2":           {"approved", "For the later window too"},
	} {
		one(id, "read", want.decision, want.note)
		entries := list(w.do(200, "GET /change-requests/"+id+"/log", nil), "entries")
		if len(entries) != 1 || valueAt(entries, 0, "kind") != "decision" || valueAt(entries, 0, "legacy") != true {
			t.Errorf("%s: the record is %v", id, entries)
		}
		if v := edit(id); v["cabDecision"] != "pending" || valueAt(v, "approvalVoided", "by") == nil {
			t.Errorf("%s after its first edit: %v", id, v)
		}
		one(id, "edited", want.decision, want.note)
		w.do(200, "POST /change-requests/"+id+"/decision", object{"decision": "approved"})
		v := get(id)
		if len(list(v, "decisions")) != 2 || valueAt(v, "decisions", 0, "digest") != v["digest"] || valueAt(v, "decisions", 1, "note") != want.note {
			t.Errorf("%s decided again: %v", id, v["decisions"])
		}
	}

	if v := edit("CR-A-1"); v["cabDecision"] != "pending" {
		t.Errorf("in an approved release: %v", v)
	}
	w.refused(409, "cab-approval-missing", "POST /releases/"+approved+"/status", object{"status": "scheduled"})
	if v := w.do(200, "GET /releases/"+approved, nil); v["changedSinceApproval"] != nil {
		t.Errorf("nobody knows what %s was approved as: %v", approved, v["changedSinceApproval"])
	}
	w.refused(409, "change-frozen", "PATCH /change-requests/CR-I-1", object{"title": "no"})
	if v := edit("CR-D-2"); v["cabDecision"] != "approved" || v["approvalVoided"] != nil {
		t.Errorf("in a deployed release: %v", v)
	}
	if v := edit("CR-P-STANDARD"); v["cabDecision"] != "approved" {
		t.Errorf("a Standard change: %v", v)
	}
	if v := edit("CR-FREE-REJECTED"); v["cabDecision"] != "rejected" {
		t.Errorf("a rejected one: %v", v)
	}
	one("CR-FREE-REJECTED", "edited", "rejected", "No way back is described")
	if v := get("CR-FREE-PENDING"); v["decisions"] != nil {
		t.Errorf("nobody decided on it: %v", v["decisions"])
	}
}
