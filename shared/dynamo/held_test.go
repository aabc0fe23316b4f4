package dynamo_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// Guards are tested without a race: a write is held up, after its caller has read and before it is
// sent, until something else has happened.

// heldUp returns a store on the same tables whose first request of a kind is held up until
// something else has happened. What was read before it is out of date by then.
func (l *harness) heldUp(operation string, meanwhile func()) *dynamo.Store {
	return l.heldUpAt(operation, func(n int64) {
		if n == 1 {
			meanwhile()
		}
	})
}

// heldUpAt is heldUp for every request of a kind, which are numbered from 1.
func (l *harness) heldUpAt(operation string, meanwhile func(n int64)) *dynamo.Store {
	var seen atomic.Int64
	return l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if call.Operation == operation {
			meanwhile(seen.Add(1))
		}
		return do(ctx)
	}, nil)
}

// appended adds a note, which moves the log's counter that a transition writes as well.
func (l *harness) appended(id string) {
	l.t.Helper()
	_, err := l.AppendLog(l.ctx, id, "in between", "", l.write())
	l.no(err)
}

// removeNotes takes the notes out of a release's log, as trimming does.
func (l *harness) removeNotes(id string) {
	l.t.Helper()
	for _, i := range l.scan(l.Tables.Releases) {
		if textOf(i["pk"]) == "LOG#"+id && textOf(i["what"]) == "note" {
			_, err := l.Client.DeleteItem(l.ctx, &dynamodb.DeleteItemInput{TableName: &l.Tables.Releases, Key: attributes{"pk": i["pk"], "sk": i["sk"]}})
			l.no(err)
		}
	}
}

// beginDeleting begins a deletion that dies once the release is marked for it.
func (l *harness) beginDeleting(id string) {
	l.t.Helper()
	if err := l.Under(nil, dyingAfter("TransactWriteItems", 1)).DeleteRelease(l.ctx, id, l.write()); err == nil {
		l.t.Errorf("the deletion of %s did not die", id)
	}
}

// renameRelease edits a release as update-release does.
func (l *harness) renameRelease(id, name string) {
	l.t.Helper()
	l.no(l.editRelease(l.Store, id, l.write(), func(r *release.Release) { r.Name = name }))
}

func (l *harness) editRelease(s *dynamo.Store, id string, w dynamo.Write, edit func(*release.Release)) error {
	_, err := s.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
		edit(&r)
		r.Revision, r.UpdatedAt = r.Revision+1, w.At
		return r, release.LogEntry{Kind: release.LogEdit}, nil
	}, w)
	return err
}

// retitle edits a change request as update-change does.
func (l *harness) retitle(id, title string) {
	l.t.Helper()
	_, err := l.UpdateChange(l.ctx, id, func(c release.Change) (release.Change, error) {
		c.ControlTitle = title
		return c, nil
	}, l.write())
	l.no(err)
}

func (l *harness) link(id string, add, remove []string) {
	l.t.Helper()
	_, err := l.LinkChanges(l.ctx, id, add, remove, l.write())
	l.no(err)
}

func (l *harness) decide(change string, d release.CABDecision) {
	l.t.Helper()
	_, err := l.Decide(l.ctx, change, d, "", l.write())
	l.no(err)
}

// stored returns an attribute of a release's item; "" if it has none.
func (l *harness) stored(id, attribute string) string {
	l.t.Helper()
	switch v := l.raw(l.Tables.Releases, "REL#"+id, "M")[attribute].(type) {
	case nil:
		return ""
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	default:
		return fmt.Sprintf("%T", v)
	}
}

// halfCreated begins the creation of a release with so many change requests that they make two
// chunks, and dies after the first. It returns the release and the one change request that is not
// linked yet.
func (l *harness) halfCreated(prefix string) (id, missing string) {
	l.t.Helper()
	ids := l.changes(prefix, 46)
	r, _ := planOf()
	if _, err := l.Under(nil, dyingAfter("TransactWriteItems", 1)).CreateRelease(l.ctx, r, ids, l.write()); err == nil {
		l.t.Fatal("the creation did not die")
	}
	c, err := l.Change(l.ctx, ids[0])
	l.no(err)
	return c.ReleaseID, ids[45]
}

// A write that is held up while nothing happens succeeds. Otherwise the tests in which something
// does happen would show nothing.
func TestHeldUp_NothingInBetween_Succeeds(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 1)...)
	held := 0
	_, err := l.heldUp("TransactWriteItems", func() { held++ }).Transition(l.ctx, id, moveTo(release.Approved), l.write())
	l.no(err)
	if held != 1 {
		t.Errorf("the write was held up %d times, want once", held)
	}
}
