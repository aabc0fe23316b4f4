package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
)

// publicFixture is a store on tables of its own, with a clock that moves on by a minute with each
// write.
type publicFixture struct {
	*testing.T
	*dynamo.Store
	client *dynamodb.Client
	table  string
	now    time.Time
	writes int
}

func newPublicFixture(t *testing.T) *publicFixture {
	h := testkit.New(t)
	return &publicFixture{
		T: t, Store: h.Store, client: h.Client, table: h.Tables.Releases,
		now: time.Date(2026, 4, 1, 9, 0, 17, 0, time.UTC),
	}
}

func (s *publicFixture) write() dynamo.Write {
	s.writes++
	s.now = s.now.Add(time.Minute)
	return dynamo.Write{Stamp: release.Stamp{At: s.now, By: release.System, Request: fmt.Sprint("request-", s.writes)}}
}

// must fails the test on an error and passes the value on.
func must[T any](v T, err error) func(*publicFixture) T {
	return func(s *publicFixture) T {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return v
	}
}

func (s *publicFixture) create() string {
	start := s.now.Add(48 * time.Hour)
	end := start.Add(2 * time.Hour)
	w := s.write()
	r := release.Release{
		Status: release.Planned, CreatedAt: w.At, UpdatedAt: w.At, Revision: 1,
		Plan: release.Plan{Name: "Mail", Version: "1", ScheduledStart: &start, ScheduledEnd: &end, Public: true},
	}
	return must(s.CreateRelease(context.Background(), r, nil, w))(s).Release.ID
}

func (s *publicFixture) transition(id string, to ...release.Status) {
	s.Helper()
	for _, status := range to {
		must(s.Transition(context.Background(), id, release.TransitionRequest{To: status, Reason: "why"}, s.write()))(s)
	}
}

func (s *publicFixture) edit(id string, change func(*release.Plan)) {
	s.Helper()
	w := s.write()
	must(s.UpdateRelease(context.Background(), id, func(r release.Release) (release.Release, release.LogEntry, error) {
		was := *r.ScheduledStart
		change(&r.Plan)
		if !r.ScheduledStart.Equal(was) {
			r.WindowVersion++
		}
		r.Revision++
		return r, release.LogEntry{Kind: release.LogEdit}, nil
	}, w))(s)
}

// seenAt is the time of the last write as the public is told it: rounded up to the minute.
func (s *publicFixture) seenAt() time.Time { return s.now.Truncate(time.Minute).Add(time.Minute) }

func (s *publicFixture) published() []release.Published {
	s.Helper()
	return must(s.Published(context.Background(), s.now, s.now.AddDate(0, 0, -90)))(s)
}

// The public sees a release from scheduled on, in every later status, and only while it is public.
// Edits of internal fields leave no trace.
func TestPublished_EachStatus_FollowsTheRelease(t *testing.T) {
	s := newPublicFixture(t)
	id := s.create()
	s.transition(id, release.Approved)
	if got := s.published(); len(got) != 0 {
		t.Fatalf("before it is scheduled the public sees %v", got)
	}
	s.transition(id, release.Scheduled)
	want := release.Published{
		ID: id, Name: "Mail", Version: "1", Status: release.Scheduled, WindowVersion: 1, ChangedAt: s.seenAt(),
		Start: time.Date(2026, 4, 3, 9, 0, 17, 0, time.UTC), End: time.Date(2026, 4, 3, 11, 0, 17, 0, time.UTC),
	}
	happened := func(what release.Status) {
		want.Happened = append(want.Happened, release.PublicEvent{What: what, At: s.now})
	}
	happened(release.Scheduled)
	want.Happened[0].Start, want.Happened[0].End = want.Start, want.End
	sees := func(what string) {
		t.Helper()
		if got := s.published(); !slices.EqualFunc(got, []release.Published{want}, release.Published.Equal) {
			t.Fatalf("%s: the public sees\n%+v, want\n%+v", what, got, want)
		}
	}
	sees("scheduled")

	s.edit(id, func(p *release.Plan) {
		p.Description, p.SuccessCriteria, p.ReleaseManager = "secret", "secret", "secret"
	})
	sees("after an edit of internal fields")

	s.edit(id, func(p *release.Plan) { p.PublicSummary = "Mail will pause." })
	want.Summary, want.ChangedAt = "Mail will pause.", s.seenAt()
	sees("after an edit of the public summary")

	s.edit(id, func(p *release.Plan) { p.SuccessCriteria = "still secret" })
	sees("after another edit of internal fields")

	s.edit(id, func(p *release.Plan) { p.Public = false })
	if got := s.published(); len(got) != 0 {
		t.Fatalf("after opting out the public sees %v", got)
	}
	s.transition(id, release.InProgress)
	happened(release.InProgress)
	if got := s.published(); len(got) != 0 {
		t.Fatalf("after a transition of a release that opted out the public sees %v", got)
	}
	s.edit(id, func(p *release.Plan) { p.Public = true })
	want.Status, want.ChangedAt = release.InProgress, s.seenAt()
	sees("after opting in again")

	for _, status := range []release.Status{release.Deployed, release.RolledBack} {
		s.transition(id, status)
		happened(status)
		want.Status, want.ChangedAt = status, s.seenAt()
		sees(string(status))
	}
}

// The public is told of the newest ten moves of the window that happened while the release was
// public. Other things that happened while it was hidden are told when it is shown again.
func TestPublished_Story_IsWhatHappened(t *testing.T) {
	s := newPublicFixture(t)
	id := s.create()
	s.transition(id, release.Approved, release.Scheduled)
	announced := s.now
	shift := func(public bool) {
		s.edit(id, func(p *release.Plan) {
			start, end := p.ScheduledStart.Add(time.Hour), p.ScheduledEnd.Add(time.Hour)
			p.ScheduledStart, p.ScheduledEnd, p.Public = &start, &end, public
		})
	}
	var want []release.Status
	sees := func(what string) release.Published {
		t.Helper()
		all := s.published()
		if len(all) != 1 {
			t.Fatalf("%s: the public sees %v", what, all)
		}
		var got []release.Status
		for _, e := range all[0].Happened {
			got = append(got, e.What)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the public is told of %v, want %v", what, got, want)
		}
		return all[0]
	}
	shift(true)
	want = []release.Status{release.Scheduled, release.Moved}
	if p := sees("moved"); !p.Happened[1].Start.Equal(p.Start) || !p.Happened[0].Start.Equal(p.Start.Add(-time.Hour)) || !p.Happened[0].At.Equal(announced) {
		t.Errorf("the public is told %+v, want the window of then, and the one an hour later", p.Happened)
	}
	shift(false)
	shift(false)
	s.edit(id, func(p *release.Plan) { p.Public = true })
	sees("shown again")
	for range 11 {
		shift(true)
	}
	want = append([]release.Status{release.Scheduled}, slices.Repeat([]release.Status{release.Moved}, 10)...)
	sees("moved many times")
	s.edit(id, func(p *release.Plan) { p.Public = false })
	s.transition(id, release.InProgress)
	begun := s.now
	s.transition(id, release.Cancelled)
	s.edit(id, func(p *release.Plan) { p.Public = true })
	want = append(want, release.InProgress, release.Cancelled)
	p := sees("stopped")
	if at, ok := p.When(release.InProgress); !ok || !at.Equal(begun) {
		t.Errorf("it began at %v, want %v", at, begun)
	}
}

// A release that ends long after its planned start is shown for 90 days from its end, though its
// planned start is further back, and then disappears like others.
func TestPublished_EndedLongAfterThePlan_IsShownFromItsEnd(t *testing.T) {
	s := newPublicFixture(t)
	early, late := s.create(), s.create()
	s.transition(early, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	s.transition(late, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	ids := func() string {
		var all []string
		for _, p := range s.published() {
			all = append(all, p.ID)
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	begun := s.now
	s.now = begun.AddDate(0, 0, 55)
	s.edit(early, func(p *release.Plan) { p.PublicSummary = "It went well." }) // an edit does not make it one that ended late
	s.now = begun.AddDate(0, 0, 100)
	if got := ids(); got != "" {
		t.Fatalf("100 days on, the public sees %s", got)
	}
	s.transition(late, release.RolledBack)
	rolledBack := s.now
	if got := s.published(); len(got) != 1 || got[0].ID != late || got[0].Status != release.RolledBack {
		t.Fatalf("on the day of the rollback the public sees %v", got)
	}
	s.now = rolledBack.AddDate(0, 0, 89)
	if got := ids(); got != late {
		t.Errorf("89 days after it, the public sees %q", got)
	}
	s.now = rolledBack.AddDate(0, 0, 91)
	if got := ids(); got != "" {
		t.Errorf("91 days after it, the public still sees %s", got)
	}
}

// A release that was announced long ago and is still ahead is shown.
func TestPublished_AnnouncedLongAgo_StillAhead(t *testing.T) {
	s := newPublicFixture(t)
	id := s.create()
	s.edit(id, func(p *release.Plan) {
		start := s.now.AddDate(0, 0, 200)
		end := start.Add(time.Hour)
		p.ScheduledStart, p.ScheduledEnd = &start, &end
	})
	s.transition(id, release.Approved, release.Scheduled)
	s.now = s.now.AddDate(0, 0, 150)
	if got := s.published(); len(got) != 1 || got[0].ID != id {
		t.Errorf("the public sees %v, want %s", got, id)
	}
}

// On a table without the new index, and while that is being built, the page is read from the index of
// the earlier version.
func TestPublished_WithoutTheNewIndex_IsReadFromTheOldOne(t *testing.T) {
	s := newPublicFixture(t)
	ctx := context.Background()
	const index = "byPublicStart"
	s.recreateWithout(index)
	id := s.create()
	s.transition(id, release.Approved, release.Scheduled)
	if got := s.published(); len(got) != 1 || got[0].ID != id || got[0].Status != release.Scheduled {
		t.Fatalf("without the index the public sees %v", got)
	}
	must(s.client.UpdateTable(ctx, &dynamodb.UpdateTableInput{
		TableName: &s.table,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("publicKey"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("scheduledStart"), AttributeType: types.ScalarAttributeTypeS},
		},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: aws.String(index),
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("publicKey"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("scheduledStart"), KeyType: types.KeyTypeRange},
			},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{
				"name", "version", "status", "scheduledEnd", "publicSummary", "windowVersion", "publicAt", "publicHistory", "actualStart", "actualEnd", "rolledBackAt",
			}},
		}}},
	}))(s)
	looks := 0
	s.waitForIndex(index, func(status types.IndexStatus) bool {
		looks++
		if got := s.published(); len(got) != 1 || got[0].ID != id {
			t.Fatalf("while the index is %s the public sees %v", status, got)
		}
		return status == types.IndexStatusActive
	})
	if got := s.published(); len(got[0].Happened) != 1 {
		t.Errorf("with the index the public is told %v, after %d looks", got[0].Happened, looks)
	}
}

// recreateWithout creates the table again, without an index, as an earlier version had it.
func (s *publicFixture) recreateWithout(index string) {
	s.Helper()
	ctx := context.Background()
	was := must(s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table}))(s).Table
	must(s.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.table}))(s)
	in := &dynamodb.CreateTableInput{TableName: &s.table, KeySchema: was.KeySchema, AttributeDefinitions: was.AttributeDefinitions, BillingMode: types.BillingModePayPerRequest}
	for _, x := range was.GlobalSecondaryIndexes {
		if *x.IndexName != index {
			in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection})
		}
	}
	if len(in.GlobalSecondaryIndexes) != len(was.GlobalSecondaryIndexes)-1 {
		s.Fatalf("there is no index %s", index)
	}
	must(s.client.CreateTable(ctx, in))(s)
}

// waitForIndex looks at the status of an index until done says that it is as it should be.
func (s *publicFixture) waitForIndex(name string, done func(types.IndexStatus) bool) {
	s.Helper()
	var last types.IndexStatus
	for range 200 {
		out := must(s.client.DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: &s.table}))(s)
		var status types.IndexStatus
		for _, x := range out.Table.GlobalSecondaryIndexes {
			if *x.IndexName == name {
				status = x.IndexStatus
			}
		}
		if last = status; done(status) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.Fatalf("the index %s is never as it should be: %v", name, last)
}

// For a release of an earlier version, what the public is told is rebuilt from the release's history,
// and nothing else of the release changes.
func TestKeepForPublic_EarlierVersion_IsMadeGood(t *testing.T) {
	s := newPublicFixture(t)
	ctx := context.Background()
	id := s.create()
	s.transition(id, release.Approved, release.Scheduled)
	announced := s.now
	s.transition(id, release.Cancelled)
	cancelled := s.now
	must(s.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:        &s.table,
		Key:              map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "REL#" + id}, "sk": &types.AttributeValueMemberS{Value: "M"}},
		UpdateExpression: aws.String("REMOVE publicHistory"),
	}))(s)
	before := must(s.Release(ctx, id))(s)
	if got := s.published(); len(got) != 1 || len(got[0].Happened) != 0 {
		t.Fatalf("before that the public is told %v, want the release without a history", got)
	}
	for range 2 {
		if err := s.KeepForPublic(ctx, id); err != nil {
			t.Fatal(err)
		}
		got := s.published()[0]
		a, _ := got.When(release.Scheduled)
		if c, _ := got.When(release.Cancelled); !a.Equal(announced) || !c.Equal(cancelled) {
			t.Errorf("the public is told %v, want %v and %v", got.Happened, announced, cancelled)
		}
	}
	if after := must(s.Release(ctx, id))(s); after.Revision != before.Revision || !after.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("the revision went from %d to %d, updatedAt from %v to %v; want neither changed", before.Revision, after.Revision, before.UpdatedAt, after.UpdatedAt)
	}
	if err := s.KeepForPublic(ctx, "REL-2026-Q2-999"); err != nil {
		t.Errorf("for a release that does not exist: %v, want no error", err)
	}
}

func TestPublished_NeverScheduledOrDeleted_IsForgotten(t *testing.T) {
	s := newPublicFixture(t)
	never, deleted := s.create(), s.create()
	s.transition(never, release.Cancelled)
	s.transition(deleted, release.Approved, release.Scheduled, release.Cancelled)
	if got := s.published(); len(got) != 1 || got[0].ID != deleted || got[0].Status != release.Cancelled {
		t.Fatalf("the public sees %v, want only %s, cancelled", got, deleted)
	}
	if err := s.DeleteRelease(context.Background(), deleted, s.write()); err != nil {
		t.Fatal(err)
	}
	if got := s.published(); len(got) != 0 {
		t.Fatalf("after the deletion the public sees %v", got)
	}
}

// A transition that read the release before an edit hid it must not make it public again.
func TestPublished_EditsAtOnce_AreExact(t *testing.T) {
	s := newPublicFixture(t)
	ctx := context.Background()
	for round := range 12 {
		id := s.create()
		s.transition(id, release.Approved, release.Scheduled)
		hide, w := s.write(), s.write()
		var both sync.WaitGroup
		both.Go(func() {
			_, _ = s.Transition(ctx, id, release.TransitionRequest{To: release.InProgress}, w)
		})
		both.Go(func() {
			_, _ = s.UpdateRelease(ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
				r.Public = false
				r.Revision++
				return r, release.LogEntry{Kind: release.LogEdit}, nil
			}, hide)
		})
		both.Wait()
		r := must(s.Release(ctx, id))(s)
		seen := slices.ContainsFunc(s.published(), func(p release.Published) bool { return p.ID == id })
		if r.Public || r.Status != release.InProgress {
			t.Fatalf("round %d: public %v, %s; want both writes to have happened", round, r.Public, r.Status)
		}
		if seen {
			t.Fatalf("round %d: %s opted out, and the public sees it", round, id)
		}
	}
}

// The page is bounded: it shows running releases first, then the 100 nearest ahead and the 60 latest
// of the past.
func TestPublished_Many_IsBounded(t *testing.T) {
	s := newPublicFixture(t)
	for n := range 120 {
		s.seed(fmt.Sprintf("AHEAD-%03d", n), "other", release.Scheduled, s.now.Add(time.Duration(n)*time.Hour))
		s.seed(fmt.Sprintf("PAST-%03d", n), "other", release.Deployed, s.now.Add(-time.Duration(n+1)*time.Hour))
		s.seed(fmt.Sprintf("OLD-%03d", n), "other", release.Deployed, s.now.AddDate(0, 0, -91))
	}
	s.seed("RUNNING", "running", release.InProgress, s.now.AddDate(-1, 0, 0))
	got := s.published()
	if len(got) != 1+100+60 {
		t.Fatalf("%d releases are read, want 161", len(got))
	}
	for n, id := range map[int]string{0: "RUNNING", 1: "AHEAD-000", 100: "AHEAD-099", 101: "PAST-000", 160: "PAST-059"} {
		if got[n].ID != id {
			t.Errorf("number %d is %s, want %s", n, got[n].ID, id)
		}
	}
}

func (s *publicFixture) seed(id, partition string, status release.Status, start time.Time) {
	text := func(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
	must(s.client.PutItem(context.Background(), &dynamodb.PutItemInput{TableName: &s.table, Item: map[string]types.AttributeValue{
		"pk": text("REL#" + id), "sk": text("M"), "publicKey": text(partition), "status": text(string(status)),
		"scheduledStart": text(release.FormatTime(start)), "scheduledEnd": text(release.FormatTime(start.Add(time.Hour))),
	}}))(s)
}

// The function that serves the public may read only this index, so that what the index does not hold
// cannot leak.
func TestPublished_Index_HoldsNothingElse(t *testing.T) {
	s := newPublicFixture(t)
	out := must(s.client.DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: &s.table}))(s)
	for _, index := range out.Table.GlobalSecondaryIndexes {
		if aws.ToString(index.IndexName) != "byPublicStart" {
			continue
		}
		if index.Projection.ProjectionType != types.ProjectionTypeInclude {
			t.Fatalf("the index projects %s, want named attributes only", index.Projection.ProjectionType)
		}
		allowed := []string{"actualEnd", "actualStart", "name", "publicAt", "publicHistory", "publicSummary", "rolledBackAt", "scheduledEnd", "status", "version", "windowVersion"}
		if got := slices.Sorted(slices.Values(index.Projection.NonKeyAttributes)); !slices.Equal(got, allowed) {
			t.Errorf("the index holds %v, want %v", got, allowed)
		}
		return
	}
	t.Fatal("there is no index byPublicStart")
}
