package dynamo

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// What sealing stores in the table Record:
//
//	HEAD / M              whose tree it is, how many leaves it has, and its root
//	T#<level>/<number> / M  a tile of the tree's hashes
//	RS#<log> / M          how many leaves a log has (k), as RS#LOG#REL-2026-Q2-001
//	GEN#<n> / M           the first leaf of a generation
//
// and with an entry, in its own table: its index in the tree (i), its number among the
// leaves of its log (k), when it was sealed, and whether it was taken over. Its leaf is
// remade from these, so it is not stored twice. The leaves of trimmed notes are in the table
// of the release, up to 99 in an item: LEAVES#<release> / the number of the first. Until an
// entry is sealed, it has the key of the sparse index that the sealer reads.
const (
	headPartition    = "HEAD"
	tilePrefix       = "T#"
	leafCountPrefix  = "RS#"
	generationPrefix = "GEN#"
	leavesPrefix     = "LEAVES#"
	unsealedIndex    = "unsealed"
	unsealedKey      = "unsealed"
	unsealedSince    = "unsealedSince"
	takingOver       = "taking"
	sealedFrom       = "sealedFrom"
)

func headKey() item                { return key(headPartition, mainSort) }
func leafCountKey(log string) item { return key(leafCountPrefix+log, mainSort) }

func tileKey(t record.TileID) item {
	return key(tilePrefix+strconv.Itoa(t.Level)+"/"+strconv.FormatInt(t.Number, 10), mainSort)
}

func tileOf(i item) (record.TileID, []byte) {
	level, n, _ := strings.Cut(strings.TrimPrefix(verbatim(i, "pk"), tilePrefix), "/")
	l, _ := strconv.Atoi(level) // tileKey wrote it; any other key counts as a missing tile
	number, _ := strconv.ParseInt(n, 10, 64)
	return record.TileID{Level: l, Number: number}, bytesOf(i, "hashes")
}

func decodeHead(i item) record.Checkpoint {
	c := record.Checkpoint{Origin: record.Origin{Installation: verbatim(i, "installation"), Generation: num(i, "generation")}, Size: int64(num(i, "size"))}
	copy(c.Root[:], bytesOf(i, "root"))
	return c
}

// Checkpoint reads the current checkpoint of the tree.
func (s *Store) Checkpoint(ctx context.Context) (record.Checkpoint, error) {
	i, err := s.get(ctx, s.tables.Record, headKey())
	switch {
	case err != nil:
		return record.Checkpoint{}, err
	case i == nil:
		return record.Checkpoint{}, release.Fail(release.KindNotFound, "nothing-sealed", "Nothing has been sealed yet.")
	}
	return decodeHead(i), nil
}

// EventRecords returns, for each of a release's epochs, what the event about that transition
// says about the record. A transition from before records were kept has no entry to refer to.
func (s *Store) EventRecords(ctx context.Context, id string, epochs []int) ([]record.EventRecord, error) {
	all := make([]record.EventRecord, len(epochs))
	if len(epochs) == 0 {
		return nil, nil
	}
	log := logPrefix + id
	var entries []item
	for _, epoch := range epochs {
		entries = append(entries, key(log, transitionSort(epoch)))
	}
	found, err := s.batchGetTables(ctx, map[string]types.KeysAndAttributes{
		s.tables.Releases: {Keys: entries, ConsistentRead: aws.Bool(true)},
		s.tables.Record:   {Keys: []item{headKey(), leafCountKey(log)}, ConsistentRead: aws.Bool(true)},
	})
	if err != nil {
		return nil, err
	}
	var common record.EventRecord
	for _, i := range found[s.tables.Record] {
		if verbatim(i, "pk") == headPartition {
			common.Checkpoint = decodeHead(i).String()
		} else {
			common.Entries = num(i, "k")
		}
	}
	for n, epoch := range epochs {
		all[n] = common
		for _, i := range found[s.tables.Releases] {
			if sk := verbatim(i, "sk"); sk == transitionSort(epoch) && has(i, "entry") {
				all[n].Key, all[n].Sum = sk, record.SumOf(verbatim(i, "entry"))
			}
		}
	}
	return all, nil
}

// newHead begins the tree of an installation, without leaves. Where somebody else begins it at
// the same time, theirs is used.
func (s *Store) newHead(ctx context.Context, last *record.Checkpoint) error {
	installation := rand.Text()
	if last != nil {
		installation = last.Origin.Installation
	}
	i := headKey()
	root := record.EmptyRoot()
	i["installation"], i["generation"], i["size"], i["root"] = text(installation), number(1), number(0), &types.AttributeValueMemberB{Value: root[:]}
	err := s.put(ctx, s.tables.Record, i, newExpression().absent("pk"))
	if _, begun := failedCondition(err); begun {
		return nil
	}
	return err
}

// sealed rebuilds the leaf of an entry and returns it with its index in the tree; false where
// the entry is not sealed yet.
func sealed(of string, i item) (record.Leaf, int64, bool) {
	if !has(i, "i") {
		return record.Leaf{}, 0, false
	}
	at, _ := time.Parse(time.RFC3339Nano, verbatim(i, "sealedAt")) // an unreadable time yields a leaf that no proof fits
	return record.Leaf{
		Of: of, K: num(i, "k"), Key: verbatim(i, "sk"), Kind: release.LogKind(verbatim(i, "what")),
		SealedAt: at, Sum: record.SumOf(verbatim(i, "entry")), TakenOver: boolOf(i, "takenOver"),
	}, int64(num(i, "i")), true
}
