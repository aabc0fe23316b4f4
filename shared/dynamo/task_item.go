package dynamo

import (
	"strings"

	"example.com/releases/shared/release"
)

// Keys of the Tasks table. Each task has rows by which it is found from its change request
// and its configuration items, written in the task's transaction.
const (
	taskPrefix = "TASK#"
	ciPrefix   = "CI#"
	rowPrefix  = "T#"
)

func taskKey(id string) item { return key(taskPrefix+id, mainSort) }

// rowChange is the attribute in which what finds a task names the change request that it is
// linked to: the rows of configuration items, and the index of requesters.
const rowChange = "changeRequestId"

// taskRows are the rows by which a task is found.
func taskRows(t release.Task) []item {
	var rows []item
	if t.ChangeRequestID != "" {
		rows = append(rows, key(changePrefix+t.ChangeRequestID, rowPrefix+t.ID))
	}
	for _, ci := range t.CIIDs {
		row := key(ciPrefix+ci, rowPrefix+t.ID)
		if t.ChangeRequestID != "" {
			row[rowChange] = text(t.ChangeRequestID)
		}
		rows = append(rows, row)
	}
	return rows
}

// encodeTask is the whole item of a task: an edit puts it as creation does.
func encodeTask(t release.Task) item {
	a := attributes{item: taskKey(t.ID)}
	taskFields(&a, &t)
	requester := release.AddressKey(t.RequesterEmail)
	a.text("requesterKey", &requester) // of the index
	return a.item
}

func decodeTask(i item) release.Task {
	t := release.Task{ID: strings.TrimPrefix(str(i, "pk"), taskPrefix)}
	taskFields(&attributes{item: i, reading: true}, &t)
	return t
}

func taskFields(a *attributes, t *release.Task) {
	taskPlanFields(a, &t.TaskPlan)
	optionalMapList(a, "comments", commentFields, &t.Comments)
	settledFields(a, t)
	a.birth("createdAt", &t.CreatedAt)
	a.text("createdBy", &t.CreatedBy)
	a.seconds("updatedAt", &t.UpdatedAt)
	a.number("revision", &t.Revision)
	a.number("appliedEpoch", &t.AppliedEpoch)
}

func taskPlanFields(a *attributes, p *release.TaskPlan) {
	a.text("title", &p.Title)
	a.text("requesterName", &p.RequesterName)
	a.address("requesterEmail", &p.RequesterEmail)
	word(a, "status", &p.Status)
	a.texts("ciIds", &p.CIIDs)
	a.text("changeRequestId", &p.ChangeRequestID)
}

// settledFields are replaced by a settlement, besides the status.
func settledFields(a *attributes, t *release.Task) {
	a.text("resolvedBy", &t.ResolvedBy)
	a.optionalSeconds("resolvedAt", &t.ResolvedAt)
	a.optionalSeconds("reopenedAt", &t.ReopenedAt)
	a.optionalNumber("reopenCount", &t.ReopenCount)
}

func commentFields(a *attributes, c *release.Comment) {
	a.text("id", &c.ID)
	a.seconds("at", &c.At)
	a.text("author", &c.Author)
	a.text("text", &c.Text)
}
