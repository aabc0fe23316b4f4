package chaos_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// judgeChanges checks I6, that each change request is in the release that says so, and that
// each decision carries the digest of what the change request said at that time.
func (v *verdict) judgeChanges() {
	for _, id := range v.ids("ChangesTable", "CR#") {
		var c struct {
			ID, ChangeType, CABDecision, ApprovalStatus, Status, Title, ReleaseID, Digest string
			AffectedCiIds                                                                 []string
			Decisions                                                                     []struct{ Decision, Note, Digest string }
		}
		if !v.get("/change-requests/"+id, &c) {
			v.fault("%s is gone", id)
			continue
		}
		live := ""
		resolved := false
		for _, h := range v.histories {
			if _, linked := h.linked[id]; !linked || !h.there {
				continue
			}
			if !ended(h.is.Status) {
				if live != "" {
					v.fault("%s is in two live releases, %s and %s", id, live, h.id)
				}
				live = h.id
			}
			resolved = resolved || h.is.Status == "deployed"
		}
		if c.ReleaseID != live {
			v.fault("%s says that it is in %q; by the releases' logs it is in %q", id, c.ReleaseID, live)
		}
		if resolved != (c.Status == "Resolved") {
			v.fault("%s is %s; a deployed release has it (so that it is Resolved): %t", id, c.Status, resolved)
		}
		log := v.readLog("/change-requests/" + id + "/log")
		v.index(id, log)
		title, decision, decisions := "", "", 0
		for at, e := range log {
			for _, change := range e.Changes {
				if change.Field == "title" && e.Kind != "decision" {
					title = change.To
				}
			}
			switch e.Kind {
			case "created":
				decision = "pending"
				if c.ChangeType == "Standard" {
					decision = "approved"
				}
			case "decision":
				decision = e.Decision
				decisions++
				if want := digest(id, c.ChangeType, title); e.Digest != want {
					v.fault("%s, entry %d: a decision on digest %s, want that of its text, %s (%q)", id, at, e.Digest, want, title)
				}
			case "approval-voided":
				if decision != "approved" || c.ChangeType == "Standard" {
					v.fault("%s, entry %d voids an approval; it was %s", id, at, decision)
				}
				decision = "pending"
			case "edit":
				voided := at+1 < len(log) && log[at+1].Kind == "approval-voided"
				if decision == "approved" && c.ChangeType != "Standard" && !voided && !v.editedWhileDeployed(id, e) {
					v.fault("%s, entry %d: an edit of what was approved, which left the approval: %q", id, at, e.Text)
				}
			}
		}
		if c.Title != title || c.CABDecision != decision || c.Digest != digest(id, c.ChangeType, title) || len(c.Decisions) != decisions {
			v.fault("%s is %q, %s, %s with %d decisions; by its record %q, %s, %s with %d", id, c.Title, c.CABDecision, c.Digest, len(c.Decisions), title, decision, digest(id, c.ChangeType, title), decisions)
		}
		if want := map[string]string{"approved": "Approved", "rejected": "Rejected", "pending": "Pending"}[c.CABDecision]; c.ApprovalStatus != want {
			v.fault("the approval status of %s, which is %s, is %s, want %s", id, c.CABDecision, c.ApprovalStatus, want)
		}
		for _, h := range v.histories {
			if approved, linked := h.linked[id]; linked && h.id == live && approved != (c.CABDecision == "approved") {
				v.fault("%s is %s; by the log of %s it is approved: %t", id, c.CABDecision, h.id, approved)
			}
		}
	}
}

// editedWhileDeployed tells whether an edit of a change request was logged by a release that was
// deployed at that time; such an edit leaves the approval.
func (v *verdict) editedWhileDeployed(id string, e entry) bool {
	for _, h := range v.histories {
		status := ""
		for _, l := range h.log {
			if l.Kind == "transition" {
				status = l.Status
			}
			if l.Kind == "edit" && l.ChangeRequestID == id && fmt.Sprint(l.Changes) == fmt.Sprint(e.Changes) {
				return status == "deployed" || ended(status)
			}
		}
	}
	return false
}

// digest names what the CAB decides on: the SHA-256 of the change request's canonical JSON, in
// which absent fields are left out.
func digest(id, changeType, title string) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf(`{"affectedCiIds":["ci-%s"],"changeType":%q,"id":%q,"title":%q}`, id, changeType, id, title)))
	return "v1:" + hex.EncodeToString(sum[:])
}
