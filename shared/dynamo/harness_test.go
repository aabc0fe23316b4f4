package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/release"
)

// harness is a store on tables of its own, and others on the same tables whose requests
// meet faults.
type harness struct {
	t testing.TB
	*dynamo.Store
	ctx    context.Context
	client *dynamodb.Client
	config aws.Config
	layer  *strict.Layer // as strict as DynamoDB, before the engine
	tables dynamo.Tables
	stamps atomic.Int64
	named  sync.Map // releases by a name of the test's
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	return newHarnessOn(t, engine.FreshTables)
}

// newHarnessOn makes a lab with or without the tables' streams (engine.FreshStreams).
func newHarnessOn(t testing.TB, fresh func(testing.TB) (string, *dynamodb.Client, map[string]string)) *harness {
	t.Helper()
	endpoint, client, names := fresh(t)
	l := &harness{t: t, ctx: context.Background(), client: client, tables: dynamo.Tables{
		Releases: names["ReleasesTable"], Changes: names["ChangesTable"], Tasks: names["TasksTable"], Mail: names["MailTable"],
	}}
	l.layer = strict.New(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	}).Do, strict.Options{})
	l.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		HTTPClient: l.layer,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxBackoff = 2 * time.Millisecond
				o.RateLimiter = ratelimit.None
			})
		},
	}
	l.Store = dynamo.Open(l.config, l.tables)
	return l
}

// under is a store on the same tables whose requests go through faults.
func (l *harness) under(call, attempt inject.Around) *dynamo.Store {
	return dynamo.Open(l.config, l.tables, func(o *dynamodb.Options) {
		o.APIOptions = append([]func(*middleware.Stack) error{}, inject.Into(call, attempt))
	})
}

var ada = release.Person{Subject: "u1", Name: "Ada", Email: "ada@example.com"}

// write is a fresh stamp.
func (l *harness) write() dynamo.Write {
	return dynamo.Write{Stamp: release.Stamp{At: time.Now().UTC(), By: ada, Request: fmt.Sprintf("req-%d", l.stamps.Add(1))}}
}

func (l *harness) no(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

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
	made, err := l.CreateRelease(l.ctx, r, ids, l.write())
	l.no(err)
	return made.Release.ID
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

// changes makes approved change requests.
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

func (l *harness) move(id string, to ...release.Status) {
	l.t.Helper()
	for _, status := range to {
		_, err := l.Transition(l.ctx, id, moveTo(status), l.write())
		l.no(err)
	}
}

// raw reads an item as it stands.
func (l *harness) raw(table, pk, sk string) map[string]types.AttributeValue {
	l.t.Helper()
	out, err := l.client.GetItem(l.ctx, &dynamodb.GetItemInput{TableName: &table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: pk}, "sk": &types.AttributeValueMemberS{Value: sk},
	}})
	l.no(err)
	return out.Item
}

// images reads the new images of a table's stream, in order.
func (l *harness) images(table string) []map[string]streamtypes.AttributeValue {
	l.t.Helper()
	described, err := l.client.DescribeTable(l.ctx, &dynamodb.DescribeTableInput{TableName: &table})
	l.no(err)
	reader := dynamodbstreams.NewFromConfig(l.config)
	stream, err := reader.DescribeStream(l.ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: described.Table.LatestStreamArn})
	l.no(err)
	it, err := reader.GetShardIterator(l.ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: described.Table.LatestStreamArn, ShardId: stream.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	l.no(err)
	var all []map[string]streamtypes.AttributeValue
	for next := it.ShardIterator; ; {
		out, err := reader.GetRecords(l.ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: next})
		l.no(err)
		if len(out.Records) == 0 {
			return all
		}
		for _, r := range out.Records {
			all = append(all, r.Dynamodb.NewImage)
		}
		next = out.NextShardIterator
	}
}

var errDied = errors.New("injected: the invocation died")

// dyingAfter lets so many requests of a kind through and then fails everything: the
// last one of them is carried out, and nobody hears the answer.
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
