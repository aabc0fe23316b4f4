package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/seal"
	"example.com/releases/shared/settle"
)

// handler is a function that a stream invokes; each process gets one of its own.
type handler = streams.Handler

// consumers are the functions on streams, by name, each to be made with the clock of a process.
func (w *simulation) consumers() map[string]func(clock func() time.Time) handler {
	return map[string]func(func() time.Time) handler{
		"settle-changes": func(clock func() time.Time) handler { return settle.New(w.store).WithClock(clock).Changes },
		"settle-tasks":   func(clock func() time.Time) handler { return settle.New(w.store).WithClock(clock).Tasks },
		"announce":       func(clock func() time.Time) handler { return w.announcer(clock).Stream },
		"plan-notices":   func(clock func() time.Time) handler { return w.planner(clock).Stream },
		"send-mail":      func(clock func() time.Time) handler { return w.sender(clock).Stream },
	}
}

func (w *simulation) announcer(clock func() time.Time) *announce.Announcer {
	return announce.Open(w.standIn("http://bus.local/_local/eventbridge", w.bus.Handler()), w.store, "bus").WithClock(clock)
}

func (w *simulation) planner(clock func() time.Time) *plan.Planner {
	return plan.New(w.store).WithClock(clock).WithPublicURL("https://releases.example.com", true)
}

func (w *simulation) sender(clock func() time.Time) *send.Sender {
	return send.Open(w.standIn("http://ses.local/_local/ses", w.inbox.Handler()), w.store, send.Options{
		Sender: "releases@example.com", ConfigurationSet: "mails", Zone: "Europe/Berlin", Rate: "50",
	}).WithClock(clock)
}

// schedules are the functions that a schedule invokes.
func (w *simulation) schedules() map[string]func(ctx context.Context, clock func() time.Time) error {
	return map[string]func(context.Context, func() time.Time) error{
		"sweep": func(ctx context.Context, clock func() time.Time) error {
			_, err := w.sweep(clock, w.faultsNow().grace).Run(ctx, nil)
			return err
		},
		"heads-up": func(ctx context.Context, clock func() time.Time) error {
			_, err := w.planner(clock).Run(ctx, json.RawMessage(`{"sparing":true}`))
			return err
		},
		"tend-outbox": func(ctx context.Context, clock func() time.Time) error {
			_, err := tend.Open(w.store, "50").WithClock(clock).Run(ctx, nil)
			return err
		},
		"seal-record": func(ctx context.Context, clock func() time.Time) error {
			_, err := seal.New(w.store, "1", "").WithClock(clock).Run(ctx, nil)
			return err
		},
	}
}

func (w *simulation) sweep(clock func() time.Time, grace time.Duration) *settle.Sweep {
	a := w.announcer(clock)
	return &settle.Sweep{Settler: settle.New(w.store).WithClock(clock), Announce: a.Announce, Wake: a.Wake, Grace: grace}
}

// deliveries is what a stream still has to deliver to one function.
type deliveries struct {
	function template.Function
	stream   template.Stream
	filters  []streams.Filter
	random   *rand.Rand
	open     func(clock func() time.Time) handler
	read     int // records of the stream that fetch has seen
	pending  []delivery
	past     []events.DynamoDBEventRecord // all that passed the filters, to be replayed
	batches  int
}

type delivery struct {
	record   events.DynamoDBEventRecord
	attempts int
	from     time.Time // not delivered before
}

func (w *simulation) mappings() []*deliveries {
	var all []*deliveries
	for _, name := range slices.Sorted(maps.Keys(w.consumers())) {
		f := w.functions[name]
		if len(f.Streams) != 1 {
			w.fault("%s has %d streams in the template", name, len(f.Streams))
			continue
		}
		d := &deliveries{function: f, stream: f.Streams[0], random: rand.New(rand.NewPCG(w.seed, hash(name))), open: w.consumers()[name]}
		for _, p := range d.stream.Filters {
			filter, err := streams.ParseFilter(p.String())
			if err != nil {
				w.fault("%s: %v", name, err)
			}
			d.filters = append(d.filters, filter)
		}
		all = append(all, d)
	}
	return all
}

// fetch adds the stream's new records to the pending ones, some of them delayed, aged or
// accompanied by one that cannot be read.
func (w *simulation) fetch(d *deliveries) {
	all := w.feed(d.stream.Table)
	f, now := w.faultsNow(), time.Now()
	for _, r := range all[d.read:] {
		if !slices.ContainsFunc(d.filters, func(f streams.Filter) bool { return f.Match(r) }) {
			continue
		}
		next := delivery{record: r, from: now}
		if d.random.Float64() < f.late {
			next.from = now.Add(time.Duration(d.random.IntN(90)) * time.Second)
		}
		if d.random.Float64() < f.old && r.Change.NewImage["op"].String() != "cancelled" && d.function.Name != "settle-tasks" {
			next.record = older(r)
		}
		d.pending = append(d.pending, next)
		d.past = append(d.past, r)
		if d.random.Float64() < f.poison {
			bad := r
			bad.Change.Keys = map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("NONSENSE"), "sk": events.NewStringAttribute("?")}
			bad.Change.SequenceNumber += poisoned
			at := len(d.pending) - d.random.IntN(2) // behind the readable record, or before it
			d.pending = slices.Insert(d.pending, at, delivery{record: bad, from: next.from})
			w.count(&w.met.Poison)
		}
	}
	d.read = len(all)
}

// poisoned ends the sequence number of a record that can never be read.
const poisoned = "-poison"

func isPoison(r events.DynamoDBEventRecord) bool {
	return strings.HasSuffix(r.Change.SequenceNumber, poisoned)
}

// older returns a record as a version would have written it that stored less. Every version has
// stored the history, and of a release that was deleted before its record's turn came nothing
// else tells what there is to announce.
func older(r events.DynamoDBEventRecord) events.DynamoDBEventRecord {
	image := map[string]events.DynamoDBAttributeValue{}
	for _, name := range []string{"pk", "sk", "op", "status", "history"} {
		if v, ok := r.Change.NewImage[name]; ok {
			image[name] = v
		}
	}
	r.Change.NewImage, r.Change.OldImage = image, nil
	return r
}

func (w *simulation) faultsNow() swarm {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.swarm
}

func (w *simulation) count(n *int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n++
}

// deliver invokes the function with one batch, and tells whether there was anything to deliver.
func (w *simulation) deliver(d *deliveries) bool {
	w.fetch(d)
	f, now := w.faultsNow(), time.Now()
	faultless := w.isFaultless() // as the invocation begins: what befell it then is no fault of the product's
	if d.random.Float64() < f.shuffle {
		d.random.Shuffle(len(d.pending), func(i, j int) { d.pending[i], d.pending[j] = d.pending[j], d.pending[i] })
	}
	most := min(d.stream.BatchSize, 10)
	if !faultless {
		most = min(most, 1+d.random.IntN(4))
	}
	var batch, rest []delivery
	for _, next := range d.pending {
		if len(batch) < most && !next.from.After(now) {
			batch = append(batch, next)
		} else {
			rest = append(rest, next)
		}
	}
	d.pending = rest
	var records []events.DynamoDBEventRecord
	if len(d.past) > 0 && d.random.Float64() < f.replay {
		records = append(records, d.past[d.random.IntN(len(d.past))])
	}
	replayed := len(records)
	for _, next := range batch {
		records = append(records, next.record)
	}
	if len(records) == 0 {
		return false
	}
	d.batches++
	name := fmt.Sprintf("%s-%d", d.function.Name, d.batches)
	if d.random.Float64() < f.both {
		w.count(&w.met.Twice)
		go w.invoke(name+"-other", d, records)
	}
	done := max(0, w.invoke(name, d, records)-replayed)
	for n, failed := range batch[min(done, len(batch)):] {
		// Once there are no faults, only the first unfinished record counts an attempt, as with
		// BisectBatchOnFunctionError: what comes after a bad record is not given up with it.
		isolated := n == 0 || !faultless
		if isolated {
			failed.attempts++
		}
		if isolated && failed.attempts > f.retriesWhen(faultless) {
			w.count(&w.met.GaveUp)
			w.givenUp(failed.record, faultless)
			continue
		}
		failed.from = time.Now().Add(time.Duration(d.random.IntN(2000)) * time.Millisecond)
		d.pending = append(d.pending, failed)
	}
	for _, through := range batch[:min(done, len(batch))] {
		if d.random.Float64() < f.twice {
			d.pending = append(d.pending, delivery{record: through.record, from: time.Now().Add(time.Duration(d.random.IntN(60)) * time.Second)})
		}
	}
	return true
}

// retriesWhen is how often a record is delivered again before it is given up.
func (f swarm) retriesWhen(faultless bool) int {
	if faultless {
		return 3
	}
	return f.retries
}

func (w *simulation) isFaultless() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faultless
}

// givenUp notes that a record is delivered no more. While there are faults that can happen;
// without them it must not, unless the record cannot be read.
func (w *simulation) givenUp(r events.DynamoDBEventRecord, faultless bool) {
	pk := r.Change.Keys["pk"]
	w.state.Lock()
	defer w.state.Unlock()
	if id, ok := strings.CutPrefix(pk.String(), "REL#"); ok {
		w.gaveUp[id] = true
	}
	if isPoison(r) {
		return
	}
	w.lost = true
	if faultless {
		w.wrong = append(w.wrong, fmt.Sprintf("a record of %s was given up without faults", pk.String()))
	}
}

// invoke runs the function on a batch and returns how many records it acknowledged.
func (w *simulation) invoke(name string, d *deliveries, records []events.DynamoDBEventRecord) int {
	through := 0
	handle := d.open(w.faultsNow().clock(rand.New(rand.NewPCG(w.seed, hash(name)))))
	heard := w.run(context.Background(), name, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, d.function.Timeout)
		defer cancel()
		answer, err := handle(ctx, events.DynamoDBEvent{Records: slices.Clone(records)})
		if err != nil {
			return
		}
		if len(answer.BatchItemFailures) == 0 {
			through = len(records)
			return
		}
		id := answer.BatchItemFailures[0].ItemIdentifier
		through = slices.IndexFunc(records, func(r events.DynamoDBEventRecord) bool { return r.Change.SequenceNumber == id })
		if through < 0 || len(answer.BatchItemFailures) != 1 {
			w.fault("%s answers %v, which is no record of its batch", name, answer.BatchItemFailures)
		}
	})
	if !heard {
		return 0
	}
	through = max(0, through)
	// A record that can never be read has to be reported. If the answer names a later one, Lambda
	// takes it for done, and nobody would hear of it (docs/faults.md: I9, rows 8 and 9).
	if n := slices.IndexFunc(records, isPoison); n >= 0 && through > n {
		w.fault("%s acknowledges %d records of its batch, and record %d can never be read", name, through, n+1)
	}
	return through
}

// poll delivers a stream until it is told to stop.
func (w *simulation) poll(d *deliveries, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(200+d.random.IntN(4000)) * time.Millisecond):
		}
		for w.deliver(d) && d.random.IntN(3) > 0 {
		}
	}
}

// repeatSchedule runs a schedule until it is told to stop: sometimes early, sometimes late.
func (w *simulation) repeatSchedule(name string, stop <-chan struct{}) {
	random := rand.New(rand.NewPCG(w.seed, hash(name)))
	// A seed lasts minutes, and each schedule is to come several times.
	every := min(w.functions[name].Schedules[0].Every, 2*time.Minute)
	if name == "seal-record" {
		every = min(every, rush) // so that sealers meet, and entries come while they work
	}
	for n := 0; name != "sweep" || !w.faultsNow().alone; n++ {
		pause := time.Duration(float64(every) * w.faultsNow().pace * 2 * random.Float64())
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
		if name == "sweep" {
			w.count(&w.met.Sweeps)
		}
		process := fmt.Sprintf("%s-%d", name, n)
		if random.Float64() < w.faultsNow().both {
			w.count(&w.met.Twice)
			go func() { _ = w.runSchedule(process+"-other", name) }()
		}
		_ = w.runSchedule(process, name) // what failed is the next run's
	}
}

func (w *simulation) runSchedule(process, name string) (err error) {
	clock := w.faultsNow().clock(rand.New(rand.NewPCG(w.seed, hash(process))))
	w.run(context.Background(), process, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, w.functions[name].Timeout)
		defer cancel()
		err = w.schedules()[name](ctx, clock)
	})
	return err
}

// deliverAllFeedback delivers SES's events: late, twice, in any order, and again where that fails.
func (w *simulation) deliverAllFeedback(stop <-chan struct{}) {
	random := rand.New(rand.NewPCG(w.seed, hash("feedback")))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(random.IntN(8000)) * time.Millisecond):
		}
		w.deliverFeedback(random, fmt.Sprintf("feedback-%d", n))
	}
}

// deliverFeedback delivers one of SES's events, and tells whether there was one.
func (w *simulation) deliverFeedback(random *rand.Rand, name string) bool {
	w.state.Lock()
	if len(w.sent) == 0 {
		w.state.Unlock()
		return false
	}
	at := 0
	if random.Float64() < w.faultsNow().feedback {
		at = random.IntN(len(w.sent))
	}
	e := w.sent[at]
	w.sent = slices.Delete(w.sent, at, at+1)
	w.state.Unlock()
	var err error
	heard := w.run(context.Background(), name, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		clock := w.faultsNow().clock(rand.New(rand.NewPCG(w.seed, hash(name))))
		_, err = feedback.New(w.store).WithClock(clock).Record(ctx, e)
	})
	if !heard || err != nil || random.Float64() < w.faultsNow().feedback/2 {
		w.state.Lock()
		w.sent = append(w.sent, e)
		w.state.Unlock()
	}
	return true
}
