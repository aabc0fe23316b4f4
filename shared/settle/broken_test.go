package settle_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/release"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/testkit/inject"
)

// That the simulation finds no mistake means something only if it finds those that are there.
// Each of these consumers makes one mistake that the design avoids. The final state alone
// (verdict.final, not how it came about) has to show it, in one of the seeds that have the kind
// of fault which brings the mistake to light.
func TestSettlement_BrokenConsumer_IsCaught(t *testing.T) {
	crashes := func(f faults) bool { return f.crash > 0.1 }
	givesUp := func(f faults) bool { return f.crash > 0.1 && f.retries < 2 }
	meddles := func(f faults) bool { return f.meddle > 0.1 }
	fixtures := newFixtures(t)
	for n, c := range []struct {
		name   string
		broken broken
		seeds  func(faults) bool
	}{
		{"the status in one write, the comment in the next", broken{statusFirst: true}, crashes},
		{"the comment in one write, the status in the next", broken{commentFirst: true}, crashes},
		{"no condition on the write", broken{unconditional: true}, meddles},
		{"a condition on the epoch, none on the revision", broken{epochOnly: true}, meddles},
		{"only what the record says, instead of all missing", broken{recordOnly: true}, nil},
		{"through before the tasks are", broken{throughFirst: true}, givesUp},
		{"a task that could not be written is passed over", broken{passesOver: true}, func(f faults) bool { return f.conflict > 0.02 }},
		{"everything appended each time the record is delivered", broken{blind: true}, func(f faults) bool { return f.twice+f.replay > 0.1 }},
		{"none of these", broken{}, nil}, // it must not be caught: else the others may be for another reason, too
	} {
		t.Run(c.name, func(t *testing.T) { isCaught(t, fixtures, "b"+strconv.Itoa(n), c.broken, c.seeds) })
	}
}

func isCaught(t *testing.T, fixtures []*fixture, label string, b broken, within func(faults) bool) {
	var caught, played atomic.Int64
	simulateAll(fixtures, seedsWith(5**seeds, within), label, b.consumers, func(seed uint64, _ stats, v verdict) bool {
		if len(v.final) > 0 && caught.CompareAndSwap(0, int64(seed)) {
			t.Logf("caught by seed %d: %s", seed, v.final[0])
		}
		return caught.Load() == 0 && (played.Add(1) < 5 || b != broken{})
	})
	if (caught.Load() > 0) != (b != broken{}) {
		t.Errorf("caught by seed %d (0: by none) of the %d played; want it caught: %t", caught.Load(), played.Load(), b != broken{})
	}
}

// broken is a settle-tasks with one of these mistakes.
type broken struct {
	statusFirst, commentFirst, unconditional, epochOnly, recordOnly, throughFirst, passesOver, blind bool
}

func (b broken) consumers(p *simulation, store *dynamo.Store) (changes, tasks streams.Handler) {
	db := dynamodb.NewFromConfig(p.Config, inject.Option(p.chaos.call, p.chaos.attempt))
	tasks = func(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		for _, r := range batch.Records {
			if err := b.settle(ctx, p, db, store, r); err != nil {
				return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{{ItemIdentifier: r.Change.SequenceNumber}}}, nil //nolint:nilerr // this is how a consumer reports it
			}
		}
		return events.DynamoDBEventResponse{}, nil
	}
	return inFreshSandboxes(store, (*settle.Settler).Changes), tasks
}

func (b broken) settle(ctx context.Context, p *simulation, db *dynamodb.Client, store *dynamo.Store, r events.DynamoDBEventRecord) error {
	c, err := store.Change(ctx, strings.TrimPrefix(r.Change.Keys["pk"].String(), "CR#"))
	if err != nil {
		return err
	}
	reported := r.Change.NewImage["history"].List()
	by := reported[len(reported)-1].Map()["release"].String()
	last := slices.IndexFunc(c.History, func(s release.Settlement) bool { return s.ReleaseID == by })
	for n, s := range c.History {
		if s.ReleaseID == by {
			last = n
		}
	}
	through := func() error {
		return store.ChangeIsThrough(ctx, by, c.History[last].Epoch, c.ID, dynamo.Followed{Tasks: 1}, time.Now())
	}
	if b.throughFirst {
		if err := through(); err != nil {
			return err
		}
	}
	ids, err := store.TaskIDsOfChange(ctx, c.ID)
	if err != nil {
		return err
	}
	tasks, err := store.TasksByID(ctx, ids)
	if err != nil {
		return err
	}
	var (
		all    sync.WaitGroup
		failed atomic.Value
	)
	for _, t := range tasks {
		if t.ChangeRequestID != c.ID {
			continue // it moved away since it was listed
		}
		all.Go(func() {
			from, history := t, c.History
			if b.recordOnly {
				history = history[:len(reported)]
				from.AppliedEpoch = max(t.AppliedEpoch, len(reported)-1)
			}
			if b.blind {
				from.AppliedEpoch = min(t.AppliedEpoch, last)
			}
			if err := b.follow(ctx, p, db, t, from, history); err != nil && !b.passesOver {
				failed.Store(err)
			}
		})
	}
	all.Wait()
	if err, _ := failed.Load().(error); err != nil {
		return err
	}
	return through()
}

// follow writes one task, with the mistake. If a condition fails, somebody else has written the
// task: it returns the error, and the record comes again.
func (b broken) follow(ctx context.Context, p *simulation, db *dynamodb.Client, t, from release.Task, history []release.Settlement) error {
	after, moved := from.Follow(history)
	if !moved {
		return nil
	}
	condition := "revision = :revision AND appliedEpoch = :applied"
	if b.epochOnly {
		condition = "appliedEpoch = :applied"
	}
	status := "#status = :status, appliedEpoch = :epoch, revision = :next"
	comments := "comments = list_append(if_not_exists(comments, :none), :comments)"
	switch {
	case b.statusFirst:
		if err := b.write(ctx, p, db, t, after, status, condition); err != nil {
			return err
		}
		return b.write(ctx, p, db, t, after, comments, "")
	case b.commentFirst:
		if err := b.write(ctx, p, db, t, after, comments, condition); err != nil {
			return err
		}
		return b.write(ctx, p, db, t, after, status, condition)
	case b.unconditional, b.blind:
		condition = ""
	}
	return b.write(ctx, p, db, t, after, status+", "+comments, condition)
}

func (b broken) write(ctx context.Context, p *simulation, db *dynamodb.Client, t, after release.Task, sets, condition string) error {
	number := func(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: strconv.Itoa(n)} }
	str := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	var comments []types.AttributeValue
	for _, c := range after.Comments[len(t.Comments):] {
		comments = append(comments, &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"id": str(c.ID), "at": str(release.FormatTime(c.At)), "author": str(c.Author), "text": str(c.Text),
		}})
	}
	sets += ", reopenCount = :reopened"
	update := "SET " + sets + " REMOVE resolvedBy"
	all := map[string]types.AttributeValue{
		":status": str(string(after.Status)), ":epoch": number(after.AppliedEpoch), ":next": number(after.Revision), ":reopened": number(after.ReopenCount),
		":none": &types.AttributeValueMemberL{}, ":comments": &types.AttributeValueMemberL{Value: comments},
		":revision": number(t.Revision), ":applied": number(t.AppliedEpoch), ":by": str(after.ResolvedBy),
	}
	if after.ResolvedBy != "" {
		update = "SET " + sets + ", resolvedBy = :by"
	}
	values, names := map[string]types.AttributeValue{}, map[string]string{}
	for name, v := range all {
		if usesName(update+" "+condition, name) {
			values[name] = v
		}
	}
	if strings.Contains(update, "#status") {
		names["#status"] = "status"
	}
	in := &dynamodb.UpdateItemInput{
		TableName: &p.Tables.Tasks, Key: map[string]types.AttributeValue{"pk": str("TASK#" + t.ID), "sk": str("M")},
		UpdateExpression: &update, ExpressionAttributeValues: values,
	}
	if len(names) > 0 {
		in.ExpressionAttributeNames = names
	}
	if condition != "" {
		in.ConditionExpression = aws.String(condition)
	}
	_, err := db.UpdateItem(ctx, in)
	if invalid := (*smithy.GenericAPIError)(nil); errors.As(err, &invalid) && invalid.Code == "ValidationException" {
		p.t.Errorf("the broken consumer makes an invalid request, which is not the mistake that is meant: %v", err)
	}
	return err
}

// usesName tells whether an expression has the placeholder as a word of its own.
func usesName(expression, placeholder string) bool {
	return slices.Contains(strings.FieldsFunc(expression, func(r rune) bool {
		return r != ':' && (r < 'a' || r > 'z')
	}), placeholder)
}
