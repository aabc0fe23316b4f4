package dynamo

import (
	"strings"
	"time"

	"example.com/releases/shared/release"
)

// Keys of the Releases table. Sort keys are chosen so that one query reads what belongs
// together: holds (H#…), the log's counter (L), the release (M), its links (N#…).
const (
	releasePrefix  = "REL#"
	logPrefix      = "LOG#"
	linkPrefix     = "N#"
	mainSort       = "M"
	logCounterSort = "L"
)

func releaseKey(id string) item { return key(releasePrefix+id, mainSort) }

func linkKey(id, change string) item { return key(releasePrefix+id, linkPrefix+change) }

// encodeRelease is the item of a new release.
func encodeRelease(r release.Release) item {
	a := attributes{item: releaseKey(r.ID)}
	releaseFields(&a, &r)
	i := a.item
	i["kind"] = text("R")
	// The other counters of the item begin as zero, so that conditions can compare them.
	i["epoch"] = number(r.Epoch())
	i["announced"] = number(0)
	i["settledEpoch"] = number(0)
	i["changeCount"] = number(len(r.ChangeIDs))
	return i
}

func decodeRelease(i item) release.Release {
	r := release.Release{ID: strings.TrimPrefix(str(i, "pk"), releasePrefix)}
	releaseFields(&attributes{item: i, reading: true}, &r)
	return r
}

func releaseFields(a *attributes, r *release.Release) {
	word(a, "status", &r.Status)
	editableFields(a, r)
	a.optionalSeconds("actualStart", &r.ActualStart)
	a.optionalSeconds("actualEnd", &r.ActualEnd)
	a.optionalSeconds("rolledBackAt", &r.RolledBackAt)
	a.text("rolledBackReason", &r.RolledBackReason)
	a.birth("createdAt", &r.CreatedAt)
	a.text("createdBy", &r.CreatedBy)
	a.bytes("approvedPlan", &r.ApprovedPlan)
	a.set("changeIds", &r.ChangeIDs)
	a.set("pending", &r.Unapproved)
	a.set(heldBy, &r.Held)
	a.set("linking", &r.Linking)
	a.optionalBoolean("deleting", &r.Deleting)
	optionalMapList(a, "history", historyFields, &r.History)
	optionalMapList(a, "publicHistory", publicEventFields, &r.PublicHistory)
	settlingFields(a, &r.Settling)
}

// editableFields are replaced by an edit of a release.
func editableFields(a *attributes, r *release.Release) {
	planFields(a, &r.Plan)
	a.optionalNumber("windowVersion", &r.WindowVersion)
	a.seconds("updatedAt", &r.UpdatedAt)
	a.number("revision", &r.Revision)
}

func planFields(a *attributes, p *release.Plan) {
	a.text("name", &p.Name)
	a.text("version", &p.Version)
	a.text("description", &p.Description)
	a.optionalSeconds("scheduledStart", &p.ScheduledStart)
	a.optionalSeconds("scheduledEnd", &p.ScheduledEnd)
	a.text("releaseManager", &p.ReleaseManager)
	a.address("releaseManagerEmail", &p.ReleaseManagerEmail)
	mapList(a, "rolloutSteps", stepFields, &p.RolloutSteps)
	mapList(a, "rollbackSteps", stepFields, &p.RollbackSteps)
	a.text("successCriteria", &p.SuccessCriteria)
	a.boolean("public", &p.Public)
	a.text("publicSummary", &p.PublicSummary)
}

func stepFields(a *attributes, s *release.Step) {
	a.number("order", &s.Order)
	a.text("description", &s.Description)
	a.address("ownerEmail", &s.OwnerEmail)
	a.optionalNumber("estimatedMinutes", &s.EstimatedMinutes)
	a.optionalBoolean("completed", &s.Completed)
	a.text("completedBy", &s.CompletedBy)
	a.optionalSeconds("completedAt", &s.CompletedAt)
}

func historyFields(a *attributes, h *release.HistoryEntry) {
	a.number("epoch", &h.Epoch)
	word(a, "from", &h.From)
	word(a, "to", &h.To)
	a.seconds("at", &h.At)
	a.text("subject", &h.By.Subject)
	a.text("author", &h.By.Name)
	a.text("email", &h.By.Email)
	a.optionalBoolean("verified", &h.By.EmailVerified)
	a.text("note", &h.Note)
	a.text("reason", &h.Reason)
	a.text("request", &h.Request)
}

// settlingFields are the state of the latest settlement. Its epoch begins as zero, which
// means none, so that conditions can compare it.
func settlingFields(a *attributes, s **release.Settling) {
	var settling release.Settling
	var since *time.Time
	if *s != nil {
		settling = **s
		since = &settling.Since
	}
	a.number("settleEpoch", &settling.Epoch)
	a.optionalSeconds("settleSince", &since)
	a.set("unsettled", &settling.Unsettled)
	a.optionalNumber("settledTasks", &settling.SettledTasks)
	a.optionalNumber(missingTasks, &settling.MissingTasks)
	if !a.reading {
		return
	}
	if *s = nil; settling.Epoch > 0 {
		if since != nil {
			settling.Since = *since
		}
		*s = &settling
	}
}

func encodeLink(id string, l release.LinkedChange) item {
	a := attributes{item: linkKey(id, l.ID)}
	linkFields(&a, &l)
	return a.item
}

func decodeLink(i item) release.LinkedChange {
	l := release.LinkedChange{ID: strings.TrimPrefix(str(i, "sk"), linkPrefix)}
	linkFields(&attributes{item: i, reading: true}, &l)
	return l
}

func linkFields(a *attributes, l *release.LinkedChange) {
	a.text("controlId", &l.ControlID)
	a.text("controlTitle", &l.ControlTitle)
	word(a, "changeType", &l.ChangeType)
	word(a, "cabDecision", &l.CABDecision)
	word(a, "approvalStatus", &l.ApprovalStatus)
	a.optionalSeconds("scheduledStart", &l.ScheduledStart)
}
