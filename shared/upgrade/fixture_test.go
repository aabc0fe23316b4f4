// Package upgrade_test checks that the present code understands what an earlier version left
// behind: its items and stream records were recorded once (testdata, in a folder named after the
// date), and are read, edited, moved, settled, mailed and swept here by the real handlers on the
// real engine. It must not know how anything is encoded: it uses the product through its surfaces
// and its consumers, nearly all in this file, and handles items as DynamoDB's own JSON.
//
// The expectations were written by hand from the contract. Where a test fails, the code is wrong
// and not the recording: see testdata/2026-11-26/README.md.
package upgrade_test

import (
	"encoding/json"
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

	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/trustcenter"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

type object = map[string]any

// fixture is the whole service on tables that hold the recording. Nothing happens by itself: the
// test runs each consumer and schedule, and sets the clock.
type fixture struct {
	*testkit.Harness
	t     *testing.T
	inbox *mailbox.Mailbox
	bus   *bus.Bus
	ses   string // URL of the stand-in
	buses string // URL of the stand-in

	mu    sync.Mutex
	clock time.Time
	heard []events.CloudWatchEvent // SES's events that have yet to be recorded

	streams map[string]*testkit.Stream
	waiting map[string][]events.DynamoDBEventRecord // by function
}

// consumer is a function that a stream wakes, as the template wires it.
type consumer struct {
	table   string // logical id
	filters []streams.Filter
}

func consumers(t *testing.T) map[string]consumer {
	t.Helper()
	all := map[string]consumer{}
	for _, f := range theTemplate(t).Functions {
		for _, s := range f.Streams {
			c := consumer{table: s.Table}
			for _, pattern := range s.Filters {
				c.filters = append(c.filters, must(streams.ParseFilter(pattern.String()))(t))
			}
			all[f.Name] = c
		}
	}
	return all
}

// wakes tells whether the template lets a record through to the consumer.
func (c consumer) wakes(r events.DynamoDBEventRecord) bool {
	for _, f := range c.filters {
		if f.Match(r) {
			return true
		}
	}
	return false
}

func theTemplate(t *testing.T) *template.Template {
	t.Helper()
	root := must(engine.Root())(t)
	return must(template.Load(filepath.Join(root, "template.yaml"), nil))(t)
}

// newFixture loads the recording. The clock stands at three in the afternoon of the recorded
// day. The tables have no expiry: the engine would go by the real clock and remove the answers
// to Idempotency-Keys, which are kept for a day.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureOn(t)
}

// newFixtureWithStreams is newFixture with the tables' streams, for tests that run consumers
// until all is quiet. They make the engine slower.
func newFixtureWithStreams(t *testing.T) *fixture {
	t.Helper()
	w := newFixtureOn(t, testkit.WithStreams)
	for id := range w.Names {
		if id == "RecordTable" {
			continue // nothing reads its changes
		}
		w.streams[id] = w.Stream(id)
		w.streams[id].Read() // skips the records of the loading itself
	}
	return w
}

func newFixtureOn(t *testing.T, options ...testkit.Option) *fixture {
	t.Helper()
	t.Parallel()
	w := &fixture{
		Harness: testkit.New(t, append(options, testkit.WithoutExpiry)...), t: t, inbox: &mailbox.Mailbox{}, bus: &bus.Bus{},
		clock: time.Date(2026, 11, 26, 15, 0, 0, 0, time.UTC), streams: map[string]*testkit.Stream{}, waiting: map[string][]events.DynamoDBEventRecord{},
	}
	w.load()

	w.inbox.Now = w.now
	w.inbox.OnEvent = func(e events.CloudWatchEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = append(w.heard, e)
	}
	ses := httptest.NewServer(w.inbox.Handler())
	t.Cleanup(ses.Close)
	buses := httptest.NewServer(http.HandlerFunc(w.bus.PutEvents))
	t.Cleanup(buses.Close)
	w.ses, w.buses = ses.URL+"/_local/ses", buses.URL
	return w
}

// subtest returns the fixture for a subtest, whose failures are to be its own.
func (w *fixture) subtest(t *testing.T) *fixture {
	return &fixture{Harness: w.Harness, t: t, inbox: w.inbox, bus: w.bus, ses: w.ses, buses: w.buses, clock: w.now()}
}

// no fails the test at an error.
func (w *fixture) no(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// must returns the value of a call, or fails the test at its error: must(os.ReadFile(name))(t).
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *fixture) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// afterAnything sets the clock later than everything that has happened, also by the real clock,
// by which the announcer and the settler of this fixture go.
func (w *fixture) afterAnything() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(time.Hour)
	if now := time.Now().Add(time.Hour).UTC(); now.After(w.clock) {
		w.clock = now
	}
}

func caller(name string, role release.Role) *release.Caller {
	return &release.Caller{
		Person: release.Person{Subject: "sub-" + strings.ToLower(name), Name: name, Email: strings.ToLower(name) + "@example.com", EmailVerified: true},
		Role:   role,
	}
}

var admin, auditor = caller("Ada", release.Admin), caller("Otto", release.Auditor)

type answer struct {
	status int
	etag   string
	body   object
}

// ask sends one request to the REST surface.
func (w *fixture) ask(who *release.Caller, route string, body any, headers ...string) answer {
	w.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	var sent io.Reader = http.NoBody
	if body != nil {
		sent = strings.NewReader(string(must(json.Marshal(body))(w.t)))
	}
	r := httptest.NewRequest(method, rest.Base+path, sent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	got := httptest.NewRecorder()
	rest.Handler(operations.New(w.Store).WithClock(w.now), rest.Routes()...).ServeHTTP(got, r.WithContext(release.WithCaller(r.Context(), *who)))
	a := answer{status: got.Code, etag: got.Header().Get("ETag"), body: object{}}
	if got.Body.Len() > 0 {
		w.no(json.Unmarshal(got.Body.Bytes(), &a.body))
	}
	return a
}

// do sends a request as an admin, and holds the answer to a status.
func (w *fixture) do(status int, route string, body any, headers ...string) object {
	w.t.Helper()
	a := w.ask(admin, route, body, headers...)
	if a.status != status {
		w.t.Errorf("%s answers %d, want %d: %v", route, a.status, status, a.body)
	}
	return a.body
}

// refused is do for a request that the contract forbids, with the code of the refusal.
func (w *fixture) refused(status int, code, route string, body any) {
	w.t.Helper()
	if got := w.do(status, route, body); got["code"] != code {
		w.t.Errorf("%s is refused as %v, want %s", route, got["code"], code)
	}
}

// public returns the Trust Center's JSON feed.
func (w *fixture) public() string {
	w.t.Helper()
	got := httptest.NewRecorder()
	trustcenter.Handler(w.Store.Published, trustcenter.Options{On: true, Zone: "Europe/Berlin", Now: w.now}).
		ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/trust-center.json", nil))
	return got.Body.String()
}

func (w *fixture) announcer() *announce.Announcer {
	return announce.Open(testkit.AWS(w.buses), w.Store, "releases")
}

func (w *fixture) planner() *plan.Planner {
	return plan.New(w.Store).WithPublicURL("https://releases.example.com", true).WithClock(w.now)
}

// feed hands records to a function, which has to understand them all.
func (w *fixture) feed(function string, records ...events.DynamoDBEventRecord) {
	w.t.Helper()
	batch := events.DynamoDBEvent{Records: records}
	var got events.DynamoDBEventResponse
	var err error
	switch function {
	case "settle-changes":
		got, err = settle.New(w.Store).Changes(w.t.Context(), batch)
	case "settle-tasks":
		got, err = settle.New(w.Store).Tasks(w.t.Context(), batch)
	case "announce":
		got, err = w.announcer().Stream(w.t.Context(), batch)
	case "plan-notices":
		got, err = w.planner().Stream(w.t.Context(), batch)
	case "send-mail":
		got, err = send.Open(testkit.AWS(w.ses), w.Store, send.Options{
			Sender: "releases@example.com", ConfigurationSet: "mails", Zone: "Europe/Berlin", Rate: "50", Timeout: 400 * time.Millisecond,
		}).WithClock(w.now).Stream(w.t.Context(), batch)
	default:
		w.t.Fatalf("feed does not know the function %s, which a stream wakes by template.yaml: add a case for it", function)
	}
	if err != nil || len(got.BatchItemFailures) > 0 {
		w.t.Errorf("%s did not understand its records: reported %v, error %v, want neither", function, got.BatchItemFailures, err)
	}
}

// runUntilIdle runs all consumers until no record is left, as Lambda would, and records SES's
// events.
func (w *fixture) runUntilIdle() {
	w.t.Helper()
	if len(w.streams) == 0 {
		w.t.Fatal("these tables have no streams: use newFixtureWithStreams")
	}
	all := consumers(w.t)
	for range 50 {
		for table, s := range w.streams {
			for _, r := range s.Read() {
				for function, c := range all {
					if c.table == table && c.wakes(r) {
						w.waiting[function] = append(w.waiting[function], r)
					}
				}
			}
		}
		if len(w.waiting) == 0 {
			return
		}
		for function, records := range w.waiting {
			w.feed(function, records...)
			delete(w.waiting, function)
		}
		w.mu.Lock()
		heard := w.heard
		w.heard = nil
		w.mu.Unlock()
		for _, e := range heard {
			_, err := feedback.New(w.Store).WithClock(w.now).Record(w.t.Context(), e)
			w.no(err)
		}
	}
	w.t.Fatal("after 50 rounds the streams still have records: some consumer wakes itself")
}

// sweep repairs everything, however short a time it has been unfinished.
func (w *fixture) sweep() {
	w.t.Helper()
	s := settle.Sweep{Settler: settle.New(w.Store), Announce: w.announcer().Announce}
	_, err := s.Before(w.t.Context(), w.now(), w.now())
	w.no(err)
}

// headsUp runs the schedules tend-outbox and heads-up.
func (w *fixture) headsUp() {
	w.t.Helper()
	_, err := tend.Open(w.Store, "50").WithClock(w.now).Run(w.t.Context(), nil)
	w.no(err)
	for range 2 { // the first run gives releases of the recorded version their timers; a minute later these are due
		_, err = w.planner().Run(w.t.Context(), json.RawMessage(`{"sparing":true}`))
		w.no(err)
		w.mu.Lock()
		w.clock = w.clock.Add(time.Minute)
		w.mu.Unlock()
	}
}

// hearSent records SES's event that a mail was sent.
func (w *fixture) hearSent(mail string) {
	w.t.Helper()
	_, err := feedback.New(w.Store).WithClock(w.now).Record(w.t.Context(), events.CloudWatchEvent{Source: "aws.ses", Detail: must(json.Marshal(object{
		"eventType": "Send", "send": object{}, "mail": object{"messageId": "from-ses", "tags": object{"outbox": []string{mail}}},
	}))(w.t)})
	w.no(err)
}
