package local

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/testkit"
)

// snapshotOf reads all tables. putBack makes them what they were then, as a restore does.
func snapshotOf(t *testing.T, tables *testkit.Harness) (putBack func()) {
	t.Helper()
	type attributes = map[string]types.AttributeValue
	scan := func(table string) map[string]attributes {
		out, err := tables.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
		if err != nil || len(out.LastEvaluatedKey) > 0 {
			t.Fatalf("%v, or more than a page", err)
		}
		items := map[string]attributes{}
		for _, i := range out.Items {
			items[fmt.Sprint(i["pk"].(*types.AttributeValueMemberS).Value, " ", i["sk"].(*types.AttributeValueMemberS).Value)] = i
		}
		return items
	}
	before := map[string]map[string]attributes{}
	for _, table := range tables.Names {
		before[table] = scan(table)
	}
	return func() {
		for table, items := range before {
			for key, i := range scan(table) {
				if items[key] != nil {
					continue
				}
				if _, err := tables.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: attributes{"pk": i["pk"], "sk": i["sk"]}}); err != nil {
					t.Fatal(err)
				}
			}
			for _, i := range items {
				if _, err := tables.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// The data side of a restore of all tables to one moment: after the schedules have run,
// everything is as it was then, nobody gets a second mail about what happened before it, and
// what was under way can go on. The tables stay the same ones, and so do their streams.
func TestRestore_OfAllTables_LosesAndRepeatsNothing(t *testing.T) {
	tables := testkit.New(t, testkit.WithStreams)
	h, err := Start(t.Context(), Options{Endpoint: tables.Endpoint, Table: tables.Name, Period: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	must := func(want int, role, method, path string, body any) object {
		t.Helper()
		status, answer := h.do(t, role, method, path, body)
		if status != want {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	schedules := func() {
		t.Helper()
		for _, function := range []string{"sweep", "heads-up", "tend-outbox", "seal-record"} {
			must(200, "", "POST", "/_local/schedules/"+function, nil)
		}
		waitIdle(t, h)
	}
	var releases []string
	for n := range 2 {
		change := fmt.Sprintf("CHG-%d", n)
		must(201, "admin", "POST", "/api/change-requests", object{"id": change, "changeType": "Standard", "title": "t"})
		must(201, "admin", "POST", "/api/tasks", object{"id": "TASK-" + change, "title": "t", "requesterName": "R", "requesterEmail": "requester@example.com", "changeRequestId": change})
		id := must(201, "admin", "POST", "/api/releases", object{"name": "n", "scheduledStart": "2030-01-01T00:00:00Z", "scheduledEnd": "2030-01-01T02:00:00Z", "linkedChangeRequestIds": []string{change}})["id"].(string)
		releases = append(releases, id)
	}
	transition := func(id string, statuses ...string) {
		t.Helper()
		for _, status := range statuses {
			must(200, "admin", "POST", "/api/releases/"+id+"/status", object{"status": status})
		}
		waitIdle(t, h)
	}
	transition(releases[0], "approved", "scheduled", "in-progress", "deployed")
	transition(releases[1], "approved", "scheduled", "in-progress")
	schedules()
	look := func() []object {
		t.Helper()
		var all []object
		for n, id := range releases {
			all = append(all, must(200, "viewer", "GET", "/api/releases/"+id, nil), must(200, "viewer", "GET", fmt.Sprintf("/api/tasks/TASK-CHG-%d", n), nil), must(200, "viewer", "GET", fmt.Sprintf("/api/change-requests/CHG-%d", n), nil))
		}
		return all
	}
	wasThen, mails := look(), len(h.Mail.Mails())
	if mails == 0 {
		t.Fatal("nobody was mailed: nothing could be sent twice")
	}
	putBack := snapshotOf(t, tables)
	transition(releases[1], "deployed")
	must(201, "auditor", "POST", "/api/releases/"+releases[1]+"/log", object{"text": "After the moment."})
	schedules()
	later := len(h.Mail.Mails())
	if later == mails || reflect.DeepEqual(look(), wasThen) {
		t.Fatal("nothing happened after the moment")
	}
	putBack()
	waitIdle(t, h)
	schedules()
	if now := look(); !reflect.DeepEqual(now, wasThen) {
		t.Errorf("after the restore\n%v\nwant what it was\n%v", now, wasThen)
	}
	if n := len(h.Mail.Mails()); n != later {
		t.Errorf("%d mails were sent because of the restore, want none", n-later)
	}
	transition(releases[1], "deployed")
	schedules()
	if task := must(200, "viewer", "GET", "/api/tasks/TASK-CHG-1", nil); task["status"] != "Resolved" || len(task["comments"].([]any)) != 1 {
		t.Errorf("after the second deployment got the task %v, want it Resolved with one comment", task)
	}
	if n := len(h.Mail.Mails()); n-later != later-mails {
		t.Errorf("the deployment after the restore led to %d mails, want %d, as many as the one before", n-later, later-mails)
	}
	if failures := h.Failures(); len(failures) > 0 {
		t.Errorf("given up: %+v", failures)
	}
}

// DynamoDB restores into a new table, whose stream is new too and holds nothing. On such
// tables the sweep completes the settlement that was under way, and the new streams carry
// everything that happens from then on.
func TestRestore_IntoOtherTables_NewStreamsGoOn(t *testing.T) {
	t.Parallel()
	// The settlement is still under way at the moment to which the tables are restored: its
	// consumer drops every record.
	old := testkit.New(t, testkit.WithStreams)
	stuck := func(function string, handler streams.Handler) streams.Handler {
		if function != "settle-tasks" {
			return handler
		}
		return func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			return events.DynamoDBEventResponse{}, nil
		}
	}
	h, err := Start(t.Context(), Options{Endpoint: old.Endpoint, Table: old.Name, Period: time.Hour, Wrap: stuck})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	must := func(want int, method, path string, body any) object {
		t.Helper()
		status, answer := h.do(t, "admin", method, path, body)
		if status != want {
			t.Fatalf("%s %s: %d %v", method, path, status, answer)
		}
		return answer
	}
	must(201, "POST", "/api/change-requests", object{"id": "CHG-1", "changeType": "Standard", "title": "t"})
	must(201, "POST", "/api/tasks", object{"id": "TASK-1", "title": "t", "requesterName": "R", "requesterEmail": "requester@example.com", "changeRequestId": "CHG-1"})
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	id := must(201, "POST", "/api/releases", object{"name": "n", "scheduledStart": start, "scheduledEnd": start.Add(time.Hour), "linkedChangeRequestIds": []string{"CHG-1"}})["id"].(string)
	enter := func(statuses ...string) {
		t.Helper()
		for _, status := range statuses {
			body := object{"status": status}
			if status == "rolled-back" {
				body["rollback_reason"] = "checkout fails"
			}
			must(200, "POST", "/api/releases/"+id+"/status", body)
			waitIdle(t, h)
		}
	}
	schedules := func() {
		t.Helper()
		for _, function := range []string{"sweep", "heads-up", "tend-outbox", "seal-record"} {
			must(200, "POST", "/_local/schedules/"+function, nil)
		}
		waitIdle(t, h)
	}
	enter("approved", "scheduled")
	schedules()
	mailsBefore := len(h.Mail.Mails())
	if mailsBefore != 1 {
		t.Fatalf("%d mails before the moment, want the heads-up", mailsBefore)
	}
	enter("in-progress", "deployed")
	if task := must(200, "GET", "/api/tasks/TASK-1", nil); task["status"] != "Open" {
		t.Fatalf("got the task %v, want it Open: the settlement is not under way", task)
	}
	h.Stop()

	restored := testkit.New(t) // as yet without streams
	for logical, from := range old.Names {
		to := restored.Names[logical]
		out, err := old.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &from})
		if err != nil || len(out.LastEvaluatedKey) > 0 {
			t.Fatalf("%v, or more than a page", err)
		}
		for _, i := range out.Items {
			if i["attentionSince"] != nil { // a restore takes its time, and the sweep waits a few minutes
				i["attentionSince"] = &types.AttributeValueMemberS{Value: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
			}
			if _, err := old.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &to, Item: i}); err != nil {
				t.Fatal(err)
			}
		}
		is, err := old.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &from})
		if err != nil {
			t.Fatal(err)
		}
		if is.Table.StreamSpecification == nil {
			continue
		}
		if _, err := old.Client.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &to, StreamSpecification: is.Table.StreamSpecification}); err != nil {
			t.Fatal(err)
		}
	}
	if h, err = Start(t.Context(), Options{Endpoint: restored.Endpoint, Table: restored.Name, Period: time.Hour}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	waitIdle(t, h)
	schedules()
	if task := must(200, "GET", "/api/tasks/TASK-1", nil); task["status"] != "Resolved" || len(task["comments"].([]any)) != 1 {
		t.Errorf("after the sweep got the task %v, want it Resolved with one comment", task)
	}
	enter("rolled-back")
	if task := must(200, "GET", "/api/tasks/TASK-1", nil); task["status"] != "Open" || len(task["comments"].([]any)) != 2 {
		t.Errorf("after the rollback got the task %v, want it Open with two comments", task)
	}
	schedules()
	var subjects []string
	for _, m := range h.Mail.Mails() {
		subjects = append(subjects, m.Subject)
	}
	// The heads-up is not mailed again; the deployment and its rollback are, once each.
	if len(subjects) != 2 {
		t.Errorf("mails after the restore: %q, want two", subjects)
	}
	if failures := h.Failures(); len(failures) > 0 {
		t.Errorf("given up: %+v", failures)
	}
}
