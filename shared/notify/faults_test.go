package notify_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

var (
	seeds = flag.Int("seeds", 4, "how many seeds TestMails_UnderFaults plays")
	seed  = flag.Uint64("seed", 0, "play this seed only")
)

// trouble breaks calls to the tables: some are refused, and of some the answer is lost though
// they were carried out, as when a function dies between two requests.
type trouble struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64 // of the calls, for either kind
}

func (f *trouble) around(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
	f.mu.Lock()
	dice := f.random.Float64()
	share := f.share
	f.mu.Unlock()
	switch {
	case dice < share:
		return inject.Refused("ThrottlingException")
	case dice < 2*share:
		return errors.Join(do(ctx), inject.Lost())
	}
	return do(ctx)
}

func (f *trouble) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.share = 0
}

// Everything that can go wrong with mails, at random and in any mixture: SES answers 429, or 500
// after accepting; it drops, hangs, refuses, rejects addresses, suspends the account; its events
// come late, twice, in any order, or never; requests to the tables fail or their answers are lost;
// records come twice and to two senders at once; the window moves, change requests and tasks come
// and go. In the end I7 of docs/faults.md holds.
func TestMails_UnderFaults_NobodyGetsOneTwice(t *testing.T) {
	first, last := uint64(1), uint64(*seeds)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprintf("seed=%d", n), func(t *testing.T) {
			t.Parallel()
			if wrong := runSchedule(t, n); len(wrong) > 0 {
				t.Errorf("replay with -seed=%d:\n%s", n, strings.Join(wrong, "\n"))
			}
		})
	}
}

// The test above means something only if it catches a sender that repeats calls to SES after a 500
// or a broken connection, as the SDK does by default.
func TestMails_SDKRetries_WouldBeCaught(t *testing.T) {
	t.Parallel()
	for n := uint64(1); n <= 5; n++ {
		wrong := runSchedule(t, n, func(o *sesv2.Options) {
			o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) { so.MaxBackoff = time.Millisecond })
		})
		for _, w := range wrong {
			if strings.Contains(w, "arrived") {
				return
			}
		}
	}
	t.Error("in five seeds nobody got a mail twice from a sender that repeats; want it caught")
}

// runSchedule runs one seed and returns what is wrong in the end.
func runSchedule(t *testing.T, n uint64, ses ...func(*sesv2.Options)) []string {
	t.Helper()
	r := rand.New(rand.NewPCG(n, 7))
	// Each seed has faults of its own: with all at once, some hide others.
	share := []float64{0, 0.01, 0.04}[r.IntN(3)]
	f := &trouble{random: rand.New(rand.NewPCG(n, 8)), share: share}
	w := newFixture(t, fixtureOptions{around: f.around, ses: ses})
	// What DynamoDB does without a fault of ours, some of it in some seeds. It has a random source
	// of its own, so that it does not change the seed's other faults.
	dice := rand.New(rand.NewPCG(n, 9))
	w.Layer.Adjust(strict.Options{
		Seed: n, Hold: time.Duration(dice.IntN(3)) * time.Millisecond, Lag: time.Duration(dice.IntN(2)) * 100 * time.Millisecond,
		Behind: dice.Float64(), Unprocessed: dice.Float64() / 2,
	})
	kinds := []mailbox.FaultKind{mailbox.Throttle, mailbox.Error, mailbox.Drop, mailbox.Hang, mailbox.Refuse, mailbox.Reject, mailbox.BadRequest, mailbox.Suspend, mailbox.Limit, mailbox.Quota, mailbox.Bounce, mailbox.Complaint}
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:2+r.IntN(5)]

	w.change("CHG-1", "ci-1")
	w.change("CHG-2", "ci-2")
	tasks := 0
	add := func() {
		tasks++
		who := fmt.Sprintf("p%02d", r.IntN(12))
		w.task(fmt.Sprintf("T-%02d", tasks), who, []string{"", "CHG-1", "CHG-2"}[r.IntN(3)], []string{"ci-1", "ci-2", "ci-9"}[r.IntN(3)])
	}
	for range 14 {
		add()
	}
	id := w.scheduled(began.Add(72*hour), 2*hour, "CHG-1", "CHG-2")
	w.team(id, "boss", "crew", "p01")
	moves, dropped := 0, false
	for range 10 {
		for range r.IntN(4) {
			w.fail(mailbox.Fault{Kind: kinds[r.IntN(len(kinds))], Silent: r.IntN(4) == 0})
		}
		switch r.IntN(8) {
		case 0:
			moves++
			w.window(id, began.Add(time.Duration(72+moves)*hour), 2*hour)
		case 1:
			add()
		case 2:
			in := dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: fmt.Sprint("link", r.Uint64())}}
			ids := []string{"CHG-2"}
			if dropped {
				must(w.Store.LinkChanges(t.Context(), id, ids, nil, in))(t)
			} else {
				must(w.Store.LinkChanges(t.Context(), id, nil, ids, in))(t)
			}
			dropped = !dropped
		}
		w.runUnderFaults(r)
		w.advanceClock(time.Duration(1+r.IntN(6)) * time.Minute)
	}
	if r.IntN(2) == 0 {
		w.transition(id, release.Cancelled)
		if err := w.Store.OpenJob(t.Context(), mail.WindowJob(id), w.now()); err != nil {
			t.Fatal(err)
		}
	}
	f.stop()
	w.Layer.Adjust(strict.Options{})
	// Clear drops the faults that are still waiting, but also the mails, so these are kept here.
	came := w.inbox.Mails()
	w.inbox.Clear()
	for range 9 {
		w.runUnderFaults(r)
		w.advanceClock(20 * time.Minute)
	}
	return w.wrong(id, append(came, w.inbox.Mails()...))
}

// runUnderFaults runs all functions with records that come twice, in any order, and to two
// invocations at once. A record that fails need not be kept: its item still has the word that
// wakes the function, so the next call delivers it again.
func (w *fixture) runUnderFaults(r *rand.Rand) {
	_, _ = w.planner.Run(w.t.Context(), nil)
	_, _ = w.tender.Run(w.t.Context(), nil)
	two := func(records []events.DynamoDBEventRecord, handler func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)) {
		records = append(records, records...)
		r.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		var both sync.WaitGroup
		for _, half := range [][]events.DynamoDBEventRecord{records[:len(records)/2], records[len(records)/2:]} {
			both.Go(func() {
				for len(half) > 0 {
					batch := half[:min(10, len(half))]
					half = half[len(batch):]
					_, _ = handler(w.t.Context(), events.DynamoDBEvent{Records: batch})
				}
			})
		}
		both.Wait()
	}
	two(w.wakes("plan"), w.planner.Stream)
	two(w.sending(), w.sender.Stream)
	w.mu.Lock()
	r.Shuffle(len(w.events), func(i, j int) { w.events[i], w.events[j] = w.events[j], w.events[i] })
	some := r.IntN(len(w.events) + 1)
	now := append([]events.CloudWatchEvent{}, w.events[:some]...)
	w.events = w.events[some:]
	w.mu.Unlock()
	for _, e := range append(now, now...) {
		for range 20 { // EventBridge's and Lambda's retries
			if _, err := w.recorder.Record(w.t.Context(), e); err == nil {
				break
			}
		}
	}
}

// wrong returns where outbox and inbox break I7 of docs/faults.md.
func (w *fixture) wrong(id string, inbox []mailbox.Mail) []string {
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	before, report := w.states(), w.run(`{}`)
	if w.plan(); w.states() != before || report.Overdue != 0 {
		complain("another run still finds something to do: %+v, the outbox is %s, before %s", report, w.states(), before)
	}
	arrived := map[string]int{} // by outbox item
	for _, m := range inbox {
		arrived[m.Headers[send.Header]]++
	}
	unknown := 0
	reached := map[string]mail.Mail{} // the latest mail that may have reached a requester
	team := map[string]mail.Mail{}    // the latest that may have reached somebody who works on it
	items := map[string]bool{}
	for _, m := range w.outbox() {
		name := fmt.Sprintf("%s %s %d", m.Recipient, m.Kind, m.Number)
		if items[name] {
			complain("%s is in the outbox twice", name)
		}
		items[name] = true
		got := arrived[m.ID]
		delete(arrived, m.ID)
		switch m.State {
		case mail.Sent:
			if got != 1 {
				complain("%s is sent, and arrived %d times, want once", name, got)
			}
		case mail.Unknown:
			unknown++
			if got > 1 {
				complain("%s is unknown, and arrived %d times", name, got)
			}
		case mail.Failed, mail.Suppressed, mail.Superseded:
			if got != 0 {
				complain("%s is %s (%s), and arrived %d times", name, m.State, m.Reason, got)
			}
		default:
			complain("%s never ended: %s (%s)", name, m.State, m.Reason)
		}
		if m.State == mail.Sent || m.State == mail.Unknown || m.State == mail.Failed || m.State == mail.Suppressed {
			if mail.OfTeam(mail.Kind(m.Kind)) {
				team[m.Recipient] = m
			} else {
				reached[m.Recipient] = m
			}
		}
	}
	for name, n := range arrived {
		complain("%s arrived %d times and is not in the outbox", name, n)
	}
	if report.Unknown != unknown {
		complain("%d unknown mails, and the alarm says %d", unknown, report.Unknown)
	}
	// Everybody whose request the release touches knows of its present window, and everybody else
	// of none; but a mail that failed or was suppressed excuses it.
	release_ := must(w.Store.Release(w.t.Context(), id))(w.t)
	for _, who := range []string{"boss@example.com", "crew@example.com"} {
		latest, reported := team[who]
		switch {
		case release_.Status == release.Scheduled && (latest.Kind == "window-off" || latest.WindowVersion != release_.WindowVersion):
			complain("%s works on it, should know of window %d and was last told %s %d (window %d)", who, release_.WindowVersion, latest.Kind, latest.Number, latest.WindowVersion)
		case release_.Status != release.Scheduled && reported && latest.Kind != "window-off" && (latest.State == mail.Sent || latest.State == mail.Unknown):
			complain("%s works on it, should know that it is off and was last told %s %d", who, latest.Kind, latest.Number)
		}
	}
	for n := range 12 {
		who := fmt.Sprintf("p%02d@example.com", n)
		latest, reported := reached[who]
		touched := release_.Status == release.Scheduled && w.touched(who, release_.ChangeIDs)
		switch {
		case touched && (!reported || latest.Kind == "withdrawn" || latest.WindowVersion != release_.WindowVersion):
			if !reported || latest.Kind != "withdrawn" || !strings.Contains(latest.Snapshot, `"partly":true`) {
				complain("%s should know of window %d and was last told %s %d (window %d)", who, release_.WindowVersion, latest.Kind, latest.Number, latest.WindowVersion)
			}
		case !touched && reported && latest.Kind != "withdrawn" && (latest.State == mail.Sent || latest.State == mail.Unknown):
			complain("%s should know that nothing comes of it and was last told %s %d", who, latest.Kind, latest.Number)
		}
	}
	return wrong
}

// touched tells whether a release with these change requests touches a task of a person. It goes
// through all of the person's tasks.
func (w *fixture) touched(who string, changes []string) bool {
	tasks, _, err := w.Store.ListTasks(w.t.Context(), dynamo.TasksBy{Requester: who}, "", 100, "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range tasks {
		for _, c := range changes {
			if task.ChangeRequestID == c || strings.Contains(strings.Join(task.CIIDs, " "), strings.Replace(c, "CHG", "ci", 1)) {
				return true
			}
		}
	}
	return false
}
