package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// The product logs a line for most faults, which would bury the tests' own output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// fixture is the part of the product that is about mails, on the real engine. Nothing happens by
// itself: the test runs each function, and sets the clock.
type fixture struct {
	*testkit.Harness
	t   testing.TB
	ops *operations.Operations
	ctx context.Context // of an admin

	inbox    *mailbox.Mailbox
	ses      string // the URL at which inbox answers SendEmail
	planner  *plan.Planner
	tender   *tend.Tender
	sender   *send.Sender
	recorder *feedback.Recorder

	mu     sync.Mutex
	clock  time.Time
	events []events.CloudWatchEvent // SES's events that have yet to be delivered
	seq    int
}

// began is the time at which tests begin: a Sunday, four weeks before clocks in Berlin go
// forward.
var began = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

type fixtureOptions struct {
	around inject.Around // every call of planner, tender, sender and recorder to the tables
	ses    []func(*sesv2.Options)
}

func newFixture(t testing.TB, o fixtureOptions) *fixture {
	t.Helper()
	w := &fixture{Harness: testkit.New(t), t: t, clock: began, inbox: &mailbox.Mailbox{}}
	w.inbox.Now = w.now
	w.inbox.OnEvent = func(e events.CloudWatchEvent) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}
	server := httptest.NewServer(w.inbox.Handler())
	t.Cleanup(server.Close)
	w.ses = server.URL + "/_local/ses"
	w.ops = operations.New(w.Store).WithClock(w.now)
	w.ctx = release.WithCaller(t.Context(), release.Caller{Person: release.Person{Subject: "a", Name: "Rita", Email: "rita@example.com", EmailVerified: true}, Role: release.Admin})
	faulty := w.Under(o.around, nil)
	w.planner = plan.New(faulty).WithPublicURL("https://releases.example.com", true).WithClock(w.now)
	w.tender = tend.Open(faulty, "50").WithClock(w.now)
	w.recorder = feedback.New(faulty).WithClock(w.now)
	w.sender = send.Open(testkit.AWS(w.ses), faulty, send.Options{
		Sender: "releases@example.com", ConfigurationSet: "mails", Zone: "Europe/Berlin", Rate: "50", Timeout: 400 * time.Millisecond,
	}, o.ses...).WithClock(w.now)
	return w
}

func (w *fixture) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// advanceClock moves the clock; a negative duration moves it back.
func (w *fixture) advanceClock(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(by)
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

func (w *fixture) change(id string, cis ...string) {
	w.t.Helper()
	must(w.ops.CreateChange(w.ctx, operations.CreateChangeInput{
		ID: id, ChangeType: "Standard", ChangePlan: release.ChangePlan{Title: "t", AffectedCIIDs: cis},
	}, operations.Precondition{}))(w.t)
}

func (w *fixture) task(id, requester, change string, cis ...string) {
	w.t.Helper()
	must(w.ops.CreateTask(w.ctx, operations.CreateTaskInput{
		ID: id, TaskPlan: release.TaskPlan{Title: "Request " + id, RequesterEmail: requester + "@example.com", ChangeRequestID: change, CIIDs: cis},
	}, operations.Precondition{}))(w.t)
}

// scheduled creates a release and takes it to `scheduled`.
func (w *fixture) scheduled(start time.Time, lasts time.Duration, changes ...string) string {
	w.t.Helper()
	end := start.Add(lasts)
	in := operations.CreateReleaseInput{LinkedChangeRequestIDs: changes}
	in.Name, in.ScheduledStart, in.ScheduledEnd = "Spring", &start, &end
	r := must(w.ops.CreateRelease(w.ctx, in, operations.Precondition{}))(w.t)
	w.transition(r.ID, release.Approved, release.Scheduled)
	return r.ID
}

func (w *fixture) transition(id string, to ...release.Status) {
	w.t.Helper()
	for _, s := range to {
		in := operations.TransitionInput{Status: string(s)}
		if s == release.RolledBack {
			in.RollbackReason = "errors rose"
		}
		must(w.ops.TransitionRelease(w.ctx, id, in, operations.Precondition{}))(w.t)
	}
}

// window moves a release's window.
func (w *fixture) window(id string, start time.Time, lasts time.Duration) {
	w.t.Helper()
	end := start.Add(lasts)
	must(w.Store.UpdateRelease(w.t.Context(), id, func(r release.Release) (release.Release, release.LogEntry, error) {
		p := r.Plan
		p.ScheduledStart, p.ScheduledEnd = &start, &end
		after, _, err := r.Edit(p, []string{"scheduledStart", "scheduledEnd"}, w.now())
		return after, release.LogEntry{Kind: release.LogEdit}, err
	}, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: fmt.Sprint("move", start)}}))(w.t)
}

// settle settles and announces everything at once, as the streams' consumers would.
func (w *fixture) settle(id string) {
	w.t.Helper()
	sweep := settle.Sweep{Settler: settle.New(w.Store), Announce: func(ctx context.Context, r release.Release, epoch int) error {
		return w.Store.MarkAnnounced(ctx, r.ID, epoch)
	}}
	must(sweep.Before(w.t.Context(), w.now().Add(time.Hour), w.now()))(w.t)
	if r, _, err := w.Store.SettlingRelease(w.t.Context(), id); err != nil || !r.Finished {
		w.t.Fatalf("%s is not settled: %v", id, err)
	}
}

// items returns all items of the Mail table.
func (w *fixture) items() []map[string]types.AttributeValue {
	w.t.Helper()
	var all []map[string]types.AttributeValue
	in := &dynamodb.ScanInput{TableName: &w.Tables.Mail, ConsistentRead: aws.Bool(true)}
	for {
		out := must(w.Client.Scan(w.t.Context(), in))(w.t)
		all = append(all, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all
		}
	}
}

func text(i map[string]types.AttributeValue, name string) string {
	if v, ok := i[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// wakes returns records of the Mail stream with a word of op that wakes a consumer: one for each
// item that has the word now, as the item's last record would be.
func (w *fixture) wakes(op string) []events.DynamoDBEventRecord {
	var records []events.DynamoDBEventRecord
	for _, i := range w.items() {
		if text(i, "op") != op {
			continue
		}
		w.seq++
		records = append(records, events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
			SequenceNumber: fmt.Sprint(w.seq),
			Keys: map[string]events.DynamoDBAttributeValue{
				"pk": events.NewStringAttribute(text(i, "pk")), "sk": events.NewStringAttribute(text(i, "sk")),
			},
			NewImage: map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute(op)},
		}})
	}
	return records
}

// plan delivers the records of open jobs to the planner.
func (w *fixture) plan() {
	w.t.Helper()
	answer := must(w.planner.Stream(w.t.Context(), events.DynamoDBEvent{Records: w.wakes("plan")}))(w.t)
	if len(answer.BatchItemFailures) > 0 {
		w.t.Fatalf("planning failed: %+v", answer)
	}
}

// sending returns the records that wake send-mail: of mails, and of slots whose holder is to go
// on.
func (w *fixture) sending() []events.DynamoDBEventRecord {
	return append(w.wakes("send"), w.wakes("wake")...)
}

// send delivers them to the sender.
func (w *fixture) send() {
	w.t.Helper()
	answer := must(w.sender.Stream(w.t.Context(), events.DynamoDBEvent{Records: w.sending()}))(w.t)
	if len(answer.BatchItemFailures) > 0 {
		w.t.Fatalf("sending failed: %+v", answer)
	}
}

// deliverFeedback delivers the events that SES has published.
func (w *fixture) deliverFeedback() {
	w.t.Helper()
	w.mu.Lock()
	all := w.events
	w.events = nil
	w.mu.Unlock()
	for _, e := range all {
		must(w.recorder.Record(w.t.Context(), e))(w.t)
	}
}

// schedules is what heads-up (jobs) and tend-outbox (mails) report; Overdue is of both.
type schedules struct {
	Opened, Woken, Overdue, Stuck, Slow, Unknown int
	CircuitOpen, Quota                           bool
	Circuit                                      string
}

// run runs both schedules, heads-up with an event, and fails unless they could read all that they
// report.
func (w *fixture) run(event string) schedules {
	w.t.Helper()
	jobs := must(w.planner.Run(w.t.Context(), json.RawMessage(event)))(w.t)
	mails := must(w.tender.Run(w.t.Context(), nil))(w.t)
	if jobs.Overdue == nil || mails.Stuck == nil || mails.Slow == nil || mails.Unknown == nil || mails.CircuitOpen == nil {
		w.t.Fatalf("not everything was read: %+v %+v", jobs, mails)
	}
	return schedules{
		Opened: jobs.Opened, Woken: mails.Woken, Overdue: *jobs.Overdue + *mails.Stuck + *mails.Slow, Stuck: *mails.Stuck, Slow: *mails.Slow,
		Unknown: *mails.Unknown, CircuitOpen: *mails.CircuitOpen, Quota: mails.Quota, Circuit: mails.Circuit,
	}
}

// headsUp runs the schedules as somebody does by hand, so that every scheduled release is looked
// at, and everything that follows.
func (w *fixture) headsUp() schedules {
	w.t.Helper()
	return w.follow(`{}`)
}

// planWindow opens and plans the job of a release's window.
func (w *fixture) planWindow(id string) {
	w.t.Helper()
	w.planned(w.planner, mail.WindowJob(id))
}

// planned opens a job and plans it, turn after turn, and returns the outcome and the number of
// turns.
func (w *fixture) planned(p *plan.Planner, k mail.JobKey) (o plan.Outcome, turns int) {
	w.t.Helper()
	if err := w.Store.OpenJob(w.t.Context(), k, w.now()); err != nil {
		w.t.Fatal(err)
	}
	for {
		o = must(p.Plan(w.t.Context(), k))(w.t)
		turns++
		if job, _, err := w.Store.Job(w.t.Context(), k); err != nil || o.Done || job.Progress.Of == "" {
			return must(o, err)(w.t), turns
		}
	}
}

// plannedSettlement opens and plans a settlement's job, and returns how many mails it made and
// whether it is done.
func (w *fixture) plannedSettlement(id string, epoch int) (int, bool) {
	w.t.Helper()
	o, _ := w.planned(w.planner, mail.SettlementJob(id, epoch))
	return o.Planned, o.Done
}

// onTime runs the schedules as EventBridge does, so that only what is due is looked at, and
// everything that follows.
func (w *fixture) onTime() schedules {
	w.t.Helper()
	return w.follow(`{"sparing":true}`)
}

// follow runs the schedules, and then plans and sends.
func (w *fixture) follow(event string) schedules {
	w.t.Helper()
	report := w.run(event)
	w.plan()
	w.send()
	return report
}

// outbox returns every mail of the outbox, in the order of recipients, releases and numbers.
func (w *fixture) outbox() []mail.Mail {
	w.t.Helper()
	var ids []string
	for _, i := range w.items() {
		if id, ok := dynamo.MailOfKey(text(i, "pk")); ok {
			ids = append(ids, id)
		}
	}
	var mails []mail.Mail
	for _, m := range must(w.Store.MailsByID(w.t.Context(), ids))(w.t) {
		mails = append(mails, m)
	}
	slices.SortFunc(mails, func(a, b mail.Mail) int {
		return strings.Compare(fmt.Sprintf("%s %s %04d %s", a.Recipient, a.ReleaseID, a.Number, a.Kind), fmt.Sprintf("%s %s %04d %s", b.Recipient, b.ReleaseID, b.Number, b.Kind))
	})
	return mails
}

// states puts the outbox into words: "ann heads-up 1 sent, bob heads-up 1 pending".
func (w *fixture) states() string {
	var all []string
	for _, m := range w.outbox() {
		who, _, _ := strings.Cut(m.Recipient, "@")
		all = append(all, fmt.Sprintf("%s %s %d %s", who, m.Kind, m.Number, m.State))
	}
	return strings.Join(all, ", ")
}

// arrived counts the mails in the inbox by recipient, subject and the calendar entry's SEQUENCE.
func (w *fixture) arrived() map[string]int {
	got := map[string]int{}
	for _, m := range w.inbox.Mails() {
		got[m.To+" "+m.Subject+" "+sequence(m)]++
	}
	return got
}

func sequence(m mailbox.Mail) string {
	if len(m.Attachments) == 0 {
		return ""
	}
	for line := range strings.Lines(m.Attachments[0].Content) {
		if n, ok := strings.CutPrefix(line, "SEQUENCE:"); ok {
			return strings.TrimSpace(n)
		}
	}
	return ""
}

func (w *fixture) wantStates(want string) {
	w.t.Helper()
	if got := w.states(); got != want {
		w.t.Errorf("outbox:\n got %s\nwant %s", got, want)
	}
}

func (w *fixture) wantMails(n int) {
	w.t.Helper()
	if got := len(w.inbox.Mails()); got != n {
		w.t.Errorf("%d mails arrived, want %d: %v", got, n, w.arrived())
	}
}
