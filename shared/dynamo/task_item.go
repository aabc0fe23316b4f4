package dynamo

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Keys of the Tasks table. Beside each task stand the rows by which it is found from
// its change request and its configuration items, written in the task's transaction.
const (
	taskPrefix = "TASK#"
	ciPrefix   = "CI#"
	rowPrefix  = "T#"
)

func taskKey(id string) item { return key(taskPrefix+id, mainSort) }

// rowKeys are the keys of the rows by which a task is found.
func rowKeys(t release.Task) []item {
	var rows []item
	if t.ChangeRequestID != "" {
		rows = append(rows, key(changePrefix+t.ChangeRequestID, rowPrefix+t.ID))
	}
	for _, ci := range t.CIIDs {
		rows = append(rows, key(ciPrefix+ci, rowPrefix+t.ID))
	}
	return rows
}

func encodeTask(t release.Task) item {
	i := taskKey(t.ID)
	w := writer(i)
	w.text("title", t.Title)
	w.text("requesterName", t.RequesterName)
	w.text("requesterEmail", t.RequesterEmail)
	w.text("requesterKey", release.AddressKey(t.RequesterEmail))
	i["status"] = text(string(t.Status))
	i["ciIds"] = stringListValue(t.CIIDs)
	w.text("changeRequestId", t.ChangeRequestID)
	if len(t.Comments) > 0 {
		comments := make([]types.AttributeValue, len(t.Comments))
		for n, c := range t.Comments {
			comments[n] = encodeComment(c)
		}
		i["comments"] = &types.AttributeValueMemberL{Value: comments}
	}
	w.seconds("resolvedAt", t.ResolvedAt)
	w.seconds("reopenedAt", t.ReopenedAt)
	w.number("reopenCount", t.ReopenCount)
	i["createdAt"] = millisValue(t.CreatedAt)
	w.text("createdBy", t.CreatedBy)
	i["updatedAt"] = secondsValue(t.UpdatedAt)
	i["revision"] = number(t.Revision)
	i["appliedEpoch"] = number(t.AppliedEpoch)
	w.text("resolvedBy", t.ResolvedBy)
	return i
}

func encodeComment(c release.Comment) types.AttributeValue {
	return &types.AttributeValueMemberM{Value: item{
		"id": text(c.ID), "at": secondsValue(c.At), "author": text(c.Author), "text": text(c.Text),
	}}
}

func decodeTask(i item) release.Task {
	t := release.Task{
		ID: strings.TrimPrefix(str(i, "pk"), taskPrefix),
		TaskPlan: release.TaskPlan{
			Title: str(i, "title"), RequesterName: str(i, "requesterName"), RequesterEmail: str(i, "requesterEmail"),
			Status: release.TaskStatus(str(i, "status")), CIIDs: stringListOf(i, "ciIds"), ChangeRequestID: str(i, "changeRequestId"),
		},
		ResolvedAt: optionalTimeOf(i, "resolvedAt"), ReopenedAt: optionalTimeOf(i, "reopenedAt"), ReopenCount: num(i, "reopenCount"),
		CreatedAt: timeOf(i, "createdAt").Truncate(time.Second), CreatedBy: str(i, "createdBy"), UpdatedAt: timeOf(i, "updatedAt"),
		Revision: num(i, "revision"), AppliedEpoch: num(i, "appliedEpoch"), ResolvedBy: str(i, "resolvedBy"),
	}
	for _, m := range mapsOf(i, "comments") {
		t.Comments = append(t.Comments, release.Comment{ID: str(m, "id"), At: timeOf(m, "at"), Author: str(m, "author"), Text: str(m, "text")})
	}
	return t
}
