package dynamo_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// guard is one guarded write: set creates what it needs, run makes it on a store under faults, and
// happenedOnce checks the result.
type guard struct {
	name string
	set  func(l *harness, n string)
	run  func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error
	// happenedOnce returns "" if the write happened exactly once, otherwise what is there.
	happenedOnce func(l *harness, n string) string
}

// oneRelease creates a release, which releaseOf finds by a name.
func (l *harness) oneRelease(n string, changes ...string) string {
	l.t.Helper()
	id := l.release(changes...)
	l.named.Store(n, id)
	return id
}

func (l *harness) releaseOf(n string) string {
	id, _ := l.named.Load(n)
	return id.(string)
}

var guards = []guard{
	{
		"transition",
		func(l *harness, n string) { l.oneRelease(n) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.Transition(l.ctx, l.releaseOf(n), moveTo(release.Approved), w)
			return err
		},
		func(l *harness, n string) string {
			r, err := l.Release(l.ctx, l.releaseOf(n))
			l.no(err)
			log, err := l.Log(l.ctx, r.ID)
			l.no(err)
			return unless(r.Status == release.Approved && r.Epoch() == 1 && r.Revision == 2 && len(log) == 2, r.Status, r.History, log)
		},
	},
	{
		"create a change request",
		func(*harness, string) {},
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.CreateChange(l.ctx, newChange("C-"+n, release.DecisionPending), w)
			return err
		},
		func(l *harness, n string) string {
			c, err := l.Change(l.ctx, "C-"+n)
			return unless(err == nil && c.Revision == 1, c, err)
		},
	},
	{
		"decide",
		func(l *harness, n string) { l.oneRelease(n, l.changes("D-"+n, 1)...) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.Decide(l.ctx, "D-"+n+"-000", release.DecisionRejected, "", w)
			return err
		},
		func(l *harness, n string) string {
			c, err := l.Change(l.ctx, "D-"+n+"-000")
			l.no(err)
			r, err := l.Release(l.ctx, l.releaseOf(n))
			l.no(err)
			return unless(c.CABDecision == release.DecisionRejected && len(r.Unapproved) == 1 && c.Revision == 3, c, r.Unapproved)
		},
	},
	{
		"edit a change request",
		func(l *harness, n string) { l.changes("E-"+n, 1) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.UpdateChange(l.ctx, "E-"+n+"-000", func(c release.Change) (release.Change, error) {
				c.Title = "x" + c.Title
				return c, nil
			}, w)
			return err
		},
		func(l *harness, n string) string {
			c, err := l.Change(l.ctx, "E-"+n+"-000")
			return unless(err == nil && c.Title == "x" && c.Revision == 2, c, err)
		},
	},
	{
		"create a release",
		func(l *harness, n string) { l.changes("R-"+n, 2) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			r, ids := planOf("R-"+n+"-000", "R-"+n+"-001")
			created, err := s.CreateRelease(l.ctx, r, ids, w)
			if err == nil {
				l.named.Store(n, created.Release.ID)
			}
			return err
		},
		func(l *harness, n string) string {
			c, err := l.Change(l.ctx, "R-"+n+"-001")
			l.no(err)
			r, err := l.Release(l.ctx, c.ReleaseID)
			return unless(err == nil && len(r.ChangeIDs) == 2 && r.Revision == 1, c, r, err)
		},
	},
	{
		"edit a release",
		func(l *harness, n string) { l.oneRelease(n) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.UpdateRelease(l.ctx, l.releaseOf(n), func(r release.Release) (release.Release, release.LogEntry, error) {
				r.Name, r.Revision, r.UpdatedAt = r.Name+"x", r.Revision+1, w.At
				return r, release.EntryBy(release.LogEdit, "the name changed", release.Stamp{}), nil
			}, w)
			return err
		},
		func(l *harness, n string) string {
			r, err := l.ReleaseDetail(l.ctx, l.releaseOf(n))
			return unless(err == nil && r.Release.Name == "Springx" && r.Release.Revision == 2 && len(r.Log) == 2, r, err)
		},
	},
	{
		"add and remove",
		func(l *harness, n string) {
			l.changes("A-"+n, 2)
			l.oneRelease(n, "A-"+n+"-000")
		},
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			result, err := s.LinkChanges(l.ctx, l.releaseOf(n), []string{"A-" + n + "-001"}, []string{"A-" + n + "-000"}, w)
			if err == nil && (len(result.Added) != 1 || len(result.Removed) != 1) {
				return fmt.Errorf("it says %+v", result)
			}
			return err
		},
		func(l *harness, n string) string {
			l.wantLinks(l.releaseOf(n), []string{"A-" + n + "-001"})
			c, err := l.Change(l.ctx, "A-"+n+"-000")
			return unless(err == nil && c.ReleaseID == "", c, err)
		},
	},
	{
		"delete a release",
		func(l *harness, n string) { l.oneRelease(n, l.changes("X-"+n, 1)...) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			return s.DeleteRelease(l.ctx, l.releaseOf(n), w)
		},
		func(l *harness, n string) string {
			c, err := l.Change(l.ctx, "X-"+n+"-000")
			l.no(err)
			l.empty("REL#" + l.releaseOf(n))
			return unless(c.ReleaseID == "", c)
		},
	},
	{
		"append to the log",
		func(l *harness, n string) { l.oneRelease(n) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.AppendLog(l.ctx, l.releaseOf(n), "x", "", w)
			return err
		},
		func(l *harness, n string) string {
			log, err := l.Log(l.ctx, l.releaseOf(n))
			return unless(err == nil && len(log) == 2, log, err)
		},
	},
	{
		"append with a status",
		func(l *harness, n string) { l.oneRelease(n) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.AppendLog(l.ctx, l.releaseOf(n), "x", release.Planned, w)
			return err
		},
		func(l *harness, n string) string {
			log, err := l.Log(l.ctx, l.releaseOf(n))
			return unless(err == nil && len(log) == 2, log, err)
		},
	},
	{
		"hold",
		func(l *harness, n string) { l.oneRelease(n) },
		func(l *harness, s *dynamo.Store, n string, _ dynamo.Write) error {
			_, err := s.PlaceHold(l.ctx, l.releaseOf(n), "stop", "", l.by("otto"))
			return err
		},
		func(l *harness, n string) string { return l.heldOnce(l.releaseOf(n), 2, 2, "otto") },
	},
	{
		"replace a hold",
		func(l *harness, n string) { l.hold(l.oneRelease(n), "otto") },
		func(l *harness, s *dynamo.Store, n string, _ dynamo.Write) error {
			_, err := s.PlaceHold(l.ctx, l.releaseOf(n), "stop", "", l.by("otto"))
			return err
		},
		func(l *harness, n string) string { return l.heldOnce(l.releaseOf(n), 3, 3, "otto") },
	},
	{
		"lift a hold",
		func(l *harness, n string) { l.hold(l.oneRelease(n), "otto") },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			return s.LiftHold(l.ctx, l.releaseOf(n), "otto", w)
		},
		func(l *harness, n string) string { return l.heldOnce(l.releaseOf(n), 3, 3) },
	},
	{
		"create a task",
		func(l *harness, n string) { l.changes("T-"+n, 1) },
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.CreateTask(l.ctx, newTask("T-"+n, "T-"+n+"-000"), w)
			return err
		},
		func(l *harness, n string) string {
			ids, err := l.TaskIDsOfChange(l.ctx, "T-"+n+"-000")
			return unless(err == nil && len(ids) == 1, ids, err)
		},
	},
	{
		"edit a task",
		func(l *harness, n string) {
			_, err := l.CreateTask(l.ctx, newTask("U-"+n, ""), l.write())
			l.no(err)
		},
		func(l *harness, s *dynamo.Store, n string, w dynamo.Write) error {
			_, err := s.UpdateTask(l.ctx, "U-"+n, func(t release.Task) (release.Task, error) {
				t.Title += "x"
				return t, nil
			}, w)
			return err
		},
		func(l *harness, n string) string {
			task, err := l.Task(l.ctx, "U-"+n)
			return unless(err == nil && task.Revision == 2 && task.Title == "A laptopx", task, err)
		},
	},
}

// unless returns "" if something is so, otherwise what was seen.
func unless(ok bool, seen ...any) string {
	if ok {
		return ""
	}
	return fmt.Sprintf("%+v", seen)
}

func isWrite(operation string) bool {
	switch operation {
	case "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems":
		return true
	}
	return false
}

// every runs each guard again and again, and puts a fault at its first write, then at its second,
// and so on, until it has no more writes. The fault comes at those operations that which names,
// instead of the write or after it (at), below the SDK's retries or above them.
func every(t *testing.T, which func(operation string) bool, at func(fault func() error, do func() error) error, above bool, fault func() error, judge func(t *testing.T, l *harness, g guard, n string, err error)) {
	l := newHarness(t)
	for _, g := range guards {
		t.Run(g.name, func(t *testing.T) {
			for hit := 1; ; hit++ {
				n := fmt.Sprintf("%d-%d", l.stamps.Load(), hit)
				g.set(l, n)
				var writes atomic.Int64
				around := func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
					if which(call.Operation) && writes.Add(1) == int64(hit) {
						return at(fault, func() error { return do(ctx) })
					}
					return do(ctx)
				}
				store := l.Under(nil, around)
				if above {
					store = l.Under(around, nil)
				}
				err := g.run(l, store, n, l.write())
				if writes.Load() < int64(hit) {
					return
				}
				judge(t, l, g, n, err)
			}
		})
	}
}

func afterwards(fault func() error, do func() error) error {
	if err := do(); err != nil {
		return err
	}
	return fault()
}

func instead(fault func() error, _ func() error) error { return fault() }

func mustHaveHappenedOnce(t *testing.T, l *harness, g guard, n string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", g.name, err)
		return
	}
	if wrong := g.happenedOnce(l, n); wrong != "" {
		t.Errorf("%s did not happen exactly once: %s", g.name, wrong)
	}
}

// If an answer is lost below the SDK's retries, the SDK repeats the write, which then meets its own
// effect. That is a success and not a conflict, and the write is made once.
func TestStore_AnswerLost_IsNoConflict(t *testing.T) {
	every(t, isWrite, afterwards, false, inject.Lost, mustHaveHappenedOnce)
}

// If an answer is lost above the SDK's retries, the outcome is unknown. The answer says so, and is
// never a refusal. Only a transition finds out: it looks whether it is in the history.
func TestStore_OutcomeUnknown_IsNoRefusal(t *testing.T) {
	every(t, isWrite, afterwards, true, func() error { return errDied }, func(t *testing.T, l *harness, g guard, n string, err error) {
		if g.name == "transition" {
			mustHaveHappenedOnce(t, l, g, n, err)
			return
		}
		if err != nil && !release.IsKind(err, release.KindUnavailable) {
			t.Errorf("%s was carried out, and is answered %v, want success or unavailable", g.name, err)
		}
	})
}

// A write that meets another transaction on the same item is repeated; the SDK does not do that.
func TestStore_TransactionConflict_IsRepeated(t *testing.T) {
	transaction := func(operation string) bool { return operation == "TransactWriteItems" }
	every(t, transaction, instead, false, func() error {
		return &types.TransactionCanceledException{Message: aws.String("injected"), CancellationReasons: []types.CancellationReason{
			{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")},
		}}
	}, mustHaveHappenedOnce)
	single := func(operation string) bool { return isWrite(operation) && !transaction(operation) }
	every(t, single, instead, false, func() error { return inject.Refused("TransactionConflictException") }, mustHaveHappenedOnce)
}

func TestStore_Throttled_IsRepeated(t *testing.T) {
	every(t, isWrite, instead, false, func() error { return inject.Refused("ThrottlingException") }, mustHaveHappenedOnce)
}

// If writes are throttled without end, the answer says so, and nothing was changed.
func TestStore_ThrottledForGood_IsSaid(t *testing.T) {
	l := newHarness(t)
	id := l.release()
	store := l.Under(nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if isWrite(call.Operation) {
			return inject.Refused("ProvisionedThroughputExceededException")
		}
		return do(ctx)
	})
	if _, err := store.Transition(l.ctx, id, moveTo(release.Approved), l.write()); !release.IsKind(err, release.KindThrottled) {
		t.Errorf("got %v, want throttled", err)
	}
	if r, err := l.Release(l.ctx, id); err != nil || r.Status != release.Planned {
		t.Errorf("the release is %s, want planned: %v", r.Status, err)
	}
}
