package dynamo

import (
	"strings"
	"time"

	"example.com/releases/shared/release"
)

const changePrefix = "CR#"

func changeKey(id string) item { return key(changePrefix+id, mainSort) }

// encodeChange is the item of a new change request.
func encodeChange(c release.Change) item {
	a := attributes{item: changeKey(c.ID)}
	changeFields(&a, &c)
	a.item["kind"] = text("C")
	a.item["epoch"] = number(c.Epoch())
	return a.item
}

func decodeChange(i item) release.Change {
	c := release.Change{ID: strings.TrimPrefix(str(i, "pk"), changePrefix)}
	changeFields(&attributes{item: i, reading: true}, &c)
	return c
}

func changeFields(a *attributes, c *release.Change) {
	word(a, "changeType", &c.ChangeType)
	decisionFields(a, c)
	editorFields(a, c)
	word(a, "status", &c.Status)
	changePlanFields(a, &c.ChangePlan)
	a.birth("createdAt", &c.CreatedAt)
	a.text("createdBy", &c.CreatedBy)
	a.text("createdBySubject", &c.CreatedBySubject)
	changeRevisionFields(a, c)
	a.text("releaseId", &c.ReleaseID)
	a.text("lastReleaseId", &c.LastReleaseID)
	a.optionalNumber("releaseEpoch", &c.ReleaseEpoch)
	optionalMapList(a, "history", settlementFields, &c.History)
}

// changeRevisionFields are replaced by every write of a change request.
func changeRevisionFields(a *attributes, c *release.Change) {
	a.seconds("updatedAt", &c.UpdatedAt)
	a.number("revision", &c.Revision)
}

// editedChangeFields are replaced by an edit.
func editedChangeFields(a *attributes, c *release.Change) {
	changePlanFields(a, &c.ChangePlan)
	editorFields(a, c)
	decisionFields(a, c)
}

// editorFields are replaced by an edit too, besides the plan and, where it voids one, the
// decision.
func editorFields(a *attributes, c *release.Change) {
	a.text("editedBySubject", &c.EditedBySubject)
}

// decisionFields are replaced by the CAB's decision, and by an edit that voids it.
func decisionFields(a *attributes, c *release.Change) {
	word(a, "cabDecision", &c.CABDecision)
	word(a, "approvalStatus", &c.ApprovalStatus)
	a.text("decidedBy", &c.DecidedBy)
	a.optionalSeconds("decidedAt", &c.DecidedAt)
	a.text("decisionNote", &c.DecisionNote)
	a.set("decisionEntries", &c.DecisionEntries)
	voidedFields(a, "voided", &c.Voided)
	voidedFields(a, "outdated", &c.Outdated)
}

// voidedFields are two attributes, or none where no edit voided an approval.
func voidedFields(a *attributes, name string, v **release.Voided) {
	var by string
	var at *time.Time
	if *v != nil {
		by, at = (*v).By, &(*v).At
	}
	a.text(name+"By", &by)
	a.optionalSeconds(name+"At", &at)
	if !a.reading {
		return
	}
	if *v = nil; at != nil {
		*v = &release.Voided{By: by, At: *at}
	}
}

// changePlanFields are the plan, which an edit of a change request replaces.
func changePlanFields(a *attributes, p *release.ChangePlan) {
	a.text("title", &p.Title)
	a.text("description", &p.Description)
	a.text("controlId", &p.ControlID)
	a.text("controlTitle", &p.ControlTitle)
	a.texts("affectedCiIds", &p.AffectedCIIDs)
	a.optionalSeconds("scheduledStart", &p.ScheduledStart)
	a.optionalSeconds("scheduledEnd", &p.ScheduledEnd)
	a.text("justification", &p.Justification)
	word(a, "risk", &p.Risk)
	a.text("impact", &p.Impact)
	a.text("backoutPlan", &p.BackoutPlan)
}

func settlementFields(a *attributes, s *release.Settlement) {
	a.text("release", &s.ReleaseID)
	a.number("epoch", &s.Epoch)
	word(a, "kind", &s.Kind)
	a.seconds("at", &s.At)
	a.text("reason", &s.Reason)
}
