package dynamo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

const (
	// maxActions is how many items one transaction can write, and how many one BatchGetItem
	// can read for it. …/API_TransactWriteItems.html
	maxActions = 100
	// sealBytes bounds the size of the entries in one transaction; a larger entry gets one of
	// its own. DynamoDB accepts 4 MB and charges for the full size of each item.
	sealBytes = 256 << 10
)

// Generation is the generation of the tree to seal into, and the last known checkpoint of the
// one before.
type Generation struct {
	Number int
	Last   *record.Checkpoint // nil: what its own table says
}

// Sealer turns entries into leaves, for one run. Any number of sealers may work at once, and
// each may die at any time: a round writes one transaction, on the condition that the tree is
// as it was read.
type Sealer struct {
	s          *Store
	generation Generation
	most       int             // entries in a batch; lowered where DynamoDB lacks capacity
	done       map[string]bool // entries that are sealed or cannot be, but that the index may still show
}

// Sealer returns a sealer for one run.
func (s *Store) Sealer(g Generation) *Sealer {
	return &Sealer{s: s, generation: g, most: maxActions, done: map[string]bool{}}
}

// openEntry is an entry that waits to be sealed.
type openEntry struct {
	log, sk string // log is its partition
	since   string
	item    item
}

func (e openEntry) key() item  { return key(e.log, e.sk) }
func (e openEntry) id() string { return e.log + "\x00" + e.sk }

// of returns the ID of the release or change request whose log it is in.
func (e openEntry) of() string {
	_, id, _ := strings.Cut(e.log, "#")
	return id
}

// ofChange reports whether it is in the record of a change request, which is in the table of
// change requests.
func (e openEntry) ofChange() bool { return strings.HasPrefix(e.log, changeLogPrefix) }

// updateEntry is an update of an entry in its table.
func (s *Store) updateEntry(e openEntry, update *expression) types.TransactWriteItem {
	if e.ofChange() {
		return updateAction(s.tables.Changes, e.key(), update)
	}
	return updateAction(s.tables.Releases, e.key(), update)
}

// Seal makes leaves until the index shows no more entries or the invocation's time is up, and
// returns how many it made. Losing to another sealer is not an error.
func (x *Sealer) Seal(ctx context.Context, now func() time.Time) (int, error) {
	total := 0
	for failures := 0; ; {
		n, more, err := x.round(ctx, now())
		switch {
		case err == nil && !more:
			return total, nil
		case err == nil:
			total, failures, x.most = total+n, 0, min(maxActions, 2*x.most)
			continue
		case throttled(err):
			x.most = max(1, x.most/2)
		case !errors.Is(err, errConflict) && !release.IsKind(err, release.KindUnavailable):
			return total, err
		}
		if failures++; failures >= conflicts || pause(ctx, min(failures, 5)) != nil {
			if errors.Is(err, errConflict) {
				return total, nil // other sealers keep winning, so the entries are being sealed
			}
			return total, failure(err)
		}
	}
}

// Oldest returns since when the oldest entry has been waiting; false where none is.
func (x *Sealer) Oldest(ctx context.Context) (time.Time, bool, error) {
	entries, err := x.waiting(ctx)
	if err != nil || len(entries) == 0 {
		return time.Time{}, false, err
	}
	at, _ := time.Parse(time.RFC3339Nano, entries[0].since) // an unreadable time counts as the zero time, so that the alarm goes off
	return at, true, nil
}

// round seals one batch. It returns how many leaves it made, and whether there may be more to
// do.
func (x *Sealer) round(ctx context.Context, now time.Time) (int, bool, error) {
	head, err := x.head(ctx)
	if err != nil {
		return 0, false, err
	}
	if head.Origin.Generation < x.generation.Number {
		return 1, true, x.begin(ctx, head)
	}
	entries, err := x.waiting(ctx)
	if err != nil || len(entries) == 0 {
		return 0, false, err
	}
	b, err := x.read(ctx, head, entries)
	if err != nil {
		return 0, false, err
	}
	for _, e := range b.entries {
		if !b.needsTakeover(e) {
			continue
		}
		older, err := x.older(ctx, e)
		if err != nil {
			return 0, false, err
		}
		if len(older) > 0 || b.counts[e.log] != nil {
			n, err := x.takeOver(ctx, b, e.log, older, now)
			return n, true, err
		}
	}
	if len(b.entries) == 0 {
		return 0, true, nil // everything the index showed is sealed; there may be more behind it
	}
	return len(b.entries), true, x.seal(ctx, b, now)
}

func (x *Sealer) head(ctx context.Context) (record.Checkpoint, error) {
	s := x.s
	for {
		i, err := s.get(ctx, s.tables.Record, headKey())
		if err != nil || i != nil {
			return decodeHead(i), err
		}
		if err := s.newHead(ctx, x.generation.Last); err != nil {
			return record.Checkpoint{}, err
		}
	}
}

// waiting asks the indexes for the entries that are not sealed, longest waiting first. The
// indexes lag: they may show entries that are sealed, and miss those that have just been
// written.
func (x *Sealer) waiting(ctx context.Context) ([]openEntry, error) {
	s := x.s
	entries, err := s.unsealed(ctx, s.tables.Releases, x.done)
	if err != nil {
		return nil, err
	}
	ofChanges, err := s.unsealed(ctx, s.tables.Changes, x.done)
	entries = append(entries, ofChanges...)
	slices.SortFunc(entries, func(a, b openEntry) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.log, b.log), cmp.Compare(a.sk, b.sk))
	})
	return entries, err
}

// unsealed queries the index of one table for no more entries than one transaction takes,
// skipping those that are done.
func (s *Store) unsealed(ctx context.Context, table string, done map[string]bool) ([]openEntry, error) {
	e := newExpression()
	condition := e.name(unsealedKey) + " = " + e.value(text("1"))
	in := &dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(unsealedIndex), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values, Limit: aws.Int32(maxActions),
	}
	var entries []openEntry
	for len(entries) < maxActions {
		out, err := s.db.Query(ctx, in)
		if err != nil {
			return nil, failure(err)
		}
		for _, i := range out.Items {
			e := openEntry{log: verbatim(i, "pk"), sk: verbatim(i, "sk"), since: verbatim(i, unsealedSince)}
			if !done[e.id()] {
				entries = append(entries, e)
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	return entries, nil
}

// batch is what one transaction is built from.
type batch struct {
	head    record.Checkpoint
	edge    record.Tiles
	counts  map[string]item // of leaves, by log; nil where a log has none
	entries []openEntry
}

// room reports whether that many entries of that many logs fit into one read and one
// transaction.
func (b *batch) room(entries, logs int) bool {
	written := record.GrownTiles(b.head.Size, b.head.Size+int64(entries)) + 1
	return entries+logs+max(len(record.EdgeTiles(b.head.Size)), written) <= maxActions
}

// read reads, strongly consistent, as many of the entries as fit into one transaction, the
// leaf counts of their logs, and the edge of the tree. The head was read before: if it is
// unchanged when the batch is written, so are the counts and tiles, which change only together
// with it.
func (x *Sealer) read(ctx context.Context, head record.Checkpoint, entries []openEntry) (*batch, error) {
	s := x.s
	b := &batch{head: head, edge: record.Tiles{}, counts: map[string]item{}}
	var ofReleases, ofChanges, ofTree []item
	of := map[string]openEntry{}
	for n, e := range entries {
		logs := len(b.counts)
		if _, known := b.counts[e.log]; !known {
			logs++
		}
		if n >= x.most || !b.room(n+1, logs) {
			break
		}
		if of[e.id()] = e; e.ofChange() {
			ofChanges = append(ofChanges, e.key())
		} else {
			ofReleases = append(ofReleases, e.key())
		}
		b.counts[e.log] = nil
	}
	for log := range b.counts {
		ofTree = append(ofTree, leafCountKey(log))
	}
	for t := range record.EdgeTiles(head.Size) {
		ofTree = append(ofTree, tileKey(t))
	}
	request := map[string]types.KeysAndAttributes{
		s.tables.Releases: {Keys: ofReleases, ConsistentRead: aws.Bool(true)},
		s.tables.Changes:  {Keys: ofChanges, ConsistentRead: aws.Bool(true)},
		s.tables.Record:   {Keys: ofTree, ConsistentRead: aws.Bool(true)},
	}
	maps.DeleteFunc(request, func(_ string, k types.KeysAndAttributes) bool { return len(k.Keys) == 0 })
	found, err := s.batchGetTables(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, i := range found[s.tables.Record] {
		if log, isCount := strings.CutPrefix(verbatim(i, "pk"), leafCountPrefix); isCount {
			b.counts[log] = i
			continue
		}
		id, hashes := tileOf(i)
		b.edge[id] = hashes
	}
	for _, i := range slices.Concat(found[s.tables.Releases], found[s.tables.Changes]) {
		id := openEntry{log: verbatim(i, "pk"), sk: verbatim(i, "sk")}.id()
		e := of[id]
		e.item = i
		of[id] = e
	}
	x.choose(ctx, b, entries, of)
	return b, nil
}

// choose adds to the batch the entries that exist, are not sealed, and fit.
func (x *Sealer) choose(ctx context.Context, b *batch, entries []openEntry, of map[string]openEntry) {
	size := 0
	for _, e := range entries {
		e, read := of[e.id()]
		switch {
		case !read:
			return
		case has(e.item, unsealedKey) && !has(e.item, "entry"):
			// Our code never writes such an item. It must not keep other entries from being
			// sealed.
			slog.ErrorContext(ctx, "what waits to be sealed is no entry", "log", e.log, "entry", e.sk)
			fallthrough
		case !has(e.item, unsealedKey) || has(e.item, "i"):
			x.done[e.id()] = true
			continue
		}
		if size += sizeOfEntry(e.item); size > sealBytes && len(b.entries) > 0 {
			return
		}
		b.entries = append(b.entries, e)
	}
}

// seal makes leaves of the batch's entries and writes them.
func (x *Sealer) seal(ctx context.Context, b *batch, now time.Time) error {
	s, entries := x.s, b.entries
	k := map[string]int{}
	leaves := make([][]byte, len(entries))
	actions := make([]types.TransactWriteItem, 0, maxActions)
	for n, e := range entries {
		if _, known := k[e.log]; !known {
			k[e.log] = num(b.counts[e.log], "k")
		}
		k[e.log]++
		e.item["i"], e.item["k"], e.item["sealedAt"] = number(int(b.head.Size)+n), number(k[e.log]), millisValue(now)
		update := newExpression().set("i", e.item["i"]).set("k", e.item["k"]).set("sealedAt", e.item["sealedAt"]).
			remove(unsealedKey).remove(unsealedSince).exists(unsealedKey) // sealing it takes that away
		if e.sk == olderDecision {
			e.item["takenOver"] = boolean(true) // it is about a time before records were kept
			update.set("takenOver", boolean(true))
		}
		leaf, _, _ := sealed(e.of(), e.item)
		leaves[n] = leaf.Bytes()
		actions = append(actions, s.updateEntry(e, update))
	}
	for log, n := range k {
		actions = append(actions, updateAction(s.tables.Record, leafCountKey(log), newExpression().set("k", number(n))))
	}
	return x.append(ctx, b, leaves, actions, newExpression().set("sealedAt", millisValue(now)))
}

// append writes the actions and the tree with the new leaves, provided that the tree is still
// as it was read; otherwise it writes nothing.
func (x *Sealer) append(ctx context.Context, b *batch, leaves [][]byte, actions []types.TransactWriteItem, e *expression) error {
	s, head := x.s, b.head
	root, tiles, err := b.edge.Grow(head.Size, head.Root, leaves)
	if err != nil {
		return err
	}
	for t, hashes := range tiles {
		i := tileKey(t)
		i["hashes"] = &types.AttributeValueMemberB{Value: hashes}
		actions = append(actions, putAction(s.tables.Record, i, newExpression()))
	}
	e.set("size", number(int(head.Size)+len(leaves))).set("root", &types.AttributeValueMemberB{Value: root[:]}).
		equal("size", number(int(head.Size))).equal("generation", number(head.Origin.Generation))
	actions = append(actions, updateAction(s.tables.Record, headKey(), e))
	// Not repeated on a conflict, as transact does: the other writer has moved the head.
	_, err = s.db.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: actions, ClientRequestToken: aws.String(rand.Text())})
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		for _, reason := range cancelled.CancellationReasons {
			if code := aws.ToString(reason.Code); code == "ConditionalCheckFailed" || code == "TransactionConflict" {
				return errConflict
			}
		}
	}
	return failure(err)
}

// begin makes the first leaf of a new generation: the last known checkpoint of the generations
// before.
func (x *Sealer) begin(ctx context.Context, head record.Checkpoint) error {
	s := x.s
	b, err := x.read(ctx, head, nil)
	if err != nil {
		return err
	}
	last := head
	if x.generation.Last != nil {
		last = *x.generation.Last
	}
	leaf := record.GenerationLeaf(x.generation.Number, last)
	i := key(generationPrefix+strconv.Itoa(x.generation.Number), mainSort)
	i["i"], i["leaf"] = number(int(head.Size)), text(string(leaf))
	return x.append(ctx, b, [][]byte{leaf}, []types.TransactWriteItem{putAction(s.tables.Record, i, newExpression())},
		newExpression().set("generation", number(x.generation.Number)))
}
