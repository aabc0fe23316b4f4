package settle_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit"
)

// simulation is one seed: releases, change requests and tasks, people who work with them, and
// the consumers, all under the seed's faults.
type simulation struct {
	*fixture
	seed      uint64
	chaos     *chaos
	faulty    *dynamo.Store
	prefix    string
	changeIDs []string

	mu         sync.Mutex
	taskIDs    []string
	edits      map[string]*edit       // by request
	moves      map[string]*transition // by request
	releaseIDs []string
	edited     int // calls of meddle

	zombies        sync.WaitGroup // every invocation, frozen ones too
	crashes, froze atomic.Int64
	overtaken      atomic.Int64 // calls of overtake
}

// edit is what a person did to a task, and what is known about when: the epochs of the change
// requests before it began (low) and after it ended (high).
type edit struct {
	task   string
	status release.TaskStatus // "" leaves it
	moves  bool               // whether it links or unlinks the task
	change string             // where to; "" unlinks
	low    map[string]int
	high   map[string]int // nil as long as it may still happen
}

// transition is what a person asked of a release, and how it was answered.
type transition struct {
	release string
	to      release.Status
	answer  string // "accepted", "refused", "unknown"
}

var errFrozen = errors.New("the invocation froze")

// invoke runs an invocation of a function. It returns when that has ended or has frozen; a
// frozen one goes on some time later.
func (p *simulation) invoke(name string, run func(context.Context) error) error {
	ctx, i := p.chaos.begin(context.Background(), name)
	ended := make(chan error, 1)
	p.zombies.Go(func() { ended <- run(ctx) })
	select {
	case err := <-ended:
		if i.died() {
			p.crashes.Add(1)
			return errDead // whatever it would have answered, nobody hears it
		}
		return err
	case <-i.frozen:
		p.froze.Add(1)
		return errFrozen
	}
}

func (p *simulation) request(name string) dynamo.Write {
	w := p.write()
	w.Request = p.prefix + name
	return w
}

// transition asks for a status until the release has it, or gives up; it tells which.
func (p *simulation) transition(id string, to release.Status) bool {
	for n := range 20 {
		w := p.request(fmt.Sprintf("%s-%s-%d", id, to, n))
		t := &transition{release: id, to: to, answer: "unknown"}
		p.mu.Lock()
		p.moves[w.Request] = t
		p.mu.Unlock()
		request := release.TransitionRequest{To: to, Reason: reasonFor(to, "because of "+w.Request)}
		err := p.invoke(w.Request, func(ctx context.Context) error {
			_, err := p.faulty.Transition(ctx, id, request, w)
			return err
		})
		p.mu.Lock()
		t.answer = answerOf(err)
		p.mu.Unlock()
		if err == nil {
			return true
		}
		r, err := p.Store.Release(context.Background(), id)
		if err == nil && (r.Status == to || to == release.Deployed && r.Status == release.RolledBack) {
			return true
		}
	}
	return false
}

// epochs reads the change requests' epochs.
func (p *simulation) epochs() map[string]int {
	all, err := p.Store.ChangesByID(context.Background(), p.changeIDs)
	if err != nil {
		p.t.Error(err)
	}
	epochs := map[string]int{}
	for _, c := range all {
		epochs[c.ID] = c.Epoch()
	}
	return epochs
}

// record notes an edit before it begins; the returned function notes its end.
func (p *simulation) record(request string, e *edit) func(err error) {
	if e.moves {
		e.low = p.epochs()
	}
	p.mu.Lock()
	p.edits[request] = e
	p.mu.Unlock()
	return func(err error) {
		if errors.Is(err, errFrozen) || errors.Is(err, errDead) || errors.Is(err, errLost) {
			return // it may still happen
		}
		if !e.moves {
			return
		}
		high := p.epochs()
		p.mu.Lock()
		e.high = high
		p.mu.Unlock()
	}
}

// bounds returns the epochs of a change request between which the edit happened.
func (e *edit) bounds(change string) (low, high int) {
	if e.high == nil {
		return e.low[change], math.MaxInt
	}
	return e.low[change], e.high[change]
}

var statuses = []release.TaskStatus{
	release.TaskOpen, release.TaskInProgress, release.TaskOnHold, release.TaskResolved, release.TaskClosed, release.TaskClosed, release.TaskCancelled,
}

// person makes a random edit of a task.
func (p *simulation) person(random *rand.Rand, store *dynamo.Store, task, name string) {
	e := &edit{task: task}
	if random.Float64() < 0.6 {
		e.status = statuses[random.IntN(len(statuses))]
	}
	if e.status == "" || random.Float64() < 0.2 {
		e.moves = true
		if n := random.IntN(len(p.changeIDs) + 1); n < len(p.changeIDs) {
			e.change = p.changeIDs[n]
		}
	}
	w := p.request(name)
	done := p.record(w.Request, e)
	update := func(ctx context.Context) error {
		_, err := store.UpdateTask(ctx, task, func(t release.Task) (release.Task, error) {
			if e.moves {
				t.ChangeRequestID = e.change
			}
			if e.status != "" {
				t = t.SetStatus(e.status, w.At)
			}
			return t, nil
		}, w)
		return err
	}
	if store == p.Store {
		done(update(context.Background()))
		return
	}
	done(p.invoke(w.Request, update))
}

// meddle makes a person's edit between a consumer's read and its write.
func (p *simulation) meddle(task string) {
	p.mu.Lock()
	p.edited++
	n := p.edited
	p.mu.Unlock()
	if n > 12 {
		return
	}
	name := fmt.Sprintf("meddle-%s-%d", task, n)
	p.person(rand.New(rand.NewPCG(p.seed, hash(name))), p.Store, task, name)
}

// overtake deploys or rolls back a change request's release, and settles all there is to settle,
// while a person's request about the change request is on its way. It may fail, since others
// write at the same time.
func (p *simulation) overtake(change string) {
	ctx := context.Background()
	n := p.overtaken.Add(1)
	c, err := p.Store.Change(ctx, change)
	if err != nil || c.ReleaseID == "" || n > 3 {
		return
	}
	r, err := p.Store.Release(ctx, c.ReleaseID)
	next := map[release.Status]release.Status{release.InProgress: release.Deployed, release.Deployed: release.RolledBack}[r.Status]
	if err == nil && next != "" {
		w := p.request(fmt.Sprintf("overtake-%d", n))
		t := &transition{release: r.ID, to: next, answer: "unknown"}
		p.mu.Lock()
		p.moves[w.Request] = t
		p.mu.Unlock()
		_, err = p.Store.Transition(ctx, r.ID, release.TransitionRequest{To: next, Reason: reasonFor(next, "because of "+w.Request)}, w)
		p.mu.Lock()
		t.answer = answerOf(err)
		p.mu.Unlock()
	}
	_, _ = p.sweep(ctx, settle.New(p.Store), p.Store)
}

func reasonFor(to release.Status, reason string) string {
	if to == release.RolledBack {
		return reason
	}
	return ""
}

func answerOf(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case release.IsKind(err, release.KindConflict):
		return "refused"
	}
	return "unknown"
}

// createTask lets a person create a task while everything else goes on.
func (p *simulation) createTask(random *rand.Rand, n int) {
	id := fmt.Sprintf("%snew-%d", p.prefix, n)
	change := p.changeIDs[random.IntN(len(p.changeIDs))]
	w := p.request("create-" + id)
	e := &edit{task: id, moves: true, change: change}
	done := p.record(w.Request, e)
	p.mu.Lock()
	p.taskIDs = append(p.taskIDs, id)
	p.mu.Unlock()
	done(p.invoke(w.Request, func(ctx context.Context) error {
		_, err := p.faulty.CreateTask(ctx, newTask(id, change, release.TaskOpen), w)
		return err
	}))
}

// act plays the people. One release is deployed and rolled back, and one of its change requests
// goes into a new release and is deployed there; the other release is deployed, cancelled or
// rolled back. Meanwhile tasks are edited, moved and created.
func (p *simulation) act() *sync.WaitGroup {
	var actors sync.WaitGroup
	random := rand.New(rand.NewPCG(p.seed, hash("story")))
	a, b := p.releaseIDs[0], p.releaseIDs[1]
	endOfB := []release.Status{release.Deployed, release.Cancelled, release.RolledBack}[random.IntN(3)]
	wait := time.Duration(random.IntN(30)) * time.Millisecond
	actors.Go(func() {
		if !p.transition(a, release.Deployed) {
			return
		}
		time.Sleep(wait)
		if !p.transition(a, release.RolledBack) {
			return
		}
		p.repeat(p.changeIDs[0])
	})
	actors.Go(func() {
		time.Sleep(wait / 2)
		p.transition(b, endOfB)
	})
	tasks := slices.Clone(p.taskIDs)
	for person := range 2 {
		random := rand.New(rand.NewPCG(p.seed, hash("person", fmt.Sprint(person))))
		actors.Go(func() {
			for n := range 4 {
				time.Sleep(time.Duration(random.IntN(15)) * time.Millisecond)
				if n == 2 {
					p.createTask(random, person)
					continue
				}
				p.person(random, p.faulty, tasks[random.IntN(len(tasks))], fmt.Sprintf("edit-%d-%d", person, n))
			}
		})
	}
	return &actors
}

// repeat takes a change request that a rollback has freed into a new release, and deploys that.
func (p *simulation) repeat(change string) {
	c := p.release()
	p.mu.Lock()
	p.releaseIDs = append(p.releaseIDs, c)
	p.mu.Unlock()
	for n := range 100 {
		w := p.request(fmt.Sprintf("link-%d", n))
		_ = p.invoke(w.Request, func(ctx context.Context) error {
			_, err := p.faulty.LinkChanges(ctx, c, []string{change}, nil, w)
			return err
		})
		if r, err := p.Store.Release(context.Background(), c); err == nil && slices.Contains(r.ChangeIDs, change) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, to := range []release.Status{release.Approved, release.Scheduled, release.InProgress, release.Deployed} {
		if !p.transition(c, to) {
			return
		}
	}
}

// deliveries is what a stream still has to deliver to its function.
type deliveries struct {
	name    string
	stream  *testkit.Stream
	ops     []string
	handler streams.Handler
	pending []delivery
	past    []events.DynamoDBEventRecord
	gaveUp  int
	batches int
}

type delivery struct {
	record    events.DynamoDBEventRecord
	attempts  int
	notBefore int // the tick in which it is due
}

// tick delivers one batch, perhaps to two invocations at once, and returns when they have ended.
func (p *simulation) tick(d *deliveries, now int, random *rand.Rand) {
	f := p.chaos.faults
	idle := p.chaos.off.Load()
	if idle {
		f = faults{retries: 3}
	}
	var unread []events.DynamoDBEventRecord
	if len(d.pending) < 8 || idle { // else there is enough to deliver, and reading a stream is slow
		unread = matching(d.stream.Read(), d.ops...)
	}
	for _, r := range unread {
		next := delivery{record: r, notBefore: now}
		if random.Float64() < f.late {
			next.notBefore += random.IntN(12)
		}
		d.pending = append(d.pending, next)
		d.past = append(d.past, r)
	}
	var batch, rest []delivery
	if random.Float64() < f.shuffle {
		random.Shuffle(len(d.pending), func(i, j int) { d.pending[i], d.pending[j] = d.pending[j], d.pending[i] })
	}
	most := 1 + random.IntN(4)
	for _, next := range d.pending {
		if len(batch) < most && (idle || next.notBefore <= now) {
			batch = append(batch, next)
		} else {
			rest = append(rest, next)
		}
	}
	d.pending = rest
	records := make([]events.DynamoDBEventRecord, 0, len(batch)+1)
	if len(d.past) > 0 && random.Float64() < f.replay {
		records = append(records, d.past[random.IntN(len(d.past))])
	}
	replayed := len(records)
	for _, next := range batch {
		records = append(records, next.record)
	}
	if len(records) == 0 {
		return
	}
	d.batches++
	name := fmt.Sprintf("%s-%d", d.name, d.batches)
	var other sync.WaitGroup
	defer other.Wait()
	if random.Float64() < f.both {
		other.Go(func() { _ = p.consume(name+"-other", d.handler, records) })
	}
	done := max(0, p.consume(name, d.handler, records)-replayed)
	for _, failed := range batch[min(done, len(batch)):] {
		if failed.attempts++; failed.attempts > f.retries {
			d.gaveUp++ // the failure queue; the sweep repairs
			continue
		}
		d.pending = append(d.pending, failed)
	}
	for _, through := range batch[:min(done, len(batch))] {
		if random.Float64() < f.twice {
			d.pending = append(d.pending, delivery{record: through.record, notBefore: now + random.IntN(10)})
		}
	}
}

// consume runs an invocation on a batch and returns how many records it acknowledged.
func (p *simulation) consume(name string, handler streams.Handler, records []events.DynamoDBEventRecord) int {
	through := 0
	err := p.invoke(name, func(ctx context.Context) error {
		answer, err := handler(ctx, events.DynamoDBEvent{Records: slices.Clone(records)})
		if err != nil {
			return err
		}
		if len(answer.BatchItemFailures) == 0 {
			through = len(records)
			return nil
		}
		id := answer.BatchItemFailures[0].ItemIdentifier
		through = slices.IndexFunc(records, func(r events.DynamoDBEventRecord) bool { return r.Change.SequenceNumber == id })
		if through < 0 || len(answer.BatchItemFailures) != 1 {
			p.t.Errorf("seed %d: %s answers %v, which is no record of its batch", p.seed, name, answer.BatchItemFailures)
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return through
}

func (p *simulation) sweep(ctx context.Context, s *settle.Settler, store *dynamo.Store) (settle.SweepReport, error) {
	sweep := settle.Sweep{Settler: s, Announce: func(ctx context.Context, r release.Release, epoch int) error {
		if epoch < r.Epoch() {
			return nil // recording the last records all
		}
		return store.MarkAnnounced(ctx, r.ID, epoch)
	}}
	return sweep.Before(ctx, time.Now().Add(time.Hour), time.Now())
}
