package dynamo

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

const changePrefix = "CR#"

func changeKey(id string) item { return key(changePrefix+id, mainSort) }

func encodeChange(c release.Change) item {
	i := changeKey(c.ID)
	w := writer(i)
	i["kind"] = text("C")
	i["changeType"] = text(string(c.ChangeType))
	i["cabDecision"] = text(string(c.CABDecision))
	i["approvalStatus"] = text(string(c.ApprovalStatus))
	i["status"] = text(string(c.Status))
	encodeChangePlan(w, c.ChangePlan)
	w.text("decidedBy", c.DecidedBy)
	w.seconds("decidedAt", c.DecidedAt)
	w.text("decisionNote", c.DecisionNote)
	i["createdAt"] = millisValue(c.CreatedAt)
	w.text("createdBy", c.CreatedBy)
	i["updatedAt"] = secondsValue(c.UpdatedAt)
	i["revision"] = number(c.Revision)
	i["epoch"] = number(c.Epoch())
	return i
}

func encodeChangePlan(w writer, p release.ChangePlan) {
	w.text("title", p.Title)
	w.text("description", p.Description)
	w.text("controlId", p.ControlID)
	w.text("controlTitle", p.ControlTitle)
	w["affectedCiIds"] = stringListValue(p.AffectedCIIDs)
	w.seconds("scheduledStart", p.ScheduledStart)
	w.seconds("scheduledEnd", p.ScheduledEnd)
}

func decodeChange(i item) release.Change {
	c := release.Change{
		ID:         strings.TrimPrefix(str(i, "pk"), changePrefix),
		ChangeType: release.ChangeType(str(i, "changeType")), CABDecision: release.CABDecision(str(i, "cabDecision")),
		ApprovalStatus: release.ApprovalStatus(str(i, "approvalStatus")), Status: release.ChangeStatus(str(i, "status")),
		ChangePlan: release.ChangePlan{
			Title: str(i, "title"), Description: str(i, "description"), ControlID: str(i, "controlId"), ControlTitle: str(i, "controlTitle"),
			AffectedCIIDs: stringListOf(i, "affectedCiIds"), ScheduledStart: optionalTimeOf(i, "scheduledStart"), ScheduledEnd: optionalTimeOf(i, "scheduledEnd"),
		},
		DecidedBy: str(i, "decidedBy"), DecidedAt: optionalTimeOf(i, "decidedAt"), DecisionNote: str(i, "decisionNote"),
		CreatedAt: timeOf(i, "createdAt").Truncate(time.Second), CreatedBy: str(i, "createdBy"), UpdatedAt: timeOf(i, "updatedAt"),
		Revision: num(i, "revision"), ReleaseID: str(i, "releaseId"), LastReleaseID: str(i, "lastReleaseId"), ReleaseEpoch: num(i, "releaseEpoch"),
	}
	for _, m := range mapsOf(i, "history") {
		c.History = append(c.History, decodeSettlement(m))
	}
	return c
}

func encodeSettlement(s release.Settlement) types.AttributeValue {
	w := writer{"release": text(s.ReleaseID), "epoch": number(s.Epoch), "kind": text(string(s.Kind)), "at": secondsValue(s.At)}
	w.text("reason", s.Reason)
	return &types.AttributeValueMemberM{Value: item(w)}
}

func decodeSettlement(m item) release.Settlement {
	return release.Settlement{
		ReleaseID: str(m, "release"), Epoch: num(m, "epoch"), Kind: release.Status(str(m, "kind")), At: timeOf(m, "at"), Reason: str(m, "reason"),
	}
}
