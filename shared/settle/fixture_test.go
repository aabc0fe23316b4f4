package settle_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/release"
)

// The faults of these tests are many, and so are the lines about them.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// fixture is a set of tables on the real engine, with what a test does to them.
type fixture struct {
	t      testing.TB
	client *dynamodb.Client
	config aws.Config
	layer  *strict.Layer // as strict as DynamoDB, before the engine
	tables dynamo.Tables
	store  *dynamo.Store // without faults

	releases, changes, tasks *stream

	mu  sync.Mutex
	seq int
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	endpoint, client, names := engine.FreshStreams(t)
	w := &fixture{t: t, client: client, tables: dynamo.Tables{
		Releases: names["ReleasesTable"], Changes: names["ChangesTable"], Tasks: names["TasksTable"], Mail: names["MailTable"],
	}}
	w.layer = strict.New(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	}).Do, strict.Options{})
	w.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		HTTPClient: w.layer,
		// The same rules as in production with short pauses: faults here are many.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxBackoff = 2 * time.Millisecond
				o.RateLimiter = ratelimit.None
			})
		},
	}
	w.store = dynamo.Open(w.config, w.tables)
	reader := dynamodbstreams.NewFromConfig(w.config)
	w.releases = openStream(t, client, reader, w.tables.Releases)
	w.changes = openStream(t, client, reader, w.tables.Changes)
	w.tasks = openStream(t, client, reader, w.tables.Tasks)
	return w
}

// under returns a store on the same tables whose requests go through faults.
func (w *fixture) under(call, attempt inject.Around) *dynamo.Store {
	return dynamo.Open(w.config, w.tables, func(o *dynamodb.Options) {
		o.APIOptions = append([]func(*middleware.Stack) error{}, o.APIOptions...)
		o.APIOptions = append(o.APIOptions, inject.Into(call, attempt))
	})
}

// stream reads a table's records once, in order.
type stream struct {
	t        testing.TB
	client   *dynamodbstreams.Client
	arn      string
	shard    *string
	iterator *string
	last     *string // sequence number of the last record read
}

func openStream(t testing.TB, client *dynamodb.Client, reader *dynamodbstreams.Client, table string) *stream {
	t.Helper()
	ctx := context.Background()
	described, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, client: reader, arn: *described.Table.LatestStreamArn}
	shards, err := reader.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &s.arn})
	if err != nil || len(shards.StreamDescription.Shards) != 1 {
		t.Fatalf("%s: want one shard: %v", table, err)
	}
	s.shard = shards.StreamDescription.Shards[0].ShardId
	return s
}

// open begins after the last record read. DynamoDB Local takes an iterator that was
// made while the stream was empty for trimmed once it is not, so iterators are made late.
func (s *stream) open() {
	s.t.Helper()
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: s.shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
	if s.last != nil {
		in.ShardIteratorType, in.SequenceNumber = streamtypes.ShardIteratorTypeAfterSequenceNumber, s.last
	}
	it, err := s.client.GetShardIterator(context.Background(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	s.iterator = it.ShardIterator
}

// read returns the records that came since it was read last.
func (s *stream) read() []events.DynamoDBEventRecord {
	s.t.Helper()
	var all []events.DynamoDBEventRecord
	for {
		if s.iterator == nil {
			s.open()
		}
		out, err := s.client.GetRecords(context.Background(), &dynamodbstreams.GetRecordsInput{ShardIterator: s.iterator, Limit: aws.Int32(1000)})
		if err != nil {
			s.t.Fatal(err)
		}
		s.iterator = out.NextShardIterator
		if len(out.Records) == 0 {
			if s.last == nil {
				s.iterator = nil
			}
			return all
		}
		for _, r := range out.Records {
			all = append(all, streams.Record(r, s.arn))
			s.last = r.Dynamodb.SequenceNumber
		}
	}
}

// matching keeps the records that the template's filter lets through to a consumer.
func matching(records []events.DynamoDBEventRecord, ops ...string) []events.DynamoDBEventRecord {
	var kept []events.DynamoDBEventRecord
	for _, r := range records {
		op, ok := r.Change.NewImage["op"]
		for _, want := range ops {
			if ok && op.DataType() == events.DataTypeString && op.String() == want {
				kept = append(kept, r)
			}
		}
	}
	return kept
}

var (
	settlingOps  = []string{"deployed", "rolled-back", "cancelled"}
	followingOps = []string{"follow"}
)

// write is a fresh stamp of a person.
func (w *fixture) write() dynamo.Write {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	return dynamo.Write{Stamp: release.Stamp{
		At: time.Now().UTC(), By: release.Person{Subject: "u1", Name: "Ada", Email: "ada@example.com"}, Request: fmt.Sprintf("req-%d", w.seq),
	}}
}

func (w *fixture) change(id string, t release.ChangeType) release.Change {
	w.t.Helper()
	c := release.Change{
		ID: id, ChangeType: t, CABDecision: release.DecisionApproved, ApprovalStatus: release.ApprovalApproved, Status: release.ChangeOpen,
		ChangePlan: release.ChangePlan{AffectedCIIDs: []string{}}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1,
	}
	c, err := w.store.CreateChange(context.Background(), c, w.write())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func newTask(id, change string, status release.TaskStatus) release.Task {
	return release.Task{ID: id, TaskPlan: release.TaskPlan{
		Title: "A laptop", RequesterEmail: "ben@example.com", Status: status, CIIDs: []string{}, ChangeRequestID: change,
	}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1}
}

func (w *fixture) task(id, change string, status release.TaskStatus) {
	w.t.Helper()
	if _, err := w.store.CreateTask(context.Background(), newTask(id, change, status), w.write()); err != nil {
		w.t.Fatal(err)
	}
}

// release makes a planned release with a window and its change requests.
func (w *fixture) release(changes ...string) string {
	w.t.Helper()
	start := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC)
	end := start.Add(2 * time.Hour)
	r := release.Release{Status: release.Planned, Plan: release.Plan{Name: "Spring", ScheduledStart: &start, ScheduledEnd: &end}, CreatedAt: time.Now(), UpdatedAt: time.Now(), Revision: 1}
	made, err := w.store.CreateRelease(context.Background(), r, changes, w.write())
	if err != nil {
		w.t.Fatal(err)
	}
	return made.Release.ID
}

// move takes a release through statuses.
func (w *fixture) move(id string, to ...release.Status) release.Release {
	w.t.Helper()
	var r release.Release
	for _, status := range to {
		move := release.TransitionRequest{To: status}
		if status == release.RolledBack {
			move.Reason = "checkout fails"
		}
		var err error
		if r, err = w.store.Transition(context.Background(), id, move, w.write()); err != nil {
			w.t.Fatalf("%s to %s: %v", id, status, err)
		}
	}
	return r
}

func (w *fixture) readTask(id string) release.Task {
	w.t.Helper()
	t, err := w.store.Task(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *fixture) progress(id string) release.Progress {
	w.t.Helper()
	r, err := w.store.Release(context.Background(), id)
	if err != nil || r.Progress() == nil {
		w.t.Fatalf("%s has no settlement: %v", id, err)
	}
	return *r.Progress()
}

// through hands records to a handler and fails the test unless all are acknowledged.
func through(t testing.TB, handler streams.Handler, records []events.DynamoDBEventRecord) {
	t.Helper()
	answer, err := handler(context.Background(), events.DynamoDBEvent{Records: records})
	if err != nil || len(answer.BatchItemFailures) != 0 {
		t.Fatalf("not acknowledged: %v, %v", answer.BatchItemFailures, err)
	}
}

func comments(t release.Task) string {
	var all []string
	for _, c := range t.Comments {
		all = append(all, c.Text)
	}
	return strings.Join(all, " | ")
}
