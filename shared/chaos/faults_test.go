package chaos_test

import (
	"math/rand/v2"
	"time"

	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/strict"
)

// swarm is which faults one seed has, and how often (as probabilities, where nothing else is
// said). Each seed switches some on and others off, as in swarm testing: a fault that always
// comes hides others.
type swarm struct {
	seed uint64

	// Of processes (crash, freeze) and requests. lost: carried out, but the answer is lost.
	// conflict: the transaction meets another one.
	crash, freeze, slow, throttle, lost, hang, conflict float64
	// Of deliveries. twice: delivered once more later. both: to two invocations at once, which
	// schedules have too. replay: something long done comes again. poison: a record that can
	// never be read. old: as a version wrote it that stored less.
	twice, both, late, shuffle, replay, poison, old float64
	// retries is how often a record is delivered again before it is given up.
	retries int
	// alone says that no sweep runs until the streams are empty.
	alone bool
	// pace is by what factor the mean time between two runs of a schedule is longer or shorter.
	pace float64
	// grace is how long something has to be unfinished before the sweep looks at it.
	grace time.Duration
	// Of calls to SES and to the bus, and of the delivery of SES's events.
	ses, bus, feedback float64
	// skew is by how much the clock of a process may be wrong, either way.
	skew time.Duration
	// What DynamoDB does without a fault of ours: conflicts, lagging indexes, partial batches.
	store strict.Options
}

func drawFaults(seed uint64) swarm {
	random := rand.New(rand.NewPCG(seed, 1))
	// Every second fault is switched off; the others get any probability up to most.
	on := func(most float64) float64 {
		if random.Float64() < .5 {
			return 0
		}
		return most * random.Float64()
	}
	f := swarm{
		seed: seed, crash: on(.4), freeze: on(.2), throttle: on(.1), lost: on(.15), hang: on(.04), conflict: on(.15),
		twice: on(.5), both: on(.5), late: on(.6), shuffle: on(1), replay: on(.4), poison: on(.2), old: on(.3),
		retries: 20, pace: .3 + random.Float64(), ses: on(.6), bus: on(.5), feedback: on(.5),
	}
	if random.IntN(2) == 0 {
		f.retries = random.IntN(2)
	}
	f.grace = 5 * time.Minute
	if random.IntN(2) == 0 {
		f.grace = time.Nanosecond
	}
	if random.IntN(2) == 0 {
		f.skew = 5 * time.Minute
	}
	f.slow, f.alone = on(.1), random.IntN(4) == 0
	if f.alone {
		f.retries = 50 // as good as never given up: there is no sweep to repair it
	}
	f.store = strict.Options{
		Seed: seed, Hold: time.Duration(on(float64(8 * time.Millisecond))), Lag: time.Duration(on(float64(200 * time.Millisecond))),
		Behind: on(1), Unprocessed: on(.5),
	}
	return f
}

// clock returns a clock for one process, which is wrong by the same amount all its life.
func (f swarm) clock(random *rand.Rand) func() time.Time {
	wrong := time.Duration(0)
	if f.skew > 0 {
		wrong = time.Duration(random.Int64N(int64(2*f.skew))) - f.skew
	}
	return func() time.Time { return time.Now().Add(wrong) }
}

// sesFaults and busFaults are the ways in which SES and the event bus fail.
var sesFaults = []mailbox.FaultKind{
	mailbox.Throttle, mailbox.Error, mailbox.Drop, mailbox.Hang, mailbox.Refuse, mailbox.Reject, mailbox.Bounce, mailbox.Complaint, mailbox.Pause, mailbox.Quota,
}

var busFaults = []bus.FaultKind{bus.FailEntries, bus.Throttle, bus.Refuse, bus.Error, bus.Drop, bus.Hang}
