package notify_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// course is what happens to the release of one seed, and what goes wrong with it. All seeds share
// the clock and the tables, but a fault of one does not touch another.
type course struct {
	w    *fixture
	seed uint64
	id   string

	// In percent: calls at which the function dies, before the call or without hearing its answer;
	// records that are lost, that come twice, that come late.
	crash, lost, twice, late int
	within                   time.Duration // by how much faults may delay a mail
	inMemory                 int           // people whom the planner keeps in memory

	mu      sync.Mutex
	dead    bool            // whether the function that runs for it has died
	calls   map[string]int  // how often each was made
	events  map[int]func()  // what people do, by tick
	seen    map[string]bool // records, by name
	met     int             // faults that happened
	calm    int             // the tick from which on a record may be lost or late again
	pending []pendingRecord
}

// pendingRecord is a record that has yet to be delivered.
type pendingRecord struct {
	name   string
	at     int // the tick
	times  int // to how many invocations at once
	handle func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)
	record events.DynamoDBEventRecord
}

// tickEvery is how often the schedule runs, as in the template. The sweep runs every other time.
const tickEvery = 5 * time.Minute

// Records of both streams are lost, come twice or late, and functions die before or after any
// request. People are told the same as without faults: at most fifteen minutes later, as they are
// promised, where a seed has one kind of fault, and at most 45 where it has all kinds.
func TestTimers_UnderFaults_SameMailsInTime(t *testing.T) {
	t.Parallel()
	first, last := uint64(1), uint64(20)
	if *seed != 0 {
		first, last = *seed, *seed
	}
	type plannedAt map[string]time.Time
	simulation := func(faulty bool) ([]*course, []plannedAt) {
		w := newFixture(t, fixtureOptions{})
		var courses []*course
		for n := first; n <= last; n++ {
			courses = append(courses, newCourse(w, n, faulty))
		}
		runCourses(w, courses)
		var all []plannedAt
		for _, c := range courses {
			planned := plannedAt{}
			for _, m := range w.outbox() {
				if m.ReleaseID == c.id {
					n := must(mail.Decode(m.Snapshot))(t)
					if m.State == mail.Unknown {
						m.State = mail.Sent // SES was slow, on a slow machine
					}
					planned[fmt.Sprintf("%s %s %d of %d %s, tasks %v and %d more, partly %t", m.Recipient, m.Kind, m.Number, m.WindowVersion, m.State, n.Tasks, n.More, n.Partly)] = m.CreatedAt
				}
			}
			all = append(all, planned)
		}
		return courses, all
	}
	var want []plannedAt
	var side sync.WaitGroup
	side.Go(func() { _, want = simulation(false) })
	courses, got := simulation(true)
	if side.Wait(); t.Failed() {
		return
	}
	met, mails := 0, 0
	for n, c := range courses {
		met, mails = met+c.met, mails+len(want[n])
		for what, at := range want[n] {
			then, there := got[n][what]
			if late := then.Sub(at); !there || late > c.within {
				t.Errorf("replay with -seed=%d: %s: planned: %t, %v late, want it planned at most %v late", c.seed, what, there, late, c.within)
			}
			delete(got[n], what)
		}
		for what := range got[n] {
			t.Errorf("replay with -seed=%d: this mail is not planned without faults: %s", c.seed, what)
		}
	}
	t.Logf("seeds %d to %d: %d mails, %d faults", first, last, mails, met)
	if *seed == 0 && (met < 100 || mails < 200) {
		t.Errorf("%d faults and %d mails show little, want 100 and 200 or more", met, mails)
	}
}

func newCourse(w *fixture, n uint64, faulty bool) *course {
	c := &course{w: w, seed: n, calls: map[string]int{}, events: map[int]func(){}, seen: map[string]bool{}, inMemory: 25_000, within: 15 * time.Minute}
	r := rand.New(rand.NewPCG(n, 3))
	a, b := fmt.Sprintf("S%02d-A", n), fmt.Sprintf("S%02d-B", n)
	w.change(a, a+"-ci")
	w.change(b, b+"-ci")
	tasks := 0
	add := func() {
		tasks++
		place, who := []string{a, b}[r.IntN(2)], fmt.Sprintf("s%02d-p%d", n, r.IntN(5))
		if r.IntN(3) == 0 {
			w.task(fmt.Sprintf("S%02d-T%02d", n, tasks), who, "", place+"-ci")
		} else {
			w.task(fmt.Sprintf("S%02d-T%02d", n, tasks), who, place)
		}
	}
	for range 8 {
		add()
	}
	// Some are due at once, some become due during the test.
	start := began.Add([]time.Duration{50 * hour, 7*24*hour + 13*time.Minute, 7*24*hour + 23*time.Minute}[r.IntN(3)])
	c.id = w.scheduled(start, 2*hour, a, b)
	// Somebody who works on it may have a request in it as well.
	w.team(c.id, fmt.Sprintf("s%02d-p0", n), fmt.Sprintf("s%02d-p1", n), fmt.Sprintf("s%02d-owner", n))
	write := func(what string) dynamo.Write {
		return dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: fmt.Sprintf("%d %s", n, what)}}
	}
	// Events are an hour apart, so that a late mail is planned before the next event.
	end := r.IntN(3)
	for k, what := range r.Perm(4)[:2] {
		c.events[apart*(k+1)] = []func(){
			func() { w.window(c.id, start.Add(30*time.Minute), 2*hour) },
			func() { must(w.Store.LinkChanges(w.t.Context(), c.id, nil, []string{b}, write("drop")))(w.t) },
			func() {
				must(w.Store.UpdateChange(w.t.Context(), a, func(ch release.Change) (release.Change, error) {
					ch.AffectedCIIDs = []string{b + "-ci"}
					return ch, nil
				}, write("touch")))(w.t)
			},
			func() { w.window(c.id, start.Add(-30*time.Minute), 3*hour) },
		}[what]
	}
	switch end {
	case 0:
		c.events[3*apart] = func() { w.transition(c.id, release.Cancelled) }
	case 1:
		c.events[3*apart] = func() { w.transition(c.id, release.InProgress, release.Deployed); w.settleOnly() }
	}
	if !faulty {
		return c
	}
	dice := rand.New(rand.NewPCG(n, 4))
	c.inMemory = []int{1, 2, 25_000}[dice.IntN(3)]
	switch n % 5 {
	case 0:
		c.crash = 4
	case 1:
		c.lost = 50
	case 2:
		c.twice = 60
	case 3:
		c.late = 60
	default:
		c.crash, c.lost, c.twice, c.late, c.within = 2, 20, 20, 20, 45*time.Minute
	}
	return c
}

// settleOnly settles what is not settled, and announces nothing.
func (w *fixture) settleOnly() {
	w.t.Helper()
	nothing := func(context.Context, dynamo.Settling) error { return nil }
	sweep := settle.Sweep{Settler: settle.New(w.Store), Announce: func(context.Context, release.Release, int) error { return nil }, Wake: nothing}
	must(sweep.Before(w.t.Context(), w.now().Add(time.Hour), w.now()))(w.t)
}

// draw returns a number below a hundred for a call or record, the same in every run of the seed.
func (c *course) draw(what string) int {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, c.seed, strings.ReplaceAll(what, c.id, "REL"))
	return rand.New(rand.NewPCG(h.Sum64(), c.seed)).IntN(100)
}

// around lets the running function die before or after a call.
func (c *course) around(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	c.mu.Lock()
	what := call.Operation + " " + strings.Join(keysOf(call.Input), " ")
	c.calls[what]++
	dice := c.draw(fmt.Sprint(what, c.calls[what]))
	dead := c.dead
	dies := !dead && dice < c.crash
	if dies {
		c.dead = true
		c.met++
	}
	c.mu.Unlock()
	switch {
	case dead, dies && dice%2 == 0:
		return errDead
	case dies:
		return errors.Join(do(ctx), errDead)
	}
	return do(ctx)
}

var errDead = errors.New("injected: the function died")

// keysOf names the items that a call is about.
func keysOf(input any) (keys []string) {
	name := func(i map[string]types.AttributeValue) { keys = append(keys, text(i, "pk")+"/"+text(i, "sk")) }
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		name(in.Key)
	case *dynamodb.UpdateItemInput:
		name(in.Key)
	case *dynamodb.PutItemInput:
		name(in.Item)
	case *dynamodb.QueryInput:
		for _, v := range in.ExpressionAttributeValues {
			if s, ok := v.(*types.AttributeValueMemberS); ok {
				keys = append(keys, s.Value)
			}
		}
	case *dynamodb.BatchGetItemInput:
		for _, asked := range in.RequestItems {
			for _, k := range asked.Keys {
				name(k)
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, action := range in.TransactItems {
			if action.Put != nil {
				name(action.Put.Item)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// wakes sends a record on its way: once and at once, or lost, late, or twice.
func (c *course) wakes(name string, tick int, handle func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error), record events.DynamoDBEventRecord) {
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	r := pendingRecord{name, tick, 1, handle, record}
	dice := c.draw("record " + name)
	if tick >= c.calm && dice < c.lost+c.late {
		// For a while no further record is lost or late: if that befell what repairs this one,
		// nothing could be said about the time it takes.
		c.calm = tick + 8
		c.met++
		if dice < c.lost {
			return
		}
		r.at += 1 + dice%2
	}
	if c.draw("twice "+name) < c.twice {
		r.times = 2
		c.met++
	}
	c.pending = append(c.pending, r)
}

// deliver delivers the records of a tick, and tells whether there were any.
func (c *course) deliver(tick int) (finished bool) {
	due := c.pending
	c.pending = nil
	for _, r := range due {
		if r.at > tick {
			c.pending = append(c.pending, r)
			continue
		}
		for tries := 0; !c.handled(r); r.times = 1 { // Lambda retries at once, and often
			if tries++; tries == 20 {
				c.w.t.Errorf("seed %d: %s failed 20 times", c.seed, r.name)
				break
			}
		}
		finished = true
	}
	return finished
}

// handled delivers a record, and tells whether every invocation acknowledged it.
func (c *course) handled(r pendingRecord) bool {
	c.setDead(false)
	var side sync.WaitGroup
	results := make([]bool, r.times)
	for n := range results {
		side.Go(func() {
			answer, err := r.handle(c.w.t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{r.record}})
			results[n] = err == nil && len(answer.BatchItemFailures) == 0
		})
	}
	side.Wait()
	c.setDead(false)
	return !slices.Contains(results, false)
}

func (c *course) setDead(dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = dead
}

const (
	ticks = 52
	apart = 12 // ticks between two events
)

func runCourses(w *fixture, courses []*course) {
	w.t.Helper()
	buses := httptest.NewServer((&bus.Bus{}).Handler())
	defer buses.Close()
	announcers, planners := map[string]*announce.Announcer{}, map[string]*plan.Planner{}
	byID := map[string]*course{}
	for _, c := range courses {
		byID[c.id] = c
		store := w.Under(c.around, nil)
		announcers[c.id] = announce.Open(testkit.AWS(buses.URL+"/_local/eventbridge"), store, "bus").WithClock(w.now)
		turn := time.Minute
		if c.inMemory < 5 {
			turn = 0
		}
		planners[c.id] = plan.New(store).WithClock(w.now).WithPublicURL("https://releases.example.com", false).WithBounds(c.inMemory, turn)
	}
	sweep := settle.Sweep{
		Settler: settle.New(w.Store),
		Announce: func(ctx context.Context, r release.Release, epoch int) error {
			return announcers[r.ID].Announce(ctx, r, epoch)
		},
		Wake: func(ctx context.Context, r dynamo.Settling) error { return announcers[r.ID].Wake(ctx, r) },
	}
	for tick := range ticks {
		for _, c := range courses {
			if happens := c.events[tick]; tick == 0 || happens != nil {
				if happens != nil {
					happens()
				}
				c.wakes(fmt.Sprint("release ", tick), tick, announcers[c.id].Stream, w.releaseImage(c.id).record(tick))
			}
			c.deliver(tick)
		}
		if tick%2 == 1 {
			_, _ = sweep.Before(w.t.Context(), w.now().Add(-5*time.Minute), w.now())
			for _, c := range courses {
				c.setDead(false)
			}
		}
		must(w.planner.Run(w.t.Context(), []byte(`{"sparing":true}`)))(w.t)
		for finished := true; finished; { // the record of a turn wakes the next
			for _, i := range w.items() {
				if c := byID[strings.TrimPrefix(text(i, "pk"), "JOB#")]; c != nil && text(i, "op") == "plan" {
					round, _ := i["round"].(*types.AttributeValueMemberN)
					c.wakes(text(i, "sk")+round.Value, tick, planners[c.id].Stream, wakeOf(text(i, "pk"), text(i, "sk")))
				}
			}
			finished = false
			for _, c := range courses {
				finished = c.deliver(tick) || finished
			}
		}
		if tick%3 == 2 {
			w.send()
		}
		w.advanceClock(tickEvery)
	}
	w.send()
	w.nothingNew()
}

// nothingNew runs the schedule ten more times, and wants nothing sent and nothing written but
// timers.
func (w *fixture) nothingNew() {
	w.t.Helper()
	before := w.states()
	var mu sync.Mutex
	var writes []string
	around := func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := call.Input.(*dynamodb.UpdateItemInput); ok || call.Operation == "TransactWriteItems" || call.Operation == "PutItem" {
			writes = append(writes, keysOf(call.Input)...)
		}
		return do(ctx)
	}
	planner := plan.New(w.Under(around, nil)).WithClock(w.now)
	for range 10 {
		must(planner.Run(w.t.Context(), []byte(`{"sparing":true}`)))(w.t)
		must(planner.Stream(w.t.Context(), events.DynamoDBEvent{Records: w.wakes("plan")}))(w.t)
		w.advanceClock(tickEvery)
	}
	if after := w.states(); after != before {
		w.t.Errorf("ten runs with nothing new sent something: %s", differing(after, before))
	}
	if other := slices.DeleteFunc(writes, func(key string) bool { return strings.HasPrefix(key, "JOB#") }); len(other) > 0 {
		w.t.Errorf("ten runs with nothing new wrote %v", other)
	}
}

func wakeOf(pk, sk string) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: "1", NewImage: map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("plan")},
		Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(pk), "sk": events.NewStringAttribute(sk)},
	}}
}

type image map[string]types.AttributeValue

// releaseImage returns a release's item.
func (w *fixture) releaseImage(id string) image {
	w.t.Helper()
	out := must(w.Client.GetItem(w.t.Context(), &dynamodb.GetItemInput{TableName: &w.Tables.Releases, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "REL#" + id}, "sk": &types.AttributeValueMemberS{Value: "M"},
	}}))(w.t)
	return out.Item
}

func (i image) record(tick int) events.DynamoDBEventRecord {
	after := map[string]events.DynamoDBAttributeValue{}
	for _, name := range []string{"op", "status"} {
		after[name] = events.NewStringAttribute(text(i, name))
	}
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(tick + 1), NewImage: after,
		Keys: map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(text(i, "pk")), "sk": events.NewStringAttribute("M")},
	}}
}
