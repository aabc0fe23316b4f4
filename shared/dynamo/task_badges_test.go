package dynamo_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// The rows and the index by which tasks are found also name the change request, which saves a request.
// They may be out of date: the badge must be that of the change request which the task itself names.
func TestListTasks_Badges_AreOfTheTasksOwnChange(t *testing.T) {
	t.Parallel()
	l := newHarness(t)
	l.changes("CHG", 2)
	first, second := l.release("CHG-000"), l.release("CHG-001")
	_, err := l.CreateTask(l.ctx, newTask("T-1", "CHG-000"), l.write())
	l.no(err)
	var count inject.Counter
	s := l.Under(nil, count.Count)
	lists := map[string]dynamo.TasksBy{"requester": {Requester: newTask("", "").RequesterEmail}, "item": {CI: "CI-1"}}
	look := func(when, want string, most int) {
		t.Helper()
		for name, by := range lists {
			count.Take()
			tasks, releases, _, err := s.ListTasksWithReleases(l.ctx, by, "", 25, "")
			l.no(err)
			if got := count.Take(); len(tasks) != 1 || releases[tasks[0].ChangeRequestID].ID != want || got.Total() > most {
				t.Errorf("%s, by %s: %d tasks, the badge is of %q, want of %q; it made %v, want at most %d", when, name, len(tasks), releases[tasks[0].ChangeRequestID].ID, want, got, most)
			}
		}
	}
	link := func(change string) {
		_, err := l.UpdateTask(l.ctx, "T-1", func(t release.Task) (release.Task, error) {
			t.ChangeRequestID = change
			return t, nil
		}, l.write())
		l.no(err)
	}
	look("created", first, 3)
	link("CHG-001")
	look("moved", second, 3)
	link("")
	look("taken out", "", 2)
	link("CHG-000")
	look("linked again", first, 3)

	// A row of an earlier version, without the change request, and one that names another.
	row := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "CI#CI-1"}, "sk": &types.AttributeValueMemberS{Value: "T#T-1"}}
	for when, stale := range map[string]types.AttributeValue{"older": nil, "stale": &types.AttributeValueMemberS{Value: "CHG-001"}} {
		delete(row, "changeRequestId")
		if stale != nil {
			row["changeRequestId"] = stale
		}
		if _, err := l.Client.PutItem(l.ctx, &dynamodb.PutItemInput{TableName: &l.Tables.Tasks, Item: row}); err != nil {
			t.Fatal(err)
		}
		look(when, first, 4)
	}

	// While the deployment that creates the index has not ended.
	if _, err := l.Client.UpdateTable(l.ctx, &dynamodb.UpdateTableInput{TableName: &l.Tables.Tasks, GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
		{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: aws.String("byRequesterWithChange")}},
	}}); err != nil {
		t.Fatal(err)
	}
	for {
		out, err := l.Client.DescribeTable(l.ctx, &dynamodb.DescribeTableInput{TableName: &l.Tables.Tasks})
		l.no(err)
		if len(out.Table.GlobalSecondaryIndexes) == 1 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	look("without the index", first, 5)
}
