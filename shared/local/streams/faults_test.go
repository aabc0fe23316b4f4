package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// batchOf makes a record of each item, numbered by its place from 1.
func batchOf(items ...string) events.DynamoDBEvent {
	var e events.DynamoDBEvent
	for i, item := range items {
		r := numbered(i + 1)
		r.Change.Keys["pk"] = events.NewStringAttribute(item)
		e.Records = append(e.Records, r)
	}
	return e
}

// witness is a handler that notes each batch it gets, as items with record numbers, and
// reports the record fail as failed. It may be called concurrently.
type witness struct {
	mu   sync.Mutex
	seen []string
	fail string
}

func (w *witness) handle(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var line []string
	var out events.DynamoDBEventResponse
	for _, r := range e.Records {
		line = append(line, r.Change.Keys["pk"].String()+r.Change.SequenceNumber)
		if r.Change.SequenceNumber == w.fail && len(out.BatchItemFailures) == 0 {
			out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: w.fail})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, strings.Join(line, " "))
	return out, nil
}

func TestFaults_SameSeed_AreTheSame(t *testing.T) {
	run := func(seed uint64) string {
		w := &witness{}
		h := Faults{Seed: seed, Twice: .3, Shuffle: .7, Replay: .3, Lose: .3}.Wrap(w.handle)
		var lost int
		for range 20 {
			if _, err := h(t.Context(), batchOf("a", "b", "a", "c")); errors.Is(err, ErrLostAnswer) {
				lost++
			}
		}
		return fmt.Sprint(w.seen, lost)
	}
	if first, repeated := run(1), run(1); first != repeated {
		t.Error("the same seed gave different faults")
	}
	if run(1) == run(2) {
		t.Error("different seeds gave the same faults")
	}
}

func TestFaults_OneByOne_Happen(t *testing.T) {
	count := func(f Faults) (int, error) {
		w := &witness{}
		h := f.Wrap(w.handle)
		_, first := h(t.Context(), batchOf("a", "b"))
		_, _ = h(t.Context(), batchOf("a", "b"))
		return len(w.seen), first
	}
	for _, c := range []struct {
		name  string
		f     Faults
		calls int
		lost  bool
	}{
		{"none", Faults{}, 2, false},
		{"twice", Faults{Twice: 1}, 4, false},
		{"both at once", Faults{Both: 1}, 4, false},
		{"replay needs a past", Faults{Replay: 1}, 3, false},
		{"lost answer", Faults{Lose: 1}, 2, true},
	} {
		calls, err := count(c.f)
		if calls != c.calls || errors.Is(err, ErrLostAnswer) != c.lost {
			t.Errorf("%s: %d calls and the error %v, want %d and a lost answer: %v", c.name, calls, err, c.calls, c.lost)
		}
	}
}

func TestShuffle_OrderOfAnItem_Stays(t *testing.T) {
	w := &witness{}
	h := Faults{Seed: 7, Shuffle: 1}.Wrap(w.handle)
	moved := 0
	for range 50 {
		_, _ = h(t.Context(), batchOf("a", "b", "a", "c", "b", "a"))
	}
	for _, line := range w.seen {
		if line != "a1 b2 a3 c4 b5 a6" {
			moved++
		}
		words := strings.Fields(line)
		for _, pair := range [][2]string{{"a1", "a3"}, {"a3", "a6"}, {"b2", "b5"}} {
			if slices.Index(words, pair[0]) > slices.Index(words, pair[1]) || len(words) != 6 {
				t.Fatalf("got %s, want six records and those of one item in their order", line)
			}
		}
	}
	if moved == 0 {
		t.Error("nothing was ever shuffled")
	}
}

// A function that fails in the middle of a shuffled batch must get again, in the stream's own
// order, all that it did not get to.
func TestShuffle_Failure_LosesNothing(t *testing.T) {
	for seed := range uint64(30) {
		w := &witness{fail: "3"}
		response, err := Faults{Seed: seed, Shuffle: 1}.Wrap(w.handle)(t.Context(), batchOf("a", "b", "c", "d", "e"))
		if err != nil {
			t.Fatal(err)
		}
		through, _ := checkpoint(batchOf("a", "b", "c", "d", "e").Records, response.BatchItemFailures)
		order := strings.Fields(w.seen[0])
		handled := order[:slices.Index(order, "c3")]
		for i := 1; i <= through; i++ {
			if !slices.ContainsFunc(handled, func(s string) bool { return strings.HasSuffix(s, fmt.Sprint(i)) }) {
				t.Fatalf("seed %d: record %d counts as through, but the function saw %v and stopped at c3", seed, i, order)
			}
		}
	}
}
