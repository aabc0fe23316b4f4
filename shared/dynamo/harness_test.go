package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// harness is a store on tables of its own. Tests open others on the same tables, whose requests
// meet faults.
type harness struct {
	*testkit.Harness
	*dynamo.Store
	t      testing.TB
	ctx    context.Context
	stamps atomic.Int64
	named  sync.Map // ids of releases, by a name that the test chose
}

func newHarness(t testing.TB, options ...testkit.Option) *harness {
	t.Helper()
	h := testkit.New(t, options...)
	return &harness{Harness: h, Store: h.Store, t: t, ctx: context.Background()}
}

var ada = release.Person{Subject: "u1", Name: "Ada", Email: "ada@example.com"}

// write returns who writes, when, and under a new request id.
func (l *harness) write() dynamo.Write {
	return dynamo.Write{Stamp: release.Stamp{At: time.Now().UTC(), By: ada, Request: fmt.Sprintf("req-%d", l.stamps.Add(1))}}
}

// no fails the test at an error.
func (l *harness) no(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// planOf returns a planned release with a window, and the change requests it was given, as
// CreateRelease takes them.
func planOf(changes ...string) (release.Release, []string) {
	start := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC)
	end := start.Add(2 * time.Hour)
	return release.Release{
		Status: release.Planned, Plan: release.Plan{Name: "Spring", Version: "1", ScheduledStart: &start, ScheduledEnd: &end},
		CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1,
	}, changes
}

func (l *harness) release(changes ...string) string {
	l.t.Helper()
	r, ids := planOf(changes...)
	created, err := l.CreateRelease(l.ctx, r, ids, l.write())
	l.no(err)
	return created.Release.ID
}

func newChange(id string, decision release.CABDecision) release.Change {
	c := release.Change{
		ID: id, ChangeType: release.Normal, CABDecision: decision, ApprovalStatus: release.ApprovalPending, Status: release.ChangeOpen,
		ChangePlan: release.ChangePlan{AffectedCIIDs: []string{}}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1,
	}
	if decision == release.DecisionApproved {
		c.ApprovalStatus = release.ApprovalApproved
	}
	return c
}

// changes creates approved change requests: prefix-000, prefix-001 and so on.
func (l *harness) changes(prefix string, count int) []string {
	l.t.Helper()
	ids := make([]string, count)
	for n := range ids {
		c, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("%s-%03d", prefix, n), release.DecisionApproved), l.write())
		l.no(err)
		ids[n] = c.ID
	}
	return ids
}

func newTask(id, change string) release.Task {
	return release.Task{ID: id, TaskPlan: release.TaskPlan{
		Title: "A laptop", RequesterEmail: "Ben@Example.com", Status: release.TaskOpen, CIIDs: []string{"CI-1"}, ChangeRequestID: change,
	}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1}
}

func moveTo(status release.Status) release.TransitionRequest {
	m := release.TransitionRequest{To: status}
	if status == release.RolledBack {
		m.Reason = "why"
	}
	return m
}

func (l *harness) transition(id string, to ...release.Status) {
	l.t.Helper()
	for _, status := range to {
		_, err := l.Transition(l.ctx, id, moveTo(status), l.write())
		l.no(err)
	}
}

// raw returns an item as it is stored; nil if there is none.
func (l *harness) raw(table, pk, sk string) map[string]types.AttributeValue {
	l.t.Helper()
	out, err := l.Client.GetItem(l.ctx, &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}})
	l.no(err)
	return out.Item
}

var errDied = errors.New("injected: the invocation died")

// dyingAfter lets a number of requests of a kind through, and then lets everything fail. The last
// of them is carried out, but its answer is an error already, as if the invocation had died.
func dyingAfter(operation string, most int) inject.Around {
	var seen atomic.Int64
	var dead atomic.Bool
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if dead.Load() {
			return errDied
		}
		err := do(ctx)
		if call.Operation == operation && seen.Add(1) == int64(most) {
			dead.Store(true)
			return errDied
		}
		return err
	}
}
