package notify_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// tasksRead counts the tasks that calls ask for.
type tasksRead struct{ n atomic.Int64 }

func (c *tasksRead) around(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	if in, ok := call.Input.(*dynamodb.BatchGetItemInput); ok {
		for table, asked := range in.RequestItems {
			if strings.HasSuffix(table, "TasksTable") {
				c.n.Add(int64(len(asked.Keys)))
			}
		}
	}
	return do(ctx)
}

// people creates a release with 20 change requests, each on a configuration item, and three tasks
// for each of 30 people, which are linked or name items. For some addresses, earlier versions used
// another key (see underOlderKeys).
func (w *fixture) people() (id string, changes []string) {
	w.t.Helper()
	for n := range 20 {
		changes = append(changes, fmt.Sprintf("CHG-%02d", n))
		w.change(changes[n], fmt.Sprintf("ci-%02d", n))
	}
	for n := range 90 {
		who := fmt.Sprintf("p%02d@example.com", n%30)
		if n%30 >= 25 {
			who = fmt.Sprintf("p%02d@münchen.example", n%30)
		}
		p := release.TaskPlan{Title: fmt.Sprint("Request ", n), RequesterEmail: who, Status: release.TaskOpen, CIIDs: []string{}}
		if n%3 == 0 {
			p.CIIDs = []string{fmt.Sprintf("ci-%02d", n%20), fmt.Sprintf("ci-%02d", (3*n+1)%20)}
		} else {
			p.ChangeRequestID = changes[n%20]
		}
		must(w.Store.CreateTask(w.t.Context(), release.Task{ID: fmt.Sprintf("T-%02d", n), TaskPlan: p, CreatedAt: began.Add(time.Duration(n) * time.Second), UpdatedAt: began, Revision: 1},
			dynamo.Write{Stamp: release.Stamp{At: began, By: release.System, Request: fmt.Sprint("task", n)}}))(w.t)
	}
	return w.scheduled(began.Add(60*hour), hour, changes...), changes
}

// underOlderKeys moves what people at münchen.example were told under the key that an earlier
// version used, with the domain as it was spelled.
func (w *fixture) underOlderKeys() {
	w.t.Helper()
	for _, i := range w.items() {
		older := strings.Replace(text(i, "sk"), "xn--mnchen-3ya", "münchen", 1)
		if !strings.HasPrefix(text(i, "pk"), "TOLD#") || older == text(i, "sk") {
			continue
		}
		must(w.Client.DeleteItem(w.t.Context(), &dynamodb.DeleteItemInput{TableName: &w.Tables.Mail, Key: map[string]types.AttributeValue{"pk": i["pk"], "sk": i["sk"]}}))(w.t)
		i["sk"] = &types.AttributeValueMemberS{Value: older}
		must(w.Client.PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: &w.Tables.Mail, Item: i}))(w.t)
	}
}

// contents returns every mail of the outbox with all that it says.
func (w *fixture) contents() string {
	var all strings.Builder
	for _, m := range w.outbox() {
		state := m.State
		if state == mail.Unknown {
			state = mail.Sent // SES was slow, on a slow machine
		}
		fmt.Fprintln(&all, m.Recipient, m.Kind, m.Number, state, m.Snapshot)
	}
	return all.String()
}

// differing lists the lines that only one of two texts has.
func differing(got, want string) string {
	var only []string
	for line := range strings.Lines(got) {
		if !strings.Contains(want, line) {
			only = append(only, "got "+line)
		}
	}
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			only = append(only, "want "+line)
		}
	}
	return strings.Join(only, "")
}

// Who is told what does not depend on how many people the planner keeps in memory, nor on into how
// many turns the planning is split: each mail is the same, and lists the same tasks.
func TestPlan_TurnAfterTurn_SameMailsAsAtOnce(t *testing.T) {
	t.Parallel()
	simulation := func(inMemory int, turn time.Duration) (all []string, turns int) {
		w := newFixture(t, fixtureOptions{})
		p := w.planner.WithBounds(inMemory, turn)
		id, changes := w.people()
		w.team(id, "p03", "p04", "boss") // two of them wait for requests in it as well
		window := mail.WindowJob(id)
		look := func(k mail.JobKey) {
			_, n := w.planned(p, k)
			turns += n
			w.send()
			all = append(all, w.contents())
		}
		look(window)
		w.underOlderKeys()
		look(window) // nothing new
		in := dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "drop"}}
		must(w.Store.LinkChanges(t.Context(), id, nil, changes[:9], in))(t)
		look(window)
		w.transition(id, release.InProgress, release.Deployed)
		w.settle(id)
		look(mail.SettlementJob(id, 4))
		w.change("CHG-A", "ci-03")
		other := w.scheduled(began.Add(60*hour), hour, "CHG-A")
		w.change("CHG-B", "ci-02")
		must(w.Store.LinkChanges(t.Context(), other, []string{"CHG-B"}, nil, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "link"}}))(t)
		look(mail.WindowJob(other))
		w.underOlderKeys()
		for _, task := range []string{"T-27", "T-87"} { // all that p27 has in it; what p27 was told is under an older key
			must(w.ops.UpdateTask(w.ctx, task, []byte(`{"status":"Closed"}`), operations.Precondition{}))(t)
		}
		w.transition(other, release.Cancelled)
		look(mail.WindowJob(other))
		return all, turns
	}
	want, turns := simulation(25_000, time.Minute)
	if turns != len(want) {
		t.Errorf("planned at once, %d looks take %d turns, want one each", len(want), turns)
	}
	for n, minimum := range []int{30, 0, 50, 70, 75, 80} {
		if got := strings.Count(want[n], "\n"); got < minimum || n == 1 && want[1] != want[0] {
			t.Errorf("after look %d there are %d mails, want %d or more, and nothing new after look 1", n, got, minimum)
		}
	}
	if !strings.Contains(want[3], " stays-open 4 sent") || !strings.Contains(want[0], "boss@example.com window-fixed 1 sent") || strings.Contains(want[0], "p03@example.com window-fixed") {
		t.Errorf("the mails of the end, or of the team, are not as they should be:\n%s", want[3])
	}
	if !strings.Contains(want[5], "p27@münchen.example withdrawn 2 sent") {
		t.Error("somebody who was told, under an older key, does not hear that the release is cancelled")
	}
	for name, c := range map[string]struct {
		inMemory int
		turn     time.Duration
	}{"a page a turn": {25_000, 0}, "three people in memory": {3, time.Minute}, "both": {3, 0}} {
		got, turns := simulation(c.inMemory, c.turn)
		for n := range want {
			if got[n] != want[n] {
				t.Errorf("%s: look %d differs:\n%s", name, n, differing(got[n], want[n]))
			}
		}
		if c.turn == 0 && turns < 3*len(want) {
			t.Errorf("%s: planning took %d turns, want %d or more", name, turns, 3*len(want))
		}
	}
}

// A look reads each task once, in however many turns.
func TestPlan_AnyLook_ReadsEachTaskOnce(t *testing.T) {
	t.Parallel()
	var read tasksRead
	w := newFixture(t, fixtureOptions{around: read.around})
	w.change("CHG-1")
	for n := range 30 {
		w.task(fmt.Sprintf("T-%02d", n), fmt.Sprintf("p%02d", n%7), "CHG-1")
	}
	k := mail.WindowJob(w.scheduled(began.Add(60*hour), hour, "CHG-1"))
	for name, p := range map[string]*plan.Planner{"at once": w.planner, "turn after turn": w.planner.WithBounds(2, 0)} {
		read.n.Store(0)
		if o, _ := w.planned(p, k); read.n.Load() != 30 || !o.Done {
			t.Errorf("%s: %d tasks are read, of 30; done: %t", name, read.n.Load(), o.Done)
		}
	}
}

// At the end of a turn the job's own record wakes the next. If that record is lost, the schedule
// opens the job again, and planning goes on from there.
func TestPlan_PutAside_GoesOn(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	id, _ := w.people()
	k := mail.WindowJob(id)
	p := w.planner.WithBounds(3, 0)
	open := func() mail.Job {
		t.Helper()
		j, _, err := w.Store.Job(t.Context(), k)
		return must(j, err)(t)
	}
	if err := w.Store.OpenJob(t.Context(), k, w.now()); err != nil {
		t.Fatal(err)
	}
	for turns := 0; open().Open; turns++ {
		records := w.wakes("plan")
		if len(records) != 1 || turns > 20 {
			t.Fatalf("after turn %d, %d records wake the planner; want one, and fewer than 20 turns", turns, len(records))
		}
		before := open().Progress
		if turns%2 == 1 { // the record is lost
			w.advanceClock(mail.ReplanAfter + time.Minute)
			if r := must(w.planner.Run(t.Context(), []byte(`{"sparing":true}`)))(t); r.Opened != 1 || *r.Overdue != 1 {
				t.Fatalf("the schedule opened %d jobs, overdue %d; want one and one", r.Opened, *r.Overdue)
			}
			if after := open().Progress; after.At != before.At || after.Notified != before.Notified || after.Of != before.Of {
				t.Fatalf("planning begins again: its progress is %+v, before %+v", after, before)
			}
		}
		must(p.Stream(t.Context(), events.DynamoDBEvent{Records: records}))(t)
	}
	if n := len(w.outbox()); n != 30 {
		t.Errorf("%d mails, want 30", n)
	}
	if j := open(); j.Progress.Of != "" || !j.Wait {
		t.Errorf("the job is left as %+v, want it without progress, waiting for its next moment", j)
	}
}

// What a planning has found so far is of no use once the release has changed: planning begins again.
func TestPlan_ReleaseMovedWhilePutAside_BeginsAnew(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	id, changes := w.people()
	k := mail.WindowJob(id)
	p := w.planner.WithBounds(3, 0)
	if err := w.Store.OpenJob(t.Context(), k, w.now()); err != nil {
		t.Fatal(err)
	}
	must(p.Plan(t.Context(), k))(t)
	must(p.Plan(t.Context(), k))(t)
	must(w.Store.LinkChanges(t.Context(), id, nil, changes[1:], dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "drop"}}))(t)
	for { // the record of the change comes late: the next turn notices by itself
		if o := must(p.Plan(t.Context(), k))(t); o.Done {
			break
		}
	}
	for _, m := range w.outbox() {
		n := must(mail.Decode(m.Snapshot))(t)
		for _, task := range n.Tasks {
			got := must(w.Store.Task(t.Context(), task.ID))(t)
			if got.ChangeRequestID != changes[0] && !strings.Contains(strings.Join(got.CIIDs, " "), "ci-00") {
				t.Errorf("%s is told of %s, which is no part of it", m.Recipient, task.ID)
			}
		}
	}
	if n := len(w.outbox()); n == 0 || n >= 30 {
		t.Errorf("%d mails, want some, and fewer than 30", n)
	}
}

// A look at a slot that nobody may take must not cause the next look: a sender that was woken
// while the circuit was open woke itself with each of its own records, without a pause, until
// the circuit closed a quarter of an hour later (found by seed 105 of the chaos on 2026-11-27).
func TestSendMail_WokenWhileCircuitOpen_DoesNotWakeItself(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	if !must(w.Store.WakeSlot(t.Context(), 0, w.now()))(t) || len(w.wakes("wake")) != 1 {
		t.Fatal("waking the slot left no record that wakes a sender")
	}
	if err := w.Store.OpenCircuit(t.Context(), mail.Circuit{Until: w.now().Add(15 * time.Minute), Reason: "paused"}); err != nil {
		t.Fatal(err)
	}
	w.send()
	if n := len(w.wakes("wake")); n != 0 {
		t.Errorf("after the look, %d records ask for another", n)
	}
}
