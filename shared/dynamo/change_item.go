package dynamo

import (
	"strings"

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
	word(a, "status", &c.Status)
	changePlanFields(a, &c.ChangePlan)
	a.birth("createdAt", &c.CreatedAt)
	a.text("createdBy", &c.CreatedBy)
	changeRevisionFields(a, c)
	a.text("releaseId", &c.ReleaseID)
	a.text("lastReleaseId", &c.LastReleaseID)
	a.optionalNumber("releaseEpoch", &c.ReleaseEpoch)
	optionalMapList(a, "history", settlementFields, &c.History)
}

// changeRevisionFields are what every write of a change request replaces.
func changeRevisionFields(a *attributes, c *release.Change) {
	a.seconds("updatedAt", &c.UpdatedAt)
	a.number("revision", &c.Revision)
}

// decisionFields are what the CAB's decision replaces.
func decisionFields(a *attributes, c *release.Change) {
	word(a, "cabDecision", &c.CABDecision)
	word(a, "approvalStatus", &c.ApprovalStatus)
	a.text("decidedBy", &c.DecidedBy)
	a.optionalSeconds("decidedAt", &c.DecidedAt)
	a.text("decisionNote", &c.DecisionNote)
}

// changePlanFields are what an edit of a change request replaces.
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
