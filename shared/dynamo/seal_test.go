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

// sealedRecord is all that was sealed, by index, and how many leaves each log has.
type sealedRecord struct {
	leaves   map[int]record.Leaf
	others   map[int]string // leaves of generations
	unsealed []string
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

// judgeRecord holds the record against I11, from the tables as they are: every entry is
// sealed once, the leaves of a log are numbered without a gap, and the root is that of the
// leaves, which the tiles hold.
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
				l.t.Errorf("%s/%s is sealed and waits", pk, sk)
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
			l.t.Fatalf("of %d leaves, the one at %d is there %v, that of a generation %v", head.Size, n, isLeaf, isOther)
		case isOther:
			all = append(all, []byte(other))
		default:
			all = append(all, leaf.Bytes())
			ks[leaf.Of] = append(ks[leaf.Of], leaf.K)
		}
	}
	if len(r.leaves)+len(r.others) != len(all) {
		l.t.Errorf("%d leaves stand with entries, and the tree has %d", len(r.leaves)+len(r.others), len(all))
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
			l.t.Errorf("the leaves of %s are numbered %v, and %d are counted", of, all, counts[of])
		}
	}
	return r
}

// Sealed, each entry of every log is a leaf, and none waits.
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
		t.Errorf("%d leaves were made", n)
	}
	r := l.judgeRecord()
	if len(r.unsealed) != 0 || len(r.leaves) != 10 {
		t.Errorf("%d leaves, and not sealed are %v", len(r.leaves), r.unsealed)
	}
	for _, leaf := range r.leaves {
		if leaf.TakenOver || leaf.SealedAt.Before(before) {
			t.Errorf("the leaf %s", leaf.Bytes())
		}
	}
	var count inject.Counter
	if n, err := l.Under(nil, count.Count).Sealer(dynamo.Generation{Number: 1}).Seal(l.ctx, time.Now); err != nil || n != 0 {
		t.Errorf("sealing again made %d leaves, %v", n, err)
	}
	if n := count.Take(); n.Total() != 3 || n.Writes() != 0 {
		t.Errorf("with nothing to seal, a run costs %v", n)
	}
}

// I11, under the worst: writers and sealers at once, each of which may die before or after
// any request, and be repeated by the SDK where the answer was lost; indexes lag.
//
// RECORD_ENTRIES and RECORD_SEEDS make it larger: 5000 entries by eight writers with four
// sealers take one to two minutes a seed.
func TestSeal_SealersDieAndAnswersAreLost_OneRightTree(t *testing.T) {
	entries, seeds := setting("RECORD_ENTRIES", 240), setting("RECORD_SEEDS", 2)
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { sealUnderFaults(t, uint64(seed), entries) })
	}
}

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
	// What happens to a call ends the process; what happens to an attempt, the SDK repeats.
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
		t.Errorf("not sealed: %v", r.unsealed)
	}
	most := entries/8*8 + len(releases)
	if least := most - 2*int(unknown.Load()); len(r.leaves) > most || len(r.leaves) < least { // nobody decides on what was not created
		t.Errorf("%d leaves, want %d to %d", len(r.leaves), least, most)
	}
	t.Logf("%d leaves; of %d runs, %d died; before %.0f %% of requests, after %.0f %%", len(r.leaves), runs.Load(), died.Load(), 100*dying, 100*lost)
	if died.Load() < 5 {
		t.Error("too few died to show anything")
	}
}

// Only what is sealed may be trimmed, and its leaf stays.
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
		t.Errorf("the log has %d entries, %v", len(log), err)
	}
	l.seal()
	r := l.judgeRecord()
	if len(r.leaves) != 1001 {
		t.Errorf("%d leaves", len(r.leaves))
	}
	say(1000, 1125)
	if stored := l.count(l.Tables.Releases, "LOG#"+id); stored != 501 {
		t.Errorf("%d entries are stored, want 500 notes and the creation", stored)
	}
	l.seal()
	if r := l.judgeRecord(); len(r.leaves) != 1126 {
		t.Errorf("%d leaves", len(r.leaves))
	}
}

// A restored table begins a generation: its first leaf is the last checkpoint before.
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
		t.Errorf("the second generation is %s", second)
	}
	_, err = l.Sealer(dynamo.Generation{Number: 3, Last: &kept}).Seal(l.ctx, time.Now)
	l.no(err)
	r := l.judgeRecord()
	want := map[int]string{1: string(record.GenerationLeaf(2, last)), 3: string(record.GenerationLeaf(3, kept))}
	if !maps.Equal(r.others, want) {
		t.Errorf("%v, want %v", r.others, want)
	}
	// A sealer that was not told goes on in the generation there is.
	l.release()
	if l.seal(); len(l.judgeRecord().unsealed) > 0 {
		t.Error("it is not sealed")
	}
	if now, err := l.Checkpoint(l.ctx); err != nil || now.Origin.Generation != 3 {
		t.Errorf("%s, %v", now, err)
	}
}

// The SDK repeats a put whose answer was lost; by then the note may be sealed, and stays so.
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
		t.Errorf("%d leaves after %d puts; not sealed are %v", len(r.leaves), puts.Load(), r.unsealed)
	}
}
