package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// installation is what seeds are played on, one after the other: an engine, its tables and streams.
type installation struct {
	*testkit.Harness
	out       *outside
	functions map[string]template.Function
	streams   map[string]*testkit.Stream // by logical id of the table
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	testkit.OwnEngine(t)
	g := &installation{Harness: testkit.New(t, testkit.WithStreams, testkit.WithoutExpiry), functions: map[string]template.Function{}, streams: map[string]*testkit.Stream{}}
	g.out = newOutside()
	t.Cleanup(g.out.close)
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tmpl.Functions {
		g.functions[f.Name] = f
	}
	for _, id := range []string{"ReleasesTable", "ChangesTable", "TasksTable", "MailTable"} {
		g.streams[id] = g.Stream(id)
	}
	return g
}

// clear empties the tables, and skips what the streams hold by then.
func (g *installation) clear(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for _, table := range g.Names {
		in := &dynamodb.ScanInput{TableName: &table, ProjectionExpression: aws.String("pk, sk")}
		for {
			found, err := g.Client.Scan(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			for some := range slices.Chunk(found.Items, 25) {
				var requests []types.WriteRequest
				for _, key := range some {
					requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}})
				}
				if _, err := g.Client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: requests}}); err != nil {
					t.Fatal(err)
				}
			}
			if in.ExclusiveStartKey = found.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
				break
			}
		}
	}
	for _, s := range g.streams {
		s.Read()
	}
}

// simulation is the whole product on the installation, for one seed.
type simulation struct {
	*installation
	*turns
	t    *testing.T
	seed uint64

	config aws.Config
	layer  *strict.Layer
	store  *dynamo.Store
	inbox  *mailbox.Mailbox
	bus    *bus.Bus

	state    sync.Mutex
	fed      map[string]*fed // by logical id of the table
	releases []string        // what clients know of
	changes  []string
	tasks    []string
	linked   map[string][]string      // change requests, by release, as somebody saw them last
	ops      []*op                    // everything that clients asked for
	sent     []events.CloudWatchEvent // SES's events that have yet to be delivered
	gaveUp   map[string]bool          // releases of which a record was given up
	lost     bool                     // any record was given up that could be read
	wrong    []string
}

// fed is what a table's stream has brought so far.
type fed struct {
	records []events.DynamoDBEventRecord
	written bool // whether the table was written since the stream was last read
}

func newSimulation(g *installation, t *testing.T, seed uint64) *simulation {
	w := &simulation{installation: g, t: t, seed: seed, fed: map[string]*fed{}, gaveUp: map[string]bool{}, linked: map[string][]string{}, inbox: &mailbox.Mailbox{}, bus: &bus.Bus{}}
	w.turns = &turns{swarm: drawFaults(seed), random: rand.New(rand.NewPCG(seed, 2)), running: map[string]int{}, arrived: make(chan struct{}, 1)}
	w.inbox.OnEvent = func(e events.CloudWatchEvent) {
		w.state.Lock()
		defer w.state.Unlock()
		w.sent = append(w.sent, e)
	}
	for id := range g.streams {
		w.fed[id] = &fed{}
	}
	w.layer = strict.New(g.out.send, w.swarm.store)
	w.config = testkit.AWS(g.Endpoint)
	w.config.HTTPClient = w.layer
	// The SDK draws its pauses from a source that no seed decides.
	w.config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(n int, _ error) (time.Duration, error) { return 30 * time.Millisecond << n, nil })
			o.RateLimiter = ratelimit.None
		})
	}
	w.config.APIOptions = []func(*middleware.Stack) error{inject.Into(nil, w.around)}
	w.store = dynamo.Open(w.config, g.Tables)
	return w
}

// around lets each attempt wait for its turn, and notes which tables are written.
func (w *simulation) around(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	return w.attempt(ctx, call, func(ctx context.Context) error {
		defer w.wrote(call.Input)
		if _, ours := ctx.Value(processKey{}).(*process); ours {
			w.disturb(call.Operation)
		}
		return do(ctx)
	})
}

func (w *simulation) wrote(input any) {
	var names []*string
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		names = append(names, in.TableName)
	case *dynamodb.UpdateItemInput:
		names = append(names, in.TableName)
	case *dynamodb.DeleteItemInput:
		names = append(names, in.TableName)
	case *dynamodb.BatchWriteItemInput:
		for name := range in.RequestItems {
			names = append(names, &name)
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, i := range in.TransactItems {
			switch {
			case i.Put != nil:
				names = append(names, i.Put.TableName)
			case i.Update != nil:
				names = append(names, i.Update.TableName)
			case i.Delete != nil:
				names = append(names, i.Delete.TableName)
			}
		}
	}
	w.state.Lock()
	defer w.state.Unlock()
	for _, name := range names {
		for id, f := range w.fed {
			if w.Name(id) == *name {
				f.written = true
			}
		}
	}
}

// disturb may put a fault into the stand-in that is about to be called.
func (w *simulation) disturb(operation string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faultless {
		return
	}
	switch operation {
	case "SendEmail":
		if w.random.Float64() < w.swarm.ses {
			w.met.SES++
			kind := sesFaults[w.random.IntN(len(sesFaults))]
			_ = w.inbox.Fail(mailbox.Fault{Kind: kind, Silent: w.random.IntN(5) == 0})
		}
	case "PutEvents":
		if w.random.Float64() < w.swarm.bus {
			w.met.Bus++
			_ = w.bus.Fail(bus.Fault{Kind: busFaults[w.random.IntN(len(busFaults))]})
		}
	}
}

// standIn is the configuration of a client for a stand-in in this process.
func (w *simulation) standIn(endpoint string, handler http.Handler) aws.Config {
	c := w.config.Copy()
	c.BaseEndpoint, c.HTTPClient = &endpoint, inProcess{handler}
	return c
}

// feed returns all that a table's stream has brought.
func (w *simulation) feed(id string) []events.DynamoDBEventRecord {
	w.state.Lock()
	defer w.state.Unlock()
	f := w.fed[id]
	if f.written {
		f.written = false
		var more []events.DynamoDBEventRecord
		w.out.do(func() { more = w.streams[id].Read() })
		f.records = append(f.records, more...)
	}
	return f.records
}

// fault notes that something does not hold.
func (w *simulation) fault(format string, args ...any) {
	w.state.Lock()
	defer w.state.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// caller is a person with a role.
func caller(name string, role release.Role) release.Caller {
	return release.Caller{Person: release.Person{Subject: "sub-" + name, Name: name, Email: name + "@example.com", EmailVerified: true}, Role: role}
}

// api is the REST surface as one process serves it.
func (w *simulation) api(clock func() time.Time) http.Handler {
	return rest.Handler(operations.New(w.store).WithClock(clock), rest.Routes()...)
}

// answer is how a request was answered; Status is 0 where no answer came.
type answer struct {
	Status int
	Body   map[string]any
	Text   string
}

func (a answer) acked() bool { return a.Status >= 200 && a.Status < 300 }

// refused tells whether it is certain that nothing was done.
func (a answer) refused() bool {
	return a.Status >= 400 && a.Status < 500 && a.Status != http.StatusTooManyRequests && a.code() != "request-in-progress"
}

func (a answer) code() string {
	s, _ := a.Body["code"].(string)
	return s
}

type object = map[string]any

// do sends one request to the API, with the time that a function has for it.
func do(ctx context.Context, api http.Handler, who release.Caller, method, path, key string, body any) answer {
	raw := []byte{}
	if body != nil {
		raw, _ = json.Marshal(body)
	}
	r := httptest.NewRequest(method, rest.Base+path, strings.NewReader(string(raw)))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	ctx, cancel := context.WithTimeout(release.WithCaller(ctx, who), 14500*time.Millisecond)
	defer cancel()
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r.WithContext(ctx))
	a := answer{Status: rec.Code, Text: rec.Body.String()}
	_ = json.Unmarshal(rec.Body.Bytes(), &a.Body)
	return a
}
