package chaos_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/testkit/inject"
)

// turns is the scheduler. Every request that any process is about to send waits here until it
// is given its turn, one at a time, in an order that the seed decides. After its turn a process
// runs until all its goroutines wait for a turn, sleep or have ended, and nothing else of the
// seed runs meanwhile. So a seed that is played again sends the same requests.
type turns struct {
	swarm  swarm
	random *rand.Rand

	mu        sync.Mutex
	waiting   []*wait
	through   map[string]bool // tokens of transactions that were carried out
	arrived   chan struct{}   // somebody may be waiting
	faultless bool            // no faults any more, and nobody waits
	running   map[string]int  // processes that have not ended, by name
	tick      int64           // see now
	trace     uint64          // a hash of all turns, see note
	lines     []string        // the same in words, with -trace
	met       met
}

// met counts the faults that happened, to show that they did.
type met struct{ Turns, Crashes, Frozen, Slowed, Throttled, Conflicts, Lost, Hung, SES, Bus, GaveUp, Twice, Poison, Sweeps, Deployed, RolledBack, Cancelled, Refused, Unknown, Mails int }

func (m *met) add(o met) {
	sum, more := reflect.ValueOf(m).Elem(), reflect.ValueOf(o)
	for n := range sum.NumField() {
		sum.Field(n).SetInt(sum.Field(n).Int() + more.Field(n).Int())
	}
}

// never tells whether any of them never happened.
func (m met) never() bool {
	all := reflect.ValueOf(m)
	for n := range all.NumField() {
		if all.Field(n).Int() == 0 {
			return true
		}
	}
	return false
}

// wait is a request that waits for its turn.
type wait struct {
	p         *process
	name      string
	operation string
	token     string // a transaction's ClientRequestToken
	write     bool
	from      time.Time // when it can have its turn at the earliest
	slowed    bool      // it was held up once already
	thawed    bool      // the process froze when this was about to be sent
	turn      chan fault
}

// process is one invocation of a function, or one request to the API.
type process struct {
	name   string
	dead   bool
	frozen chan struct{} // closed when it freezes
	stuck  bool          // it froze once already
	turns  int
	crash  int // the turn in which it dies; 0: never
	freeze int // the turn in which it freezes; 0: never
}

// fault is what happens to a request in its turn. The ones named Before come to pass instead of
// the request, those named After when it was carried out.
type fault int

const (
	none fault = iota
	deadBefore
	deadAfter
	throttled
	conflict
	lost
	hungBefore
	hungAfter
	hungForGood
)

var errDead = errors.New("injected: the process is dead")

type processKey struct{}

// begin starts a process. Its name must be the same in each run of the seed, since it decides
// what befalls the process.
func (s *turns) begin(ctx context.Context, name string) (context.Context, *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &process{name: name, frozen: make(chan struct{})}
	if !s.faultless {
		own := rand.New(rand.NewPCG(hash(name), s.swarm.seed))
		if own.Float64() < s.swarm.crash {
			p.crash = 1 + own.IntN(9)
		}
		if own.Float64() < s.swarm.freeze {
			p.freeze = 1 + own.IntN(9)
		}
	}
	return context.WithValue(ctx, processKey{}, p), p
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// run runs a process until it has ended, died or frozen; a frozen one goes on later. It tells
// whether the caller hears the process's answer.
func (s *turns) run(ctx context.Context, name string, do func(context.Context)) (heard bool) {
	ctx, p := s.begin(ctx, name)
	ended := make(chan struct{})
	s.mu.Lock()
	s.running[name]++
	s.mu.Unlock()
	go func() {
		do(ctx)
		s.mu.Lock()
		if s.running[name]--; s.running[name] == 0 {
			delete(s.running, name)
		}
		s.mu.Unlock()
		close(ended)
	}()
	select {
	case <-ended:
		s.mu.Lock()
		defer s.mu.Unlock()
		return !p.dead
	case <-p.frozen:
		return false
	}
}

// runs tells whether a process has not ended: one that nobody waits for any more may be frozen.
func (s *turns) runs(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[name] > 0
}

// attempt lets an attempt at a request wait for its turn, and brings on what the turn holds.
func (s *turns) attempt(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	p, ours := ctx.Value(processKey{}).(*process)
	if !ours {
		return do(ctx) // a read of the oracle's
	}
	w := &wait{p: p, operation: call.Operation, name: p.name + " " + describe(call), turn: make(chan fault, 1)}
	switch call.Operation {
	case "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem":
		w.write = true
	}
	if in, ok := call.Input.(*dynamodb.TransactWriteItemsInput); ok {
		w.token = aws.ToString(in.ClientRequestToken)
		do = s.notesToken(w.token, do)
	}
	s.mu.Lock()
	if p.dead {
		s.mu.Unlock()
		return errDead
	}
	if s.faultless {
		s.mu.Unlock()
		return do(ctx)
	}
	s.waiting = append(s.waiting, w)
	s.mu.Unlock()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	f := <-w.turn
	if w.thawed {
		// A sandbox can be frozen when all but the last packet is sent: its request arrives when
		// its deadline has long passed.
		ctx = context.WithoutCancel(ctx)
	}
	switch f {
	case deadBefore:
		return errDead
	case deadAfter:
		_ = do(ctx)
		s.mu.Lock()
		p.dead = true
		s.mu.Unlock()
		return errDead
	case throttled:
		return inject.Refused("ThrottlingException")
	case conflict:
		if call.Operation == "TransactWriteItems" {
			n := 1
			if in, ok := call.Input.(*dynamodb.TransactWriteItemsInput); ok {
				n = len(in.TransactItems)
			}
			reasons := slices.Repeat([]types.CancellationReason{{Code: aws.String("None")}}, n)
			reasons[n-1].Code = aws.String("TransactionConflict")
			return &types.TransactionCanceledException{CancellationReasons: reasons}
		}
		return inject.Refused("TransactionConflictException")
	case lost:
		if err := do(ctx); err != nil {
			return err
		}
		return inject.Lost()
	case hungBefore:
		return hang(ctx, attemptTimeout)
	case hungAfter:
		_ = do(ctx)
		return hang(ctx, attemptTimeout)
	case hungForGood:
		return hang(ctx, time.Hour)
	}
	return do(ctx)
}

// notesToken notes that a transaction was carried out. DynamoDB recognizes it by its token and
// does nothing when it comes once more, so that it cannot meet a conflict.
func (s *turns) notesToken(token string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := do(ctx)
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.through == nil {
				s.through = map[string]bool{}
			}
			s.through[token] = true
		}
		return err
	}
}

// attemptTimeout is how long a function waits for one answer; package host has the same.
const attemptTimeout = 3 * time.Second

// hang waits, as for a connection on which nothing comes, and then says that it broke.
func hang(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return inject.Lost()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// describe names a request, the same in each run of the seed: by its operation and keys, without
// what is random (tokens, leases).
func describe(call inject.Call) string {
	var of []string
	add := func(table *string, key map[string]types.AttributeValue) {
		of = append(of, fmt.Sprint(text(key["pk"]), "/", text(key["sk"])))
	}
	switch in := call.Input.(type) {
	case *dynamodb.GetItemInput:
		add(in.TableName, in.Key)
	case *dynamodb.PutItemInput:
		add(in.TableName, in.Item)
	case *dynamodb.UpdateItemInput:
		add(in.TableName, in.Key)
	case *dynamodb.DeleteItemInput:
		add(in.TableName, in.Key)
	case *dynamodb.QueryInput:
		for _, name := range slices.Sorted(maps.Keys(in.ExpressionAttributeValues)) {
			of = append(of, text(in.ExpressionAttributeValues[name]))
		}
	case *dynamodb.BatchGetItemInput:
		for _, asked := range in.RequestItems {
			for _, k := range asked.Keys {
				add(nil, k)
			}
		}
		slices.Sort(of)
	case *dynamodb.TransactWriteItemsInput:
		for _, i := range in.TransactItems {
			switch {
			case i.Put != nil:
				add(nil, i.Put.Item)
			case i.Update != nil:
				add(nil, i.Update.Key)
			case i.Delete != nil:
				add(nil, i.Delete.Key)
			case i.ConditionCheck != nil:
				add(nil, i.ConditionCheck.Key)
			}
		}
		slices.Sort(of)
	default:
		if call.Input != nil {
			body, _ := json.Marshal(call.Input)
			of = append(of, fmt.Sprint(len(body)))
		}
	}
	return call.Operation + " " + fmt.Sprint(of)
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// simulate gives turns until ended says so and nobody waits. Between two turns a little time
// passes.
func (s *turns) simulate(ended func() bool) {
	for {
		synctest.Wait()
		w, f := s.next()
		switch {
		case w != nil:
			w.turn <- f
			synctest.Wait()
			time.Sleep(time.Duration(200+s.random.IntN(3000)) * time.Microsecond)
		case ended():
			return
		default: // all sleep
			select {
			case <-s.arrived:
			case <-time.After(time.Minute):
			}
		}
	}
}

// next chooses whose turn it is, and what happens in it; nil if nobody can have a turn yet.
func (s *turns) next() (*wait, fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var ready []*wait
	for _, w := range s.waiting {
		if !w.from.After(now) {
			ready = append(ready, w)
		}
	}
	if len(ready) == 0 {
		return nil, none
	}
	slices.SortStableFunc(ready, func(a, b *wait) int { return cmp.Compare(a.name, b.name) })
	w := ready[s.random.IntN(len(ready))]
	p := w.p
	if p.dead {
		s.waiting = slices.DeleteFunc(s.waiting, func(o *wait) bool { return o == w })
		return w, deadBefore
	}
	p.turns++
	if p.turns == p.freeze && !p.stuck {
		p.stuck, w.thawed = true, true
		close(p.frozen)
		s.met.Frozen++
		w.from = now.Add(time.Duration(1+s.random.IntN(600)) * time.Second)
		s.note("freezes", w)
		return s.nextOther(w)
	}
	if !w.slowed && s.random.Float64() < s.swarm.slow {
		w.slowed = true
		s.met.Slowed++
		p.turns--
		w.from = now.Add(time.Duration(100+s.random.IntN(4000)) * time.Millisecond)
		s.note("slows", w)
		return s.nextOther(w)
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(o *wait) bool { return o == w })
	f := s.draw(w)
	s.met.Turns++
	s.note(fmt.Sprint(f), w)
	return w, f
}

// nextOther lets simulate choose again at once: the chosen one has frozen or is held up.
func (s *turns) nextOther(*wait) (*wait, fault) {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return nil, none
}

// draw decides what goes wrong with a request.
func (s *turns) draw(w *wait) fault {
	p, r := w.p, s.random
	if p.turns == p.crash {
		s.met.Crashes++
		p.dead = r.IntN(2) == 0
		if p.dead {
			return deadBefore
		}
		return deadAfter
	}
	f := s.swarm
	if w.operation == "SendEmail" || w.operation == "PutEvents" {
		return none // disturb has the faults of their stand-ins
	}
	switch x := r.Float64(); {
	case x < f.throttle:
		s.met.Throttled++
		return throttled
	case x < f.throttle+f.lost:
		s.met.Lost++
		return lost
	case x < f.throttle+f.lost+f.hang:
		s.met.Hung++
		return []fault{hungBefore, hungAfter, hungAfter, hungForGood}[r.IntN(4)]
	case x < f.throttle+f.lost+f.hang+f.conflict && w.write && w.operation != "BatchWriteItem" && !s.through[w.token]:
		s.met.Conflicts++
		return conflict
	}
	return none
}

// note adds to the trace, which is how two runs of a seed are compared.
func (s *turns) note(what string, w *wait) {
	s.trace = s.trace*1099511628211 ^ hash(what+w.name)
	if *verbose {
		s.lines = append(s.lines, fmt.Sprintf("%s %s %s", time.Now().Format("15:04:05.000000"), what, w.name))
	}
}

// now numbers what happens in its order; no two numbers are equal.
func (s *turns) now() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick++
	return s.tick
}

// calm ends all faults, and lets frozen processes go on.
func (s *turns) calm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swarm = swarm{seed: s.swarm.seed}
	for _, w := range s.waiting {
		w.from = time.Time{}
	}
}

// alive tells whether any process has not ended.
func (s *turns) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0
}
