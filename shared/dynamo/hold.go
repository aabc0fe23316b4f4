package dynamo

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/release"
)

// A hold is an item of its own beside its release, since twenty reasons would be 40 KB on
// an item that every write pays for as a whole:
//
//	H#<subject>    who placed it, since when, and why
//
// The release itself has the attributes that conditions and lists need:
//
//	held           the subjects of all holders, which transitions require to be absent
//	holdRevision   counts the writes to holds. Each is conditioned on the count that it read,
//	               so that they happen one after the other, and their entries in that order
//	changeCount    is a hundredth less for each hold. Lists are to show "held", the indexes that
//	               they read project changeCount and nothing else that could tell, and the
//	               projection of an index cannot be changed
//
// Holds sort before the log's counter, where versions from before 2026-11-26 do not look;
// anything after the release they would mistake for a link.
const (
	holdPrefix = "H#"
	heldBy     = "held"
	perHold    = "0.01"
)

func holdKey(id, subject string) item { return key(releasePrefix+id, holdPrefix+subject) }

func encodeHold(id string, h release.Hold) item {
	a := attributes{item: holdKey(id, h.Subject)}
	holdFields(&a, &h)
	return a.item
}

func decodeHold(i item) release.Hold {
	h := release.Hold{Subject: strings.TrimPrefix(verbatim(i, "sk"), holdPrefix)}
	holdFields(&attributes{item: i, reading: true}, &h)
	return h
}

func holdFields(a *attributes, h *release.Hold) {
	a.text("by", &h.By)
	a.seconds("since", &h.Since)
	a.text("text", &h.Text)
}

// countedChanges reads changeCount: how many change requests are linked, and whether there are
// holds. Conditions can still compare changeCount with whole numbers, because all holds
// together subtract less than one.
func countedChanges(i item) (linked int, held bool) {
	n, ok := i["changeCount"].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	counted, _ := strconv.ParseFloat(n.Value, 64) // DynamoDB stores nothing else
	linked = int(math.Ceil(counted))
	return linked, counted < float64(linked)
}

func oldestFirst(holds []release.Hold) {
	slices.SortFunc(holds, func(a, b release.Hold) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Subject, b.Subject)
	})
}

// Holds reads the holds on a release, the oldest first.
func (s *Store) Holds(ctx context.Context, id string) ([]release.Hold, error) {
	found, err := s.collect(ctx, rangeOf(s.tables.Releases, releasePrefix+id, "begins", holdPrefix))
	return shownHolds(found.holds), err
}

// shownHolds returns holds with their holders' subjects cleaned for display. The stored
// subject is a key and is read verbatim.
func shownHolds(holds []release.Hold) []release.Hold {
	shown := slices.Clone(holds)
	for n := range shown {
		shown[n].Subject = glyph.Clean(shown[n].Subject)
	}
	return shown
}

// withHolds adds the holds to a release that was read.
func (s *Store) withHolds(ctx context.Context, r release.Release) (release.Release, error) {
	if len(r.Held) == 0 {
		return r, nil
	}
	var err error
	if r.Holds, err = s.Holds(ctx, r.ID); err == nil && len(r.Holds) == 0 {
		err = errConflict // they were lifted since it was read
	}
	return r, err
}

// holdable is a release as read by an operation that changes its holds.
type holdable struct {
	release.Release
	place
	holdRevision types.AttributeValue // of the holds; nil before the first
}

// holdable reads a release, its log's counter and its holds in one consistent query. The query
// runs backwards so that the release is read first: where a hold or the counter changes after
// that, the write's conditions fail.
func (s *Store) holdable(ctx context.Context, id string, w Write) (holdable, error) {
	in := rangeOf(s.tables.Releases, releasePrefix+id, "between", holdPrefix, mainSort)
	in.ScanIndexForward = aws.Bool(false)
	found, err := s.collect(ctx, in)
	if err != nil {
		return holdable{}, err
	}
	r, err := found.release(id)
	if r.Holds = found.holds; err == nil {
		err = checkWritable(r, w)
	}
	return holdable{r, place{r.Epoch(), num(found.counter, "n"), r.Revision}, found.itself["holdRevision"]}, err
}

// PlaceHold places the writer's hold on a release, or replaces its text, and writes the log
// entry about it. Where a status is given, the hold is placed only while the release has that
// status.
func (s *Store) PlaceHold(ctx context.Context, id, words string, status release.Status, w Write) (release.LogEntry, error) {
	w.keepRecordIn(s.tables.Releases)
	return retryOnConflict(ctx, func() (release.LogEntry, error) {
		now, err := s.holdable(ctx, id, w)
		if err != nil {
			return release.LogEntry{}, err
		}
		if status != "" && now.Status != status {
			return release.LogEntry{}, statusNotCurrent(now.Release, status)
		}
		h, err := now.PlaceHold(words, w.Stamp)
		if err != nil {
			return release.LogEntry{}, err
		}
		e := s.holdGuard(now, w)
		if !slices.Contains(now.Held, h.Subject) {
			e.add(heldBy, set([]string{h.Subject})).add("changeCount", &types.AttributeValueMemberN{Value: "-" + perHold})
		}
		entry, sk := now.HoldPlaced(h, w.Stamp), now.sort(release.LogHold, "")
		entry.ID = logID(sk)
		return entry, s.writeChunk(ctx, []types.TransactWriteItem{
			updateAction(s.tables.Releases, releaseKey(id), e),
			putAction(s.tables.Releases, encodeHold(id, h), newExpression()),
			s.entryAction(id, sk, entry, w),
		}, w, &entry)
	})
}

// LiftHold lifts the hold of a subject, given as it is stored or as it is displayed, and
// writes the log entry about it. Where there is no such hold, it writes nothing.
func (s *Store) LiftHold(ctx context.Context, id, holder string, w Write) error {
	_, err := retryOnConflict(ctx, func() (struct{}, error) {
		var none struct{}
		now, err := s.holdable(ctx, id, w)
		if err != nil {
			return none, err
		}
		n := slices.IndexFunc(now.Holds, func(h release.Hold) bool { return h.Subject == holder || glyph.Clean(h.Subject) == holder })
		if n < 0 {
			return none, nil
		}
		holder := now.Holds[n].Subject
		e := s.holdGuard(now, w).deleteFrom(heldBy, set([]string{holder})).add("changeCount", &types.AttributeValueMemberN{Value: perHold})
		return none, conflictOf(s.transact(ctx, []types.TransactWriteItem{
			updateAction(s.tables.Releases, releaseKey(id), e),
			deleteAction(s.tables.Releases, holdKey(id, holder), newExpression()),
			s.entryAction(id, now.sort(release.LogHold, ""), now.HoldLifted(now.Holds[n], w.Stamp), w),
		}), -1)
	})
	return err
}

// holdGuard is an update of a release on the condition that its holds are as they were read,
// that its status is the same and that it is not being deleted. It does not check the
// revision: a hold must succeed while others edit and decide.
func (s *Store) holdGuard(now holdable, w Write) *expression {
	e := s.releaseGuard(now.Release, opHold, w).add("holdRevision", number(1))
	if now.holdRevision != nil {
		return e.equal("holdRevision", now.holdRevision)
	}
	return e.absent("holdRevision")
}

// removeHolds removes the holds on a release that is being deleted, on which none can be
// placed any more.
func (s *Store) removeHolds(ctx context.Context, id string) error {
	found, err := s.collect(ctx, rangeOf(s.tables.Releases, releasePrefix+id, "begins", holdPrefix))
	if err != nil || len(found.holds) == 0 {
		return err
	}
	var actions []types.TransactWriteItem
	for _, h := range found.holds {
		actions = append(actions, deleteAction(s.tables.Releases, holdKey(id, h.Subject), newExpression()))
	}
	return s.transact(ctx, actions)
}
