package dynamo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/meter"
)

// taskOf creates a task of a person, and stores it under the key that an earlier version had for the
// person, if one is given.
func (l *harness) taskOf(id, email, olderKey string) {
	l.t.Helper()
	task := newTask(id, "")
	task.RequesterEmail = email
	_, err := l.CreateTask(l.ctx, task, l.write())
	l.no(err)
	if olderKey == "" {
		return
	}
	_, err = l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Tables.Tasks,
		Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "TASK#" + id}, "sk": &types.AttributeValueMemberS{Value: "M"},
		},
		UpdateExpression: aws.String("SET requesterKey = :k"), ExpressionAttributeValues: map[string]types.AttributeValue{":k": &types.AttributeValueMemberS{Value: olderKey}},
	})
	l.no(err)
}

func TestListTasks_OlderKey_FoundAndKeptApart(t *testing.T) {
	l := newHarness(t)
	for n := range 3 {
		l.taskOf(fmt.Sprintf("new-%d", n), "Ann@xn--mnchen-3ya.example", "")
		l.taskOf(fmt.Sprintf("old-%d", n), "ann@München.example", "ann@münchen.example")
		time.Sleep(2 * time.Millisecond) // lists are sorted by milliseconds
	}
	// Unicode's case folding makes a k of the Kelvin sign, so earlier versions had one key for both.
	l.taskOf("kate", "kate@example.com", "")
	l.taskOf("kelvin", "\u212aate@example.com", "kate@example.com")
	for email, want := range map[string][]string{
		"ann@münchen.example":        {"new-2", "new-1", "new-0", "old-2", "old-1", "old-0"},
		"ANN@XN--MNCHEN-3YA.EXAMPLE": {"new-2", "new-1", "new-0", "old-2", "old-1", "old-0"},
		"Kate@example.com":           {"kate"},
		"\u212aate@example.com":      {"kelvin"},
		"nobody@münchen.example":     nil,
	} {
		for size := 1; size <= 7; size++ {
			got := pages(t, func(cursor string) (ids []string, next string, err error) {
				page, next, err := l.ListTasks(l.ctx, dynamo.TasksBy{Requester: email}, "", size, cursor)
				for _, task := range page {
					ids = append(ids, task.ID)
				}
				return ids, next, err
			}, nil)
			if !slices.Equal(got, want) {
				t.Errorf("%q in pages of %d: %v, want %v", email, size, got, want)
			}
		}
	}
	// An edit moves a task to today's key.
	_, err := l.UpdateTask(l.ctx, "old-0", func(task release.Task) (release.Task, error) { task.Title = "Another"; return task, nil }, l.write())
	l.no(err)
	key, _ := l.raw(l.Tables.Tasks, "TASK#old-0", "M")["requesterKey"].(*types.AttributeValueMemberS)
	if key == nil || key.Value != "ann@xn--mnchen-3ya.example" {
		t.Errorf("the edited task is under the key %v, want ann@xn--mnchen-3ya.example", key)
	}
}

func TestSuppressed_ByTheKeyOfPeople(t *testing.T) {
	l := newHarness(t)
	now := time.Now()
	l.no(l.Suppress(l.ctx, "Ann@xn--mnchen-3ya.example", "bounced", now)) // as SES spells it
	l.no(l.Suppress(l.ctx, "kate@example.com", "complained", now))
	_, err := l.Client.PutItem(l.ctx, &dynamodb.PutItemInput{TableName: &l.Tables.Mail, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "ADDRESS#bob@bücher.example"}, "sk": &types.AttributeValueMemberS{Value: "M"},
		"suppressed": &types.AttributeValueMemberBOOL{Value: true}, "reason": &types.AttributeValueMemberS{Value: "before"},
	}})
	l.no(err)
	for address, want := range map[string]string{
		"ann@münchen.example": "bounced", "ANN@MÜNCHEN.example": "bounced", "kate@Example.com": "complained", "jesse@example.com": "",
		"Bob@Bücher.example": "before", "bob@xn--bcher-kva.example": "before",
	} {
		if got, err := l.Suppressed(l.ctx, address); err != nil || got != want {
			t.Errorf("%q is suppressed for the reason %q, want %q: %v", address, got, want, err)
		}
	}
}

func TestPutMail_OnePersonOneMail(t *testing.T) {
	l := newHarness(t)
	put := func(address string, want bool) {
		t.Helper()
		m := mail.Mail{Kind: "resolved", ReleaseID: "REL-1", Number: 1, Recipient: address, Snapshot: "{}"}
		if got, err := l.PutMail(l.ctx, m, time.Now()); err != nil || got != want {
			t.Errorf("a mail to %q is new: %t, want %t: %v", address, got, want, err)
		}
	}
	put("kate@example.com", true)
	put("KATE@Example.com", false)
	put("\u212aate@example.com", true) // another person
	put("ann@münchen.example", true)
	put("Ann@xn--mnchen-3ya.example", false)
	// One that an earlier version put there, with its own key for the person.
	_, err := l.Client.PutItem(l.ctx, &dynamodb.PutItemInput{TableName: &l.Tables.Mail, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "MAIL#" + olderMailID}, "sk": &types.AttributeValueMemberS{Value: "M"},
		"recipient": &types.AttributeValueMemberS{Value: "Bob@Bücher.example"}, "state": &types.AttributeValueMemberS{Value: "sent"},
	}})
	l.no(err)
	put("bob@bücher.example", false)
	put("bob@xn--bcher-kva.example", false)
}

// olderMailID is SHA-256 of "resolved\nREL-1\n1\nbob@bücher.example", its first half, as
// the store of 2026-11-25 made it.
const olderMailID = "38a5d4e2ccc42f5d9b35a51adc7fbb7f"

// An edit leaves a task in its place in the requester's list, even among tasks of the same second,
// and does not write the list's index.
func TestUpdateTask_OfTheSameSecond_KeepsItsPlace(t *testing.T) {
	l := newHarness(t)
	second := time.Now().Truncate(time.Second)
	for n := range 3 {
		task := newTask(fmt.Sprintf("T-%d", n), "")
		w := l.write()
		w.At = second.Add(time.Duration(n+1) * 100 * time.Millisecond)
		task.CreatedAt = w.At
		_, err := l.CreateTask(l.ctx, task, w)
		l.no(err)
	}
	m := meter.New(l.Client)
	_, err := l.Open(m.Option).UpdateTask(l.ctx, "T-2", func(t release.Task) (release.Task, error) { t.Title += "x"; return t, nil }, l.write())
	l.no(err)
	if n := m.Take(); n.Indexes != 0 {
		t.Errorf("the edit costs indexes %v units, want none", n.Indexes)
	}
	page, _, err := l.ListTasks(l.ctx, dynamo.TasksBy{Requester: newTask("", "").RequesterEmail}, "", 25, "")
	l.no(err)
	if len(page) != 3 || page[0].ID != "T-2" || page[2].ID != "T-0" {
		t.Errorf("they are listed as %v, want T-2 first and T-0 last", page)
	}
}
