package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// onlyRelease returns the id of the one release that exists, whatever state it is in.
func (l *harness) onlyRelease() string {
	l.t.Helper()
	page, _, err := l.ListReleases(l.ctx, "", 10, "")
	l.no(err)
	if len(page) != 1 {
		l.t.Fatalf("%d releases, want one", len(page))
	}
	return page[0].ID
}

// wantLinks checks that a release has exactly these change requests, by its own item, by its links
// and by the change requests, and that its guard and its count are right.
func (l *harness) wantLinks(id string, want []string) {
	l.t.Helper()
	now, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	var links, pending []string
	for _, link := range now.Links {
		links = append(links, link.ID)
		if !link.CABApproved() {
			pending = append(pending, link.ID)
		}
	}
	slices.Sort(links)
	if !slices.Equal(links, want) || !slices.Equal(now.Release.ChangeIDs, want) || !slices.Equal(now.Release.Unapproved, pending) {
		l.t.Errorf("%s: %d links, %d ids, %d in the guard; want %d, %d, %d", id,
			len(links), len(now.Release.ChangeIDs), len(now.Release.Unapproved), len(want), len(want), len(pending))
	}
	count, _ := l.raw(l.Tables.Releases, "REL#"+id, "M")["changeCount"].(*types.AttributeValueMemberN)
	if count == nil || count.Value != fmt.Sprint(len(want)) {
		l.t.Errorf("%s counts %v change requests, want %d", id, count, len(want))
	}
	all, err := l.ChangesByID(l.ctx, want)
	l.no(err)
	for _, c := range all {
		if c.ReleaseID != id {
			l.t.Errorf("%s is linked to %q, want %s", c.ID, c.ReleaseID, id)
		}
	}
}

// wantAllRefused checks that operations refuse a release whose creation or deletion is not complete.
func (l *harness) wantAllRefused(id string, kind release.ErrorKind, change string) {
	l.t.Helper()
	_, transition := l.Transition(l.ctx, id, moveTo(release.Approved), l.write())
	_, link := l.LinkChanges(l.ctx, id, nil, []string{change}, l.write())
	_, patch := l.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
		r.Name, r.Revision = "other", r.Revision+1
		return r, release.LogEntry{Kind: release.LogEdit}, nil
	}, l.write())
	for name, err := range map[string]error{"transition": transition, "remove": link, "patch": patch} {
		if !release.IsKind(err, kind) {
			l.t.Errorf("%s of %s, which is not complete: %v, want it refused", name, id, err)
		}
	}
}

func TestCreateRelease_HundredChangeRequests_AllAreLinked(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 100)
	pending, err := l.CreateChange(l.ctx, newChange("CHG-pending", release.DecisionPending), l.write())
	l.no(err)
	ids[77] = pending.ID
	slices.Sort(ids)
	id := l.release(ids...)
	l.wantLinks(id, ids)
	l.no(l.NeedingAttention(l.ctx, time.Now().Add(time.Hour), 10, func(left []dynamo.Unfinished) bool {
		if len(left) != 0 {
			t.Errorf("%v need attention, want none", left)
		}
		return true
	}))
	if _, err := l.LinkChanges(l.ctx, id, []string{"CHG-077"}, nil, l.write()); !release.HasCode(err, "too-many-changes") {
		t.Errorf("linking the 101st is answered %v, want too-many-changes", err)
	}
}

// Wherever between its chunks a creation dies, every other operation refuses the release, and
// resuming the creation completes it.
func TestCreateRelease_DiesBetweenChunks_IsCompleted(t *testing.T) {
	for died := 1; died <= 2; died++ {
		t.Run(fmt.Sprintf("after chunk %d", died), func(t *testing.T) {
			l := newHarness(t)
			ids := l.changes("CHG", 100)
			r, _ := planOf()
			if _, err := l.Under(nil, dyingAfter("TransactWriteItems", died)).CreateRelease(l.ctx, r, ids, l.write()); err == nil {
				t.Fatal("it did not die")
			}
			id := l.onlyRelease()
			l.wantAllRefused(id, release.KindConflict, ids[0])
			if err := l.DeleteRelease(l.ctx, id, l.write()); !release.IsKind(err, release.KindConflict) {
				t.Errorf("the deletion of a half-created release is answered %v, want a conflict", err)
			}
			if _, err := l.Decide(l.ctx, ids[0], release.DecisionRejected, "", l.write()); !release.HasCode(err, "linking") {
				t.Errorf("a decision while the release is half-created is answered %v, want linking", err)
			}
			_, err := l.FinishCreation(l.ctx, id, l.write().Stamp)
			l.no(err)
			l.wantLinks(id, ids)
			l.transition(id, release.Approved)
		})
	}
}

// If another release takes one of the change requests meanwhile, the creation is undone altogether.
func TestCreateRelease_CannotBeFinished_IsUndone(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 60)
	other := l.release()
	first := true
	store := l.Under(nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		err := do(ctx)
		if in, ok := call.Input.(*dynamodb.TransactWriteItemsInput); ok && first && len(in.TransactItems) > 10 {
			first = false
			_, taken := l.LinkChanges(l.ctx, other, []string{"CHG-059"}, nil, l.write())
			l.no(taken)
		}
		return err
	})
	r, _ := planOf()
	_, err := store.CreateRelease(l.ctx, r, ids, l.write())
	if !release.HasCode(err, "not-linkable") {
		t.Fatalf("got %v, want it refused for CHG-059", err)
	}
	if id := l.onlyRelease(); id != other {
		t.Errorf("the release %s is left, want only %s", id, other)
	}
	all, err := l.ChangesByID(l.ctx, ids[:59])
	l.no(err)
	for _, c := range all {
		if c.ReleaseID != "" {
			t.Errorf("%s is still linked to %s", c.ID, c.ReleaseID)
		}
	}
	l.wantLinks(other, []string{"CHG-059"})
}

func TestDeleteRelease_DiesBetweenChunks_IsCompleted(t *testing.T) {
	for died := 1; died <= 3; died++ {
		t.Run(fmt.Sprintf("after write %d", died), func(t *testing.T) {
			l := newHarness(t)
			ids := l.changes("CHG", 60)
			id := l.release(ids...)
			for range 3 {
				_, err := l.AppendLog(l.ctx, id, "x", "", l.write())
				l.no(err)
			}
			if err := l.Under(nil, dyingAfter("TransactWriteItems", died)).DeleteRelease(l.ctx, id, l.write()); err == nil {
				t.Fatal("it did not die")
			}
			l.wantAllRefused(id, release.KindNotFound, ids[0])
			if _, err := l.ReleaseDetail(l.ctx, id); !release.IsKind(err, release.KindNotFound) {
				t.Errorf("reading it is answered %v, want not found", err)
			}
			if _, err := l.AppendLog(l.ctx, id, "x", "", l.write()); !release.IsKind(err, release.KindNotFound) {
				t.Errorf("a note in its log is answered %v, want not found", err)
			}
			if page, _, err := l.ListReleases(l.ctx, "", 10, ""); err != nil || len(page) != 0 {
				t.Errorf("it is listed: %v, %v", page, err)
			}
			l.no(l.DeleteRelease(l.ctx, id, l.write())) // repeating continues
			all, err := l.ChangesByID(l.ctx, ids)
			l.no(err)
			for _, c := range all {
				if c.ReleaseID != "" || !c.CABApproved() {
					t.Errorf("%s is linked to %q and %s, want it free and approved", c.ID, c.ReleaseID, c.ApprovalStatus)
				}
			}
			l.empty("REL#" + id)
			l.logOfDeleted(id)
			if err := l.DeleteRelease(l.ctx, id, l.write()); !release.IsKind(err, release.KindNotFound) {
				t.Errorf("deleting it again is answered %v, want not found", err)
			}
		})
	}
}

// empty checks that nothing is left in a partition of the Releases table.
func (l *harness) empty(pk string) {
	l.t.Helper()
	if left := l.count(l.Tables.Releases, pk); left > 0 {
		l.t.Errorf("%d items are left under %s", left, pk)
	}
}

// count returns how many items a partition has.
func (l *harness) count(table, pk string) int {
	l.t.Helper()
	out, err := l.Client.Query(l.ctx, &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :p"), ConsistentRead: aws.Bool(true),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: pk}},
	})
	l.no(err)
	return len(out.Items)
}

// between returns a store that lets something happen right before its first transaction with more
// than so many actions, that is, between its reads and its writes.
func (l *harness) between(actions int, happens func()) *dynamo.Store {
	var once sync.Once
	return l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if in, ok := call.Input.(*dynamodb.TransactWriteItemsInput); ok && len(in.TransactItems) > actions {
			once.Do(happens)
		}
		return do(ctx)
	}, nil)
}

// Two additions at once do not bring a release above a hundred change requests.
func TestLinkChanges_TwoAtOnce_DoNotExceedAHundred(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 120)
	id := l.release(ids[:40]...)
	store := l.between(10, func() {
		_, err := l.LinkChanges(l.ctx, id, ids[40:80], nil, l.write())
		l.no(err)
	})
	if _, err := store.LinkChanges(l.ctx, id, ids[80:], nil, l.write()); !release.HasCode(err, "too-many-changes") {
		t.Errorf("got %v, want too-many-changes", err)
	}
	l.wantLinks(id, ids[:80])
}

// Going on with a creation links nothing to a release that is being deleted: the change requests
// would stay linked to a release that is gone.
func TestLinkChanges_BeingDeleted_Refused(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 60)
	r, _ := planOf()
	if _, err := l.Under(nil, dyingAfter("TransactWriteItems", 1)).CreateRelease(l.ctx, r, ids, l.write()); err == nil {
		t.Fatal("it did not die")
	}
	id := l.onlyRelease()
	// The deletion has freed what was linked and is about to remove the release, when the
	// creation links more.
	freed, linked := make(chan struct{}), make(chan struct{})
	deleting := l.Under(nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if call.Operation == "DeleteItem" {
			close(freed)
			<-linked
		}
		return do(ctx)
	})
	var deletion sync.WaitGroup
	store := l.between(10, func() {
		_, err := l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
			TableName: &l.Tables.Releases, UpdateExpression: aws.String("SET deleting = :yes"),
			Key:                       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "REL#" + id}, "sk": &types.AttributeValueMemberS{Value: "M"}},
			ExpressionAttributeValues: map[string]types.AttributeValue{":yes": &types.AttributeValueMemberBOOL{Value: true}},
		})
		l.no(err)
		w := l.write()
		deletion.Go(func() { l.no(deleting.ResumeDeleting(l.ctx, id, w.Stamp)) })
		<-freed
	})
	if _, err := store.FinishCreation(l.ctx, id, l.write().Stamp); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	close(linked)
	deletion.Wait()
	all, err := l.ChangesByID(l.ctx, ids)
	l.no(err)
	for _, c := range all {
		if c.ReleaseID != "" {
			t.Errorf("%s is linked to %s, which is gone", c.ID, c.ReleaseID)
		}
	}
}

// Adding a hundred change requests takes several chunks. If it dies between two, the release has
// some of them and is usable; repeating adds the rest, and repeating once more writes nothing.
func TestLinkChanges_DiesBetweenChunks_IsRepeatable(t *testing.T) {
	for died := 1; died <= 3; died++ {
		t.Run(fmt.Sprintf("after chunk %d", died), func(t *testing.T) {
			l := newHarness(t)
			ids := l.changes("CHG", 100)
			id := l.release()
			if _, err := l.Under(nil, dyingAfter("TransactWriteItems", died)).LinkChanges(l.ctx, id, ids, nil, l.write()); err == nil {
				t.Fatal("it did not die")
			}
			l.wantLinks(id, ids[:min(100, died*45)])
			var count inject.Counter
			store := l.Under(nil, count.Count)
			repeated, err := store.LinkChanges(l.ctx, id, ids, nil, l.write())
			if err != nil || len(repeated.Added) != 100-min(100, died*45) || len(repeated.Added)+len(repeated.Unchanged) != 100 {
				t.Fatalf("repeated: %d added, %d unchanged, %v", len(repeated.Added), len(repeated.Unchanged), err)
			}
			l.wantLinks(id, ids)
			count.Take()
			if repeated, err = store.LinkChanges(l.ctx, id, ids, nil, l.write()); err != nil || len(repeated.Unchanged) != 100 {
				t.Errorf("repeated again: %d unchanged, want 100: %v", len(repeated.Unchanged), err)
			}
			if c := count.Take(); c.Writes() != 0 || c.Total() > 2 {
				t.Errorf("repeated again: %v; want at most two reads", c)
			}
			removed, err := l.LinkChanges(l.ctx, id, nil, ids, l.write())
			if err != nil || len(removed.Removed) != 100 {
				t.Errorf("removed %d, want 100: %v", len(removed.Removed), err)
			}
			l.wantLinks(id, nil)
		})
	}
}

// All ids are checked before the first write, and the answer names those that are refused.
func TestLinkChanges_OneRefused_NoneIsLinked(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 50)
	held := l.release(ids[49])
	id := l.release()
	var count inject.Counter
	_, err := l.Under(nil, count.Count).LinkChanges(l.ctx, id, append(ids, "CHG-none"), nil, l.write())
	var e *release.Error
	if !errors.As(err, &e) || len(e.Fields) != 2 || e.Fields[0].ID != ids[49] || e.Fields[0].Code != "linked-elsewhere" || e.Fields[1].Code != "not-found" {
		t.Fatalf("got %v, want CHG-049 linked elsewhere and CHG-none not found", err)
	}
	if c := count.Take(); c.Writes() != 0 {
		t.Errorf("it made %v, want no writes", c)
	}
	l.wantLinks(id, nil)
	l.wantLinks(held, ids[49:])
}

// A change request of a release that has ended cannot be linked until the settlement has reached it,
// and the refusal says so.
func TestLinkChanges_NotSettledYet_Refused(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 1)
	l.transition(l.release(ids...), release.Cancelled)
	_, err := l.LinkChanges(l.ctx, l.release(), ids, nil, l.write())
	var e *release.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Code != "settling" {
		t.Errorf("got %v, want it refused as settling", err)
	}
}
