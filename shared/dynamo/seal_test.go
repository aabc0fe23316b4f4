package dynamo_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// seal runs a sealer, and returns how many leaves it made.
func (l *harness) seal() int {
	l.t.Helper()
	n, err := l.Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now)
	l.no(err)
	return n
}

type attributes = map[string]types.AttributeValue

func textOf(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

func (l *harness) scan(table string) []attributes {
	l.t.Helper()
	var all []attributes
	in := &dynamodb.ScanInput{TableName: &table}
	for {
		out, err := l.Client.Scan(l.ctx, in)
		l.no(err)
		all = append(all, out.Items...)
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all
		}
	}
}

// sealedRecord is everything that was sealed, by index in the tree, and what was not.
type sealedRecord struct {
	leaves   map[int]record.Leaf
	others   map[int]string // leaves of generations
	unsealed []string       // the keys of entries
}

func (r *sealedRecord) add(t testing.TB, index string, leaf record.Leaf) {
	t.Helper()
	n, err := strconv.Atoi(index)
	if err != nil {
		t.Fatal(err)
	}
	if twice, there := r.leaves[n]; there {
		t.Errorf("index %d has the leaves %s and %s", n, twice.Bytes(), leaf.Bytes())
	}
	r.leaves[n] = leaf
}

// judgeRecord checks I11 on the tables as they are: no entry is sealed twice, the leaves of each log
// are numbered without a gap, and head and tiles are those of the tree of all leaves.
func (l *harness) judgeRecord() *sealedRecord {
	l.t.Helper()
	r := &sealedRecord{leaves: map[int]record.Leaf{}, others: map[int]string{}}
	for _, i := range append(l.scan(l.Tables.Releases), l.scan(l.Tables.Changes)...) {
		pk, sk := textOf(i["pk"]), textOf(i["sk"])
		if of, archived := strings.CutPrefix(pk, "LEAVES#"); archived {
			indexes := i["indexes"].(*types.AttributeValueMemberL).Value
			for n, v := range i["leaves"].(*types.AttributeValueMemberL).Value {
				leaf, err := record.ParseLeaf([]byte(textOf(v)))
				l.no(err)
				if leaf.Of != of || leaf.Kind != release.LogNote {
					l.t.Errorf("among the trimmed notes of %s is %s", of, v)
				}
				r.add(l.t, textOf(indexes[n]), leaf)
			}
		}
		log, of, _ := strings.Cut(pk, "#")
		if log != "LOG" && log != "CLOG" {
			continue
		}
		if i["i"] == nil || i["unsealed"] != nil || i["unsealedSince"] != nil {
			r.unsealed = append(r.unsealed, pk+"/"+sk)
			if i["i"] != nil {
				l.t.Errorf("%s/%s is sealed, and is still in the index of what has to be sealed", pk, sk)
			}
			continue
		}
		k, err := strconv.Atoi(textOf(i["k"]))
		l.no(err)
		at, err := time.Parse(time.RFC3339Nano, textOf(i["sealedAt"]))
		l.no(err)
		takenOver, _ := i["takenOver"].(*types.AttributeValueMemberBOOL)
		r.add(l.t, textOf(i["i"]), record.Leaf{
			Of: of, K: k, Key: sk, Kind: release.LogKind(textOf(i["what"])), SealedAt: at, Sum: record.SumOf(textOf(i["entry"])), TakenOver: takenOver != nil && takenOver.Value,
		})
	}
	tiles, counts := record.Tiles{}, map[string]int{}
	for _, i := range l.scan(l.Tables.Record) {
		pk := textOf(i["pk"])
		if tile, isTile := strings.CutPrefix(pk, "T#"); isTile {
			level, number, _ := strings.Cut(tile, "/")
			a, _ := strconv.Atoi(level)
			b, _ := strconv.Atoi(number)
			tiles[record.TileID{Level: a, Number: int64(b)}] = i["hashes"].(*types.AttributeValueMemberB).Value
		}
		if log, isCount := strings.CutPrefix(pk, "RS#"); isCount {
			_, of, _ := strings.Cut(log, "#")
			n, err := strconv.Atoi(textOf(i["k"]))
			l.no(err)
			counts[of] += n
		}
		if strings.HasPrefix(pk, "GEN#") {
			n, err := strconv.Atoi(textOf(i["i"]))
			l.no(err)
			r.others[n] = textOf(i["leaf"])
		}
	}
	head, err := l.Checkpoint(l.ctx)
	l.no(err)
	var all [][]byte
	ks := map[string][]int{}
	for n := range int(head.Size) {
		leaf, isLeaf := r.leaves[n]
		other, isOther := r.others[n]
		switch {
		case isLeaf == isOther:
			l.t.Fatalf("at index %d of %d there is a leaf of an entry: %v, one of a generation: %v; want one of them", n, head.Size, isLeaf, isOther)
		case isOther:
			all = append(all, []byte(other))
		default:
			all = append(all, leaf.Bytes())
			ks[leaf.Of] = append(ks[leaf.Of], leaf.K)
		}
	}
	if len(r.leaves)+len(r.others) != len(all) {
		l.t.Errorf("entries and generations have %d leaves, and the tree has %d", len(r.leaves)+len(r.others), len(all))
	}
	root, tiling, err := record.Tiles{}.Grow(0, record.EmptyRoot(), all)
	l.no(err)
	if root != head.Root {
		l.t.Errorf("the leaves have the root %s, the head %s", root, head.Root)
	}
	for id, hashes := range tiling {
		if string(tiles[id]) != string(hashes) {
			l.t.Errorf("tile %v is not that of the leaves", id)
		}
	}
	for of, all := range ks {
		slices.Sort(all)
		if all[0] != 1 || all[len(all)-1] != len(all) || len(slices.Compact(all)) != len(all) || counts[of] != len(all) {
			l.t.Errorf("the leaves of %s are numbered %v, and its count is %d; want 1, 2, 3 and so on, and as many", of, all, counts[of])
		}
	}
	return r
}

// After a run of the sealer each entry of every log is a leaf.
func TestSeal_EveryKindOfEntry_IsALeaf(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 2)
	id := l.release(ids...)
	_, err := l.AppendLog(l.ctx, id, "hello", "", l.write())
	l.no(err)
	l.decide(ids[0], release.DecisionRejected)
	l.link(id, nil, ids[:1])
	l.transition(id, release.Approved, release.Cancelled)
	l.no(l.DeleteRelease(l.ctx, id, l.write()))
	before := time.Now().Add(-time.Second)
	if n := l.seal(); n != 10 { // created ×3, note, decision ×2, scope, two transitions, deleted
		t.Errorf("%d leaves were made, want 10", n)
	}
	r := l.judgeRecord()
	if len(r.unsealed) != 0 || len(r.leaves) != 10 {
		t.Errorf("%d leaves, want 10; not sealed are %v", len(r.leaves), r.unsealed)
	}
	for _, leaf := range r.leaves {
		if leaf.TakenOver || leaf.SealedAt.Before(before) {
			t.Errorf("the leaf %s is taken over, or sealed before it was written", leaf.Bytes())
		}
	}
	var count inject.Counter
	if n, err := l.Under(nil, count.Count).Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now); err != nil || n != 0 {
		t.Errorf("sealing again made %d leaves, %v", n, err)
	}
	if n := count.Take(); n.Total() != 3 || n.Writes() != 0 {
		t.Errorf("with nothing to seal, a run makes %v, want 3 reads", n)
	}
}

// I11 under faults: writers and sealers work at once. Sealers die before or after any request; the SDK
// repeats requests whose answers were lost; indexes lag.
//
// RECORD_ENTRIES and RECORD_SEEDS make it larger: 5000 entries by eight writers with four
// sealers take one to two minutes a seed.
func TestSeal_SealersDieAndAnswersAreLost_OneRightTree(t *testing.T) {
	entries, seeds := setting("RECORD_ENTRIES", 240), setting("RECORD_SEEDS", 2)
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { sealUnderFaults(t, uint64(seed), entries) })
	}
}

// setting reads a number from the environment.
func setting(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

func sealUnderFaults(t *testing.T, seed uint64, entries int) {
	l := newHarness(t)
	l.Layer.Adjust(strict.Options{Seed: seed, Hold: 3 * time.Millisecond, Lag: 50 * time.Millisecond, Behind: .5, Unprocessed: .05})
	random := rand.New(rand.NewPCG(seed, 18))
	var mu sync.Mutex
	dice := func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64()
	}
	dying, lost := .05+.10*dice(), .05+.10*dice()
	// A fault of a call ends the sealer; after a fault of an attempt the SDK repeats it.
	mortal := func() (*dynamo.Store, context.Context, context.CancelFunc) {
		ctx, die := context.WithCancel(l.ctx)
		return l.Under(func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
			if dice() < dying {
				die()
				return errDied
			}
			err := do(ctx)
			if dice() < lost/2 {
				die()
				return errDied
			}
			return err
		}, func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
			err := do(ctx)
			if dice() < lost/2 {
				return inject.Lost()
			}
			return err
		}), ctx, die
	}
	writing := l.Under(nil, func(ctx context.Context, _ inject.Call, do func(context.Context) error) error {
		err := do(ctx)
		if dice() < .05 {
			return inject.Lost()
		}
		return err
	})

	var runs, died, unknown atomic.Int64
	var over atomic.Bool
	var sealing sync.WaitGroup
	for range 4 {
		sealing.Go(func() {
			for !over.Load() {
				runs.Add(1)
				store, ctx, die := mortal()
				if _, err := store.Sealer(dynamo.Generation{Number: 1}).Seal(ctx, time.Now); err != nil {
					died.Add(1)
				}
				die()
			}
		})
	}
	var writers sync.WaitGroup
	releases := make([]string, 4)
	for n := range releases {
		releases[n] = l.release()
	}
	for writer := range 8 {
		writers.Go(func() {
			for n := range entries / 8 {
				id := releases[(writer+n)%len(releases)]
				var err error
				switch n % 5 {
				case 0:
					_, err = writing.CreateChange(l.ctx, newChange(fmt.Sprintf("CHG-%d-%d", writer, n), release.DecisionPending), l.write())
				case 1:
					_, err = writing.Decide(l.ctx, fmt.Sprintf("CHG-%d-%d", writer, n-1), release.DecisionApproved, "", l.write())
				default:
					_, err = writing.AppendLog(l.ctx, id, fmt.Sprintf("entry %d of writer %d", n, writer), "", l.write())
				}
				if err != nil {
					unknown.Add(1) // three answers in a row were lost
				}
			}
		})
	}
	writers.Wait()
	over.Store(true)
	sealing.Wait()
	l.Layer.Adjust(strict.Options{})
	l.seal()
	r := l.judgeRecord()
	if len(r.unsealed) > 0 {
		t.Errorf("not sealed are %v, want none", r.unsealed)
	}
	most := entries/8*8 + len(releases)
	if least := most - 2*int(unknown.Load()); len(r.leaves) > most || len(r.leaves) < least { // a creation that failed takes the decision on it along
		t.Errorf("%d leaves, want %d to %d", len(r.leaves), least, most)
	}
	t.Logf("%d leaves; of %d runs, %d died; before %.0f %% of requests, after %.0f %%", len(r.leaves), runs.Load(), died.Load(), 100*dying, 100*lost)
	if died.Load() < 5 {
		t.Errorf("%d sealers died, want 5 or more, or the test shows nothing", died.Load())
	}
}

// Only sealed notes are trimmed, and their leaves are kept.
func TestTrim_NoteThatIsNotSealed_Stays(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	say := func(from, to int) {
		for n := from; n < to; n++ {
			_, err := l.AppendLog(l.ctx, id, fmt.Sprint(n), "", l.write())
			l.no(err)
		}
	}
	say(0, 300)
	l.seal()
	say(300, 1000)
	if stored := l.count(l.Tables.Releases, "LOG#"+id); stored != 701 {
		t.Errorf("%d entries are stored, want the 700 notes that are not sealed and the creation", stored)
	}
	if log, err := l.Log(l.ctx, id); err != nil || len(log) != 500 || log[0].Text != "500" {
		t.Errorf("the log shows %d entries, want 500 from the 500th on: %v", len(log), err)
	}
	l.seal()
	r := l.judgeRecord()
	if len(r.leaves) != 1001 {
		t.Errorf("%d leaves, want 1001", len(r.leaves))
	}
	say(1000, 1125)
	if stored := l.count(l.Tables.Releases, "LOG#"+id); stored != 501 {
		t.Errorf("%d entries are stored, want 500 notes and the creation", stored)
	}
	l.seal()
	if r := l.judgeRecord(); len(r.leaves) != 1126 {
		t.Errorf("%d leaves, want 1126", len(r.leaves))
	}
}

// After a restore an operator begins a new generation, whose first leaf is the last checkpoint of the
// one before.
func TestSeal_NextGeneration_BeginsWithTheLastCheckpoint(t *testing.T) {
	l := newHarness(t)
	l.release()
	l.seal()
	last, err := l.Checkpoint(l.ctx)
	l.no(err)
	l.release()
	kept := last
	kept.Size = 17
	_, err = l.Sealer(dynamo.Generation{Number: 2}).Seal(l.ctx, time.Now)
	l.no(err)
	second, err := l.Checkpoint(l.ctx)
	l.no(err)
	if second.Origin.Generation != 2 || second.Origin.Installation != last.Origin.Installation || second.Size != 3 {
		t.Errorf("the second generation's checkpoint is %s, want generation 2 of the same installation, size 3", second)
	}
	_, err = l.Sealer(dynamo.Generation{Number: 3, Last: &kept}).Seal(l.ctx, time.Now)
	l.no(err)
	r := l.judgeRecord()
	want := map[int]string{1: string(record.GenerationLeaf(2, last)), 3: string(record.GenerationLeaf(3, kept))}
	if !maps.Equal(r.others, want) {
		t.Errorf("the leaves of generations are %v, want %v", r.others, want)
	}
	// A sealer that was not told of the new generation goes on in it.
	l.release()
	if l.seal(); len(l.judgeRecord().unsealed) > 0 {
		t.Error("the newest entry is not sealed")
	}
	if now, err := l.Checkpoint(l.ctx); err != nil || now.Origin.Generation != 3 {
		t.Errorf("the checkpoint is %s, want of generation 3: %v", now, err)
	}
}

// When the SDK repeats a put whose answer was lost, the note may be sealed already; it must stay so.
func TestAppendLog_RepeatedAfterItWasSealed_StaysSealed(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	var puts atomic.Int64
	store := l.Under(nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		err := do(ctx)
		if call.Operation == "PutItem" && puts.Add(1) == 1 {
			l.seal()
			return inject.Lost()
		}
		return err
	})
	_, err := store.AppendLog(l.ctx, id, "hello", "", l.write())
	l.no(err)
	l.seal()
	if r := l.judgeRecord(); len(r.leaves) != 2 || len(r.unsealed) > 0 || puts.Load() != 2 {
		t.Errorf("%d leaves after %d puts, want 2 after 2; not sealed are %v", len(r.leaves), puts.Load(), r.unsealed)
	}
}
