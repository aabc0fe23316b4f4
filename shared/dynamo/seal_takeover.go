package dynamo

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Entries that are older than sealing are in no index. They are sealed as they are ("taken
// over") when the first newer entry of their log is sealed: in log order and before all
// others, so that leaves that prove nothing about the past come first in a log and nowhere
// else. A log to which nothing is added any more stays unsealed.

// needsTakeover reports whether the entry's log may hold entries that are older than sealing:
// either it has no leaves yet and this is not its first entry, or taking over has begun.
func (b *batch) needsTakeover(e openEntry) bool {
	count := b.counts[e.log]
	if count != nil {
		return boolOf(count, takingOver)
	}
	return !slices.ContainsFunc(b.entries, func(first openEntry) bool {
		return first.log == e.log && (first.sk == createdSort || first.sk == changeLogSort(1, 0))
	})
}

// older reads the entries of a log that are neither sealed nor waiting to be, oldest first. It
// stops once it has more than one transaction holds.
func (x *Sealer) older(ctx context.Context, of openEntry) ([]openEntry, error) {
	var legacy, others []item
	s := x.s
	in := rangeOf(s.tables.Releases, of.log, ">=", firstEntry)
	if of.ofChange() {
		in = rangeOf(s.tables.Changes, of.log, ">=", firstEntry)
	}
	err := s.pages(ctx, in, pageSize, func(page []item, _ item) (bool, error) {
		for _, i := range page {
			switch {
			case has(i, unsealedKey) || has(i, "i"):
			case has(i, "entry"):
				others = append(others, i)
			default:
				legacy = append(legacy, i) // they come first, and there are a few hundred at most
			}
		}
		return len(others) < maxActions, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(legacy, legacyOrder)
	entries := make([]openEntry, 0, len(legacy)+len(others))
	for _, i := range slices.Concat(legacy, others) {
		entries = append(entries, openEntry{log: of.log, sk: verbatim(i, "sk"), item: i})
	}
	return entries, nil
}

// takeOver seals the first of a log's older entries, as many as one transaction holds. The
// log's count item is marked as taking over until none is left.
func (x *Sealer) takeOver(ctx context.Context, b *batch, log string, older []openEntry, now time.Time) (int, error) {
	s, count := x.s, b.counts[log]
	k, size := num(count, "k"), 0
	var leaves [][]byte
	var actions []types.TransactWriteItem
	for _, e := range older {
		if size += sizeOfEntry(e.item); len(leaves) > 0 && (size > sealBytes || len(leaves) >= x.most || !b.room(len(leaves)+1, 1)) {
			break
		}
		update := newExpression().exists("pk").absent(unsealedKey).absent("i")
		set := func(name string, v types.AttributeValue) {
			e.item[name] = v
			update.set(name, v)
		}
		if !has(e.item, "entry") {
			form := entryItem(log, e.of(), e.sk, legacyEntry(e.item), Write{})
			for _, name := range []string{"entry", "values", "what"} {
				set(name, form[name])
			}
			for _, name := range []string{"author", "email", "text", "entered"} { // "at" stays: the order is by it
				update.remove(name)
			}
		}
		k++
		set("i", number(int(b.head.Size)+len(leaves)))
		set("k", number(k))
		set("sealedAt", millisValue(now))
		set("takenOver", boolean(true))
		leaf, _, _ := sealed(e.of(), e.item)
		leaves = append(leaves, leaf.Bytes())
		actions = append(actions, s.updateEntry(e, update))
	}
	counted := newExpression().set("k", number(k)).set(takingOver, boolean(len(leaves) < len(older)))
	if !has(count, sealedFrom) {
		counted.set(sealedFrom, millisValue(now))
	}
	actions = append(actions, updateAction(s.tables.Record, leafCountKey(log), counted))
	return len(leaves), x.append(ctx, b, leaves, actions, newExpression().set("sealedAt", millisValue(now)))
}
