package dynamo

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Keys of the Releases table. The release sorts before its links, so one query from
// "M" on reads both; its log logCounterSort sorts just before it.
const (
	releasePrefix  = "REL#"
	logPrefix      = "LOG#"
	linkPrefix     = "N#"
	mainSort       = "M"
	logCounterSort = "L"
)

func releaseKey(id string) item { return key(releasePrefix+id, mainSort) }

func linkKey(id, change string) item { return key(releasePrefix+id, linkPrefix+change) }

func encodeRelease(r release.Release) item {
	i := key(releasePrefix+r.ID, mainSort)
	w := writer(i)
	i["kind"] = text("R")
	i["status"] = text(string(r.Status))
	encodePlan(w, r.Plan)
	w.seconds("actualStart", r.ActualStart)
	w.seconds("actualEnd", r.ActualEnd)
	w.seconds("rolledBackAt", r.RolledBackAt)
	w.text("rolledBackReason", r.RolledBackReason)
	i["createdAt"] = millisValue(r.CreatedAt)
	w.text("createdBy", r.CreatedBy)
	i["updatedAt"] = secondsValue(r.UpdatedAt)
	// Counters are born as zero, not absent, so that conditions can compare them.
	i["revision"] = number(r.Revision)
	i["epoch"] = number(r.Epoch())
	i["announced"] = number(0)
	i["settleEpoch"] = number(0)
	i["settledEpoch"] = number(0)
	i["changeCount"] = number(len(r.ChangeIDs))
	w.number("windowVersion", r.WindowVersion)
	w.set("changeIds", r.ChangeIDs)
	w.set("pending", r.Unapproved)
	w.set("linking", r.Linking)
	return i
}

// encodePlan writes what people edit. It is what a patch replaces as a whole.
func encodePlan(w writer, p release.Plan) {
	w.text("name", p.Name)
	w.text("version", p.Version)
	w.text("description", p.Description)
	w.seconds("scheduledStart", p.ScheduledStart)
	w.seconds("scheduledEnd", p.ScheduledEnd)
	w.text("releaseManager", p.ReleaseManager)
	w.text("releaseManagerEmail", p.ReleaseManagerEmail)
	w["rolloutSteps"] = encodeSteps(p.RolloutSteps)
	w["rollbackSteps"] = encodeSteps(p.RollbackSteps)
	w.text("successCriteria", p.SuccessCriteria)
	w["public"] = boolean(p.Public)
	w.text("publicSummary", p.PublicSummary)
}

func encodeSteps(steps []release.Step) types.AttributeValue {
	l := make([]types.AttributeValue, len(steps))
	for n, s := range steps {
		w := writer{"order": number(s.Order)}
		w.text("description", s.Description)
		w.text("ownerEmail", s.OwnerEmail)
		w.number("estimatedMinutes", s.EstimatedMinutes)
		if s.Completed {
			w["completed"] = boolean(true)
		}
		w.text("completedBy", s.CompletedBy)
		w.seconds("completedAt", s.CompletedAt)
		l[n] = &types.AttributeValueMemberM{Value: item(w)}
	}
	return &types.AttributeValueMemberL{Value: l}
}

func decodeRelease(i item) release.Release {
	r := release.Release{
		ID: strings.TrimPrefix(str(i, "pk"), releasePrefix), Status: release.Status(str(i, "status")),
		Plan: release.Plan{
			Name: str(i, "name"), Version: str(i, "version"), Description: str(i, "description"),
			ScheduledStart: optionalTimeOf(i, "scheduledStart"), ScheduledEnd: optionalTimeOf(i, "scheduledEnd"),
			ReleaseManager: str(i, "releaseManager"), ReleaseManagerEmail: str(i, "releaseManagerEmail"),
			RolloutSteps: decodeSteps(i, "rolloutSteps"), RollbackSteps: decodeSteps(i, "rollbackSteps"),
			SuccessCriteria: str(i, "successCriteria"), Public: boolOf(i, "public"), PublicSummary: str(i, "publicSummary"),
		},
		ActualStart: optionalTimeOf(i, "actualStart"), ActualEnd: optionalTimeOf(i, "actualEnd"),
		RolledBackAt: optionalTimeOf(i, "rolledBackAt"), RolledBackReason: str(i, "rolledBackReason"),
		CreatedAt: timeOf(i, "createdAt").Truncate(time.Second), CreatedBy: str(i, "createdBy"), UpdatedAt: timeOf(i, "updatedAt"),
		Revision: num(i, "revision"), WindowVersion: num(i, "windowVersion"),
		ChangeIDs: stringSetOf(i, "changeIds"), Unapproved: stringSetOf(i, "pending"),
		Linking: stringSetOf(i, "linking"), Deleting: boolOf(i, "deleting"),
	}
	for _, p := range mapsOf(i, "history") {
		r.History = append(r.History, release.HistoryEntry{
			Epoch: num(p, "epoch"), From: release.Status(str(p, "from")), To: release.Status(str(p, "to")), At: timeOf(p, "at"),
			By: decodePerson(p), Note: str(p, "note"), Reason: str(p, "reason"), Request: str(p, "request"),
		})
	}
	if e := num(i, "settleEpoch"); e > 0 {
		r.Settling = &release.Settling{
			Epoch: e, Since: timeOf(i, "settleSince"), Unsettled: stringSetOf(i, "unsettled"), SettledTasks: num(i, "settledTasks"),
		}
	}
	return r
}

func decodeSteps(i item, name string) []release.Step {
	steps := []release.Step{}
	for _, m := range mapsOf(i, name) {
		steps = append(steps, release.Step{
			Order: num(m, "order"), Description: str(m, "description"), OwnerEmail: str(m, "ownerEmail"),
			EstimatedMinutes: num(m, "estimatedMinutes"), Completed: boolOf(m, "completed"),
			CompletedBy: str(m, "completedBy"), CompletedAt: optionalTimeOf(m, "completedAt"),
		})
	}
	return steps
}

func encodeHistoryEntry(p release.HistoryEntry) types.AttributeValue {
	w := writer{"epoch": number(p.Epoch), "from": text(string(p.From)), "to": text(string(p.To)), "at": secondsValue(p.At)}
	encodePerson(w, p.By)
	w.text("note", p.Note)
	w.text("reason", p.Reason)
	w.text("request", p.Request)
	return &types.AttributeValueMemberM{Value: item(w)}
}

func encodePerson(w writer, p release.Person) {
	w.text("subject", p.Subject)
	w.text("author", p.Name)
	w.text("email", p.Email)
}

func decodePerson(i item) release.Person {
	return release.Person{Subject: str(i, "subject"), Name: str(i, "author"), Email: str(i, "email")}
}

func encodeLink(id string, l release.LinkedChange) item {
	i := linkKey(id, l.ID)
	w := writer(i)
	w.text("controlId", l.ControlID)
	w.text("controlTitle", l.ControlTitle)
	w.text("changeType", string(l.ChangeType))
	w.text("cabDecision", string(l.CABDecision))
	w.text("approvalStatus", string(l.ApprovalStatus))
	w.seconds("scheduledStart", l.ScheduledStart)
	return i
}

func decodeLink(i item) release.LinkedChange {
	return release.LinkedChange{
		ID: strings.TrimPrefix(str(i, "sk"), linkPrefix), ControlID: str(i, "controlId"), ControlTitle: str(i, "controlTitle"),
		ChangeType: release.ChangeType(str(i, "changeType")), CABDecision: release.CABDecision(str(i, "cabDecision")),
		ApprovalStatus: release.ApprovalStatus(str(i, "approvalStatus")), ScheduledStart: optionalTimeOf(i, "scheduledStart"),
	}
}

// logKey places the n-th appended entry. Entries that a transition or an edit writes in
// its own transaction cannot take a number there; they sort right after the entry that
// was last when the release was read, with the epoch or the revision as a suffix that
// no other write has.
func logKey(n int) string { return fmt.Sprintf("%012d", n) }

func logKeyOfEpoch(n, epoch int) string { return fmt.Sprintf("%s#%04d", logKey(n), epoch) }

func logKeyOfRevision(n, revision int) string { return fmt.Sprintf("%s#r%08d", logKey(n), revision) }

func encodeLogEntry(releaseID, sk string, e release.LogEntry, request string) item {
	i := key(logPrefix+releaseID, sk)
	w := writer(i)
	i["at"] = millisValue(e.Timestamp)
	w.text("author", e.Author)
	w.text("email", e.AuthorEmail)
	w.text("text", e.Text)
	w.text("entered", string(e.Status)) // not "status": the index on that is for releases
	w.text("request", request)
	return i
}

func decodeLogEntry(i item) release.LogEntry {
	return release.LogEntry{
		ID: logID(str(i, "sk")), Timestamp: timeOf(i, "at"), Author: str(i, "author"), AuthorEmail: str(i, "email"),
		Text: str(i, "text"), Status: release.Status(str(i, "entered")),
	}
}

// logID is the short form of a log key that callers see: "12", "12.3" for the entry of
// the third transition, "12.r7" for that of the edit to revision 7.
func logID(sk string) string {
	n, suffix, written := strings.Cut(sk, "#")
	if !written {
		return withoutZeros(n)
	}
	if revision, ofEdit := strings.CutPrefix(suffix, "r"); ofEdit {
		return withoutZeros(n) + ".r" + withoutZeros(revision)
	}
	return withoutZeros(n) + "." + withoutZeros(suffix)
}

func withoutZeros(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}
