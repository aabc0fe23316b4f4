package settle_test

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/testkit/inject"
)

// faults is what may happen to requests in one seed, and with which probability. Each seed
// switches some on and others off: a fault that always comes hides others.
type faults struct {
	crash    float64 // an invocation dies between two requests
	freeze   float64 // an invocation stops between two requests and goes on after all else has ended
	throttle float64 // an attempt is throttled
	conflict float64 // a write of one item meets a transaction
	lostLow  float64 // an attempt is carried out and its answer lost, below the SDK's retries
	lostHigh float64 // a call is carried out and its answer lost, above them
	pause    float64 // an attempt waits a little
	meddle   float64 // a person edits the task between the consumer's read and its write
	overtake float64 // a whole settlement happens between a person's read and their write
	// Of deliveries. twice: delivered once more later. both: to two invocations at once. replay:
	// something long done comes again.
	twice, both, late, shuffle, replay float64
	// retries is how often a record is delivered again before it is given up.
	retries int
	sweeps  float64 // the sweep runs amid everything else
	// What DynamoDB does without a fault of ours: transactions take their time, so that others
	// meet them, reads that are not strongly consistent lag, and parts of batches come back.
	store strict.Options
}

func drawFaults(random *rand.Rand) faults {
	// Every second fault is switched off; the others get any probability up to most.
	on := func(most float64) float64 {
		if random.Float64() < 0.5 {
			return 0
		}
		return most * random.Float64()
	}
	f := faults{
		crash: on(0.5), freeze: on(0.25), throttle: on(0.1), conflict: on(0.1), lostLow: on(0.2), lostHigh: on(0.05), pause: on(0.3), meddle: on(0.6), overtake: on(1),
		twice: on(0.5), both: on(0.6), late: on(0.6), shuffle: on(1), replay: on(0.4), sweeps: on(0.2),
		retries: 20,
	}
	if random.Float64() < 0.6 {
		f.retries = random.IntN(2)
	}
	f.store = strict.Options{
		Hold: time.Duration(on(float64(4 * time.Millisecond))), Lag: time.Duration(on(float64(100 * time.Millisecond))),
		Behind: on(1), Unprocessed: on(0.5),
	}
	return f
}

// chaos applies a seed's faults to the requests of invocations. What it does to a request
// depends on the seed, the invocation and the request's own name and number, but not on which
// goroutine comes first, so that a seed meets the same faults when it is played again.
type chaos struct {
	seed     uint64
	faults   faults
	off      atomic.Bool
	thaw     chan struct{} // closed when frozen invocations go on
	meddle   func(task string)
	overtake func(change string)
}

var (
	errDead = errors.New("injected: the invocation is dead")
	errLost = errors.New("injected: the answer of the call was lost")
)

// invocation is one run of a function.
type invocation struct {
	chaos  *chaos
	name   string
	random *rand.Rand

	mu                sync.Mutex
	count             map[string]int
	requests          int
	crashAt, freezeAt int
	dead              bool
	frozen            chan struct{}
}

type invocationKey struct{}

// begin starts an invocation. Its name must be the same in each run of the seed, since it
// decides what befalls the invocation.
func (c *chaos) begin(ctx context.Context, name string) (context.Context, *invocation) {
	i := &invocation{chaos: c, name: name, count: map[string]int{}, crashAt: -1, freezeAt: -1, frozen: make(chan struct{})}
	i.random = rand.New(rand.NewPCG(c.seed, hash(name)))
	if !c.off.Load() {
		if i.random.Float64() < c.faults.crash {
			i.crashAt = 1 + i.random.IntN(12)
		}
		if i.random.Float64() < c.faults.freeze {
			i.freezeAt = 1 + i.random.IntN(12)
		}
	}
	return context.WithValue(ctx, invocationKey{}, i), i
}

func (i *invocation) died() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dead
}

// dice returns the random numbers of one request, how many attempts the invocation has made, and
// whether it is dead. The numbers are the request's own, whichever comes first.
func (i *invocation) dice(call inject.Call, level string) (*rand.Rand, int, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name := level + " " + call.Operation + " " + keyOf(call.Input)
	i.count[name]++
	if level == "attempt" {
		i.requests++
	}
	return rand.New(rand.NewPCG(i.chaos.seed, hash(i.name, name, strconv.Itoa(i.count[name])))), i.requests, i.dead
}

// call is the Around above the SDK's retries.
func (c *chaos) call(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	i, ok := ctx.Value(invocationKey{}).(*invocation)
	if !ok || c.off.Load() {
		return do(ctx)
	}
	dice, _, _ := i.dice(call, "call")
	err := do(ctx)
	if dice.Float64() < c.faults.lostHigh {
		return errors.Join(errLost, err)
	}
	return err
}

// attempt is the Around below the SDK's retries.
func (c *chaos) attempt(ctx context.Context, call inject.Call, do func(context.Context) error) error {
	i, ok := ctx.Value(invocationKey{}).(*invocation)
	if !ok {
		return do(ctx)
	}
	dice, n, dead := i.dice(call, "attempt")
	if dead {
		return errDead
	}
	if n == i.freezeAt {
		close(i.frozen)
		<-c.thaw
		return do(ctx)
	}
	if n == i.crashAt {
		if dice.Float64() < 0.5 {
			_ = do(ctx) // carried out, and nobody is there to hear it
		}
		i.mu.Lock()
		i.dead = true
		i.mu.Unlock()
		return errDead
	}
	if c.off.Load() {
		return do(ctx)
	}
	f := c.faults
	if dice.Float64() < f.pause {
		time.Sleep(time.Duration(dice.IntN(4)) * time.Millisecond)
	}
	if dice.Float64() < f.throttle {
		return inject.Refused("ThrottlingException")
	}
	if isSingleWrite(call.Operation) && dice.Float64() < f.conflict {
		return inject.Refused("TransactionConflictException")
	}
	if task, ok := taskOf(call); ok && dice.Float64() < f.meddle {
		c.meddle(task)
	}
	if changes := linked(call); len(changes) > 0 && dice.Float64() < f.overtake {
		c.overtake(changes[dice.IntN(len(changes))])
	}
	err := do(ctx)
	if dice.Float64() < f.lostLow && err == nil {
		return inject.Lost()
	}
	return err
}

func isSingleWrite(operation string) bool {
	return operation == "UpdateItem" || operation == "PutItem" || operation == "DeleteItem"
}

// taskOf returns the task that a consumer is about to write.
func taskOf(call inject.Call) (string, bool) {
	in, ok := call.Input.(*dynamodb.UpdateItemInput)
	if !ok {
		return "", false
	}
	return strings.CutPrefix(text(in.Key["pk"]), "TASK#")
}

// linked returns the change requests to which a person is about to link a task, and from which
// to unlink it: those whose rows of tasks the transaction writes.
func linked(call inject.Call) (changes []string) {
	in, ok := call.Input.(*dynamodb.TransactWriteItemsInput)
	if !ok {
		return nil
	}
	for _, i := range in.TransactItems {
		var key map[string]types.AttributeValue
		switch {
		case i.Put != nil:
			key = i.Put.Item
		case i.Delete != nil:
			key = i.Delete.Key
		}
		if change, ok := strings.CutPrefix(text(key["pk"]), "CR#"); ok && strings.HasPrefix(text(key["sk"]), "T#") {
			changes = append(changes, change)
		}
	}
	return changes
}

func keyOf(input any) string {
	var key map[string]types.AttributeValue
	switch in := input.(type) {
	case *dynamodb.GetItemInput:
		key = in.Key
	case *dynamodb.UpdateItemInput:
		key = in.Key
	case *dynamodb.PutItemInput:
		key = in.Item
	case *dynamodb.DeleteItemInput:
		key = in.Key
	}
	return text(key["pk"]) + "/" + text(key["sk"])
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = io.WriteString(h, p+"\x00") // never fails
	}
	return h.Sum64()
}
