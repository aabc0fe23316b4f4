package upgrade_test

import "testing"

// A decision of the CAB from before digests were kept is shown as one decision without a digest.
// The first edit takes such an approval away as well, where the release that has the change
// request allows it, and no decision is lost on the way.
func TestRecordedChanges_Edit_VoidsWhatWasDecidedBefore(t *testing.T) {
	w := newFixture(t)
	get := func(id string) object {
		t.Helper()
		return w.do(200, "GET /change-requests/"+id, nil)
	}
	// one holds that the change request shows exactly one decision: Ada's, from before digests.
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
		t.Errorf("edited in an approved release, want it pending: %v", v)
	}
	w.refused(409, "cab-approval-missing", "POST /releases/"+approved+"/status", object{"status": "scheduled"})
	if v := w.do(200, "GET /releases/"+approved, nil); v["changedSinceApproval"] != nil {
		t.Errorf("what %s was approved as was never kept, and it shows changes since: %v", approved, v["changedSinceApproval"])
	}
	w.refused(409, "change-frozen", "PATCH /change-requests/CR-I-1", object{"title": "no"})
	if v := edit("CR-D-2"); v["cabDecision"] != "approved" || v["approvalVoided"] != nil {
		t.Errorf("edited in a deployed release, want it still approved: %v", v)
	}
	if v := edit("CR-P-STANDARD"); v["cabDecision"] != "approved" {
		t.Errorf("a Standard change was edited, want it still approved: %v", v)
	}
	if v := edit("CR-FREE-REJECTED"); v["cabDecision"] != "rejected" {
		t.Errorf("a rejected change request was edited, want it still rejected: %v", v)
	}
	one("CR-FREE-REJECTED", "edited", "rejected", "No way back is described")
	if v := get("CR-FREE-PENDING"); v["decisions"] != nil {
		t.Errorf("nobody ever decided on it, and it shows decisions: %v", v["decisions"])
	}
}
