package release

import "time"

// Voided is the edit by which a change request lost the CAB's approval.
type Voided struct {
	By string    `json:"by" doc:"Who edited it."`
	At time.Time `json:"at" doc:"When it was edited."`
}

// Decision is one decision of the CAB, as it was recorded.
type Decision struct {
	Decision CABDecision `json:"decision" doc:"What the CAB decided."`
	Note     string      `json:"note,omitempty" doc:"The remark that came with it."`
	By       string      `json:"by" doc:"Who recorded it."`
	// Subject is the token's sub. Subject and Digest are empty in decisions recorded before
	// they were stored.
	Subject string    `json:"subject,omitempty" doc:"The subject of their token, which tells two people of one name apart."`
	At      time.Time `json:"at" doc:"When it was recorded."`
	// Digest identifies the version of the request that was decided on.
	Digest string `json:"digest,omitempty" doc:"Identifies what was decided on. It equals the change request's 'digest' until what the CAB decides on is edited."`
}

// Decide returns the request after the CAB's decision. With separation of duties, nobody
// decides on what they wrote themselves. Older requests do not say who created them, so
// that rule excludes nobody there.
func (c Change) Decide(d CABDecision, note string, separateDuties bool, stamp Stamp) (Change, error) {
	if by := stamp.By.Subject; separateDuties && by != "" && (by == c.CreatedBySubject || by == c.EditedBySubject) {
		did := "created it"
		if by != c.CreatedBySubject {
			did = "last changed what the CAB decides on"
		}
		return c, Fail(KindConflict, "own-change", "You cannot decide on %s: you %s, and duties are separate here.", c.ID, did)
	}
	at := stamp.At.UTC().Truncate(time.Second)
	c.CABDecision, c.ApprovalStatus = d, ApprovalRejected
	if d == DecisionApproved {
		c.ApprovalStatus = ApprovalApproved
	}
	c.DecidedBy, c.DecidedAt, c.DecisionNote = stamp.By.Author(), &at, note
	c.Voided, c.Outdated = nil, nil
	c.UpdatedAt = at
	c.Revision++
	return c, nil
}

// Edit returns the request with another plan. An approval holds for what was approved: an
// edit of that voids it, which Voided then records. Editing it back does not approve it.
//
// Standard changes are pre-approved whatever they say, unless duties are separate. in is
// the release that holds the request and has not ended; nil for none. While that is in
// progress, what was approved is being carried out and cannot change; once it is deployed
// it is history, and the approval stays for as long as the release holds the request.
func (c Change) Edit(p ChangePlan, in *Release, separateDuties bool, stamp Stamp) (Change, error) {
	before := c.Digest()
	c.ChangePlan = p
	c.Revision++
	c.UpdatedAt = stamp.At.UTC().Truncate(time.Second)
	if c.Digest() == before {
		return c, nil
	}
	if in != nil && in.Status == InProgress {
		return c, in.Conflict("change-frozen", "%s is in %s, which is %s: what the CAB approved cannot change meanwhile.", c.ID, in.ID, in.Status)
	}
	c.EditedBySubject = stamp.By.Subject
	preapproved := c.ChangeType == Standard && !separateDuties
	if !c.CABApproved() || preapproved {
		return c, nil
	}
	edit := Voided{By: stamp.By.Author(), At: c.UpdatedAt}
	if in != nil && in.Status.IsDeployed() {
		c.Outdated = &edit
		return c, nil
	}
	return c.void(edit), nil
}

// void withdraws the CAB's approval because of an edit.
func (c Change) void(edit Voided) Change {
	c.CABDecision, c.ApprovalStatus = DecisionPending, ApprovalPending
	c.DecidedBy, c.DecidedAt, c.DecisionNote = "", nil, ""
	c.Voided, c.Outdated = &edit, nil
	return c
}
