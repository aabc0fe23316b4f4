// Package recorder made the items and stream records that stand beside it. It is a
// recording of the version of commit 426b58c and runs with no other: see README.md.
package recorder

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/post"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/settle"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

var errDied = errors.New("injected: the invocation died")

// world is the whole service, step by step: nothing happens by itself.
type world struct {
	t      *testing.T
	config aws.Config
	db     *dynamodb.Client
	names  map[string]string // of tables, by logical id
	store  *dynamo.Store
	inbox  *mailbox.Mailbox
	ses    string
	buses  string

	mu    sync.Mutex
	clock time.Time
	heard []events.CloudWatchEvent

	streams  map[string]*stream
	filters  map[string][]streams.Filter // by function
	table    map[string]string           // by function
	waiting  map[string][]events.DynamoDBEventRecord
	recorded map[string][]events.DynamoDBEventRecord // by table
}

func newWorld(t *testing.T) *world {
	engine.Own(t)
	endpoint, db, names := engine.FreshStreams(t)
	w := &world{
		t: t, db: db, names: names, inbox: &mailbox.Mailbox{}, clock: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		streams: map[string]*stream{}, filters: map[string][]streams.Filter{}, table: map[string]string{},
		waiting: map[string][]events.DynamoDBEventRecord{}, recorded: map[string][]events.DynamoDBEventRecord{},
	}
	w.config = at(endpoint)
	w.store = w.under(nil)
	w.inbox.Now = w.now
	w.inbox.OnEvent = func(e events.CloudWatchEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = append(w.heard, e)
	}
	ses := httptest.NewServer(w.inbox.Handler())
	t.Cleanup(ses.Close)
	b := &bus.Bus{}
	buses := httptest.NewServer(http.HandlerFunc(b.PutEvents))
	t.Cleanup(buses.Close)
	w.ses, w.buses = ses.URL+"/_local/ses", buses.URL
	root, err := engine.Root()
	w.no(err)
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	w.no(err)
	for _, f := range tmpl.Functions {
		for _, s := range f.Streams {
			w.table[f.Name] = s.Table
			for _, pattern := range s.Filters {
				filter, err := streams.ParseFilter(pattern.String())
				w.no(err)
				w.filters[f.Name] = append(w.filters[f.Name], filter)
			}
		}
	}
	reader := dynamodbstreams.NewFromConfig(w.config)
	for id, name := range names {
		w.streams[id] = openStream(t, db, reader, name)
	}
	return w
}

func at(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}
}

func (w *world) no(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) until(clock string) {
	w.t.Helper()
	at, err := time.Parse(time.RFC3339, clock)
	w.no(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.Before(w.clock) {
		w.t.Fatalf("it is %s already", w.clock)
	}
	w.clock = at
}

func (w *world) under(call inject.Around) *dynamo.Store {
	tables := dynamo.Tables{
		Releases: w.names["ReleasesTable"], Changes: w.names["ChangesTable"], Tasks: w.names["TasksTable"], Mail: w.names["MailTable"],
	}
	return dynamo.Open(w.config, tables, func(o *dynamodb.Options) { o.APIOptions = append(o.APIOptions, inject.Into(call, nil)) })
}

type object = map[string]any

func caller(name string, role release.Role) *release.Caller {
	return &release.Caller{
		Person:        release.Person{Subject: "sub-" + strings.ToLower(name), Name: name, Email: strings.ToLower(name) + "@example.com"},
		EmailVerified: true, Role: role,
	}
}

var admin, auditor = caller("Ada", release.Admin), caller("Otto", release.Auditor)

func (w *world) on(store *dynamo.Store, who *release.Caller, route string, body any, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	w.mu.Lock()
	w.clock = w.clock.Add(7*time.Second + 250*time.Millisecond)
	w.mu.Unlock()
	method, path, _ := strings.Cut(route, " ")
	var sent io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		w.no(err)
		sent = strings.NewReader(string(raw))
	}
	r := httptest.NewRequest(method, rest.Base+path, sent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	rest.Handler(operations.New(store).At(w.now), rest.Routes()...).ServeHTTP(answer, r.WithContext(release.WithCaller(r.Context(), *who)))
	return answer
}

func (w *world) do(who *release.Caller, route string, body any, headers ...string) object {
	w.t.Helper()
	answer := w.on(w.store, who, route, body, headers...)
	if answer.Code >= 300 {
		w.t.Fatalf("%s: %d %s", route, answer.Code, answer.Body)
	}
	v := object{}
	if answer.Body.Len() > 0 {
		w.no(json.Unmarshal(answer.Body.Bytes(), &v))
	}
	return v
}

// drain reads what the streams hold and puts each record before the functions whose
// filters let it through.
func (w *world) drain() {
	w.t.Helper()
	for table, s := range w.streams {
		for _, r := range s.read() {
			w.recorded[table] = append(w.recorded[table], r)
			for function, filters := range w.filters {
				if w.table[function] != table {
					continue
				}
				for _, f := range filters {
					if f.Match(r) {
						w.waiting[function] = append(w.waiting[function], r)
						break
					}
				}
			}
		}
	}
}

type handler = func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

func (w *world) handler(function string, store *dynamo.Store) handler {
	switch function {
	case "settle-changes":
		return settle.New(store).Changes
	case "settle-tasks":
		return settle.New(store).Tasks
	case "announce":
		return announce.Open(at(w.buses), store, "releases").Stream
	case "plan-notices":
		return w.planner().Stream
	case "send-mail":
		return post.Open(at(w.ses), store, post.Options{
			Sender: "releases@example.com", ConfigurationSet: "mails", Zone: "Europe/Berlin", Rate: "10000", Patience: 150 * time.Millisecond,
		}).At(w.now).Stream
	}
	w.t.Fatalf("there is no %s", function)
	return nil
}

func (w *world) planner() *plan.Planner {
	return plan.New(w.store).Publicly("https://releases.example.com", true).At(w.now)
}

// deliver hands a function what waits for it.
func (w *world) deliver(functions ...string) {
	w.t.Helper()
	for _, f := range functions {
		w.drain()
		records := w.waiting[f]
		w.waiting[f] = nil
		answer, err := w.handler(f, w.store)(w.t.Context(), events.DynamoDBEvent{Records: records})
		if err != nil || len(answer.BatchItemFailures) > 0 {
			w.t.Fatalf("%s: %v %v", f, answer.BatchItemFailures, err)
		}
	}
}

// deliverFailing is deliver on a store with faults; the records are lost.
func (w *world) deliverFailing(function string, call inject.Around) {
	w.t.Helper()
	w.drain()
	records := w.waiting[function]
	w.waiting[function] = nil
	_, _ = w.handler(function, w.under(call))(w.t.Context(), events.DynamoDBEvent{Records: records})
}

// lose has records of a function never delivered.
func (w *world) lose(functions ...string) {
	w.t.Helper()
	w.drain()
	for _, f := range functions {
		w.waiting[f] = nil
	}
}

// settled brings everything to its end but for the mails.
func (w *world) settled() {
	w.t.Helper()
	w.deliver("settle-changes", "settle-tasks", "announce", "plan-notices")
}

func (w *world) hear() {
	w.t.Helper()
	w.mu.Lock()
	all := w.heard
	w.heard = nil
	w.mu.Unlock()
	for _, e := range all {
		_, err := feedback.New(w.store).At(w.now).Record(w.t.Context(), e)
		w.no(err)
	}
}

func (w *world) headsUp() {
	w.t.Helper()
	_, err := w.planner().Run(w.t.Context(), json.RawMessage(`{}`))
	w.no(err)
	w.deliver("plan-notices")
}

// failing fails a kind of request to items of a partition, the nth and all later ones.
func failing(operation, pk string, nth int) inject.Around {
	var mu sync.Mutex
	seen := 0
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if in, ok := call.Input.(*dynamodb.UpdateItemInput); ok && call.Operation == operation {
			if key, ok := in.Key["pk"].(*types.AttributeValueMemberS); ok && strings.HasPrefix(key.Value, pk) {
				mu.Lock()
				defer mu.Unlock()
				if seen++; seen >= nth {
					return errDied
				}
			}
		}
		return do(ctx)
	}
}

// dyingAfter lets so many requests of a kind through and then fails everything.
func dyingAfter(operation string, most int) inject.Around {
	seen, dead := 0, false
	var mu sync.Mutex
	return func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return errDied
		}
		err := do(ctx)
		if call.Operation == operation {
			if seen++; seen == most {
				dead = true
				return errDied
			}
		}
		return err
	}
}

// stream reads a table's records once, in order.
type stream struct {
	t        *testing.T
	client   *dynamodbstreams.Client
	arn      string
	shard    *string
	iterator *string
	last     *string
}

func openStream(t *testing.T, client *dynamodb.Client, reader *dynamodbstreams.Client, table string) *stream {
	described, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, client: reader, arn: *described.Table.LatestStreamArn}
	shards, err := reader.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: &s.arn})
	if err != nil || len(shards.StreamDescription.Shards) != 1 {
		t.Fatalf("%s: want one shard: %v", table, err)
	}
	s.shard = shards.StreamDescription.Shards[0].ShardId
	return s
}

func (s *stream) read() []events.DynamoDBEventRecord {
	s.t.Helper()
	var all []events.DynamoDBEventRecord
	for {
		if s.iterator == nil {
			in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: s.shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon}
			if s.last != nil {
				in.ShardIteratorType, in.SequenceNumber = streamtypes.ShardIteratorTypeAfterSequenceNumber, s.last
			}
			it, err := s.client.GetShardIterator(s.t.Context(), in)
			if err != nil {
				s.t.Fatal(err)
			}
			s.iterator = it.ShardIterator
		}
		out, err := s.client.GetRecords(s.t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: s.iterator, Limit: aws.Int32(1000)})
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
