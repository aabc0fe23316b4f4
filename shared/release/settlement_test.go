package release

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func asError(err error, e **Error) bool { return errors.As(err, e) }

func deployed(id string, epoch int) Settlement {
	return Settlement{ReleaseID: id, Epoch: epoch, Kind: Deployed, At: now}
}

func rolledBack(id string, epoch int) Settlement {
	return Settlement{ReleaseID: id, Epoch: epoch, Kind: RolledBack, At: now.Add(time.Hour), Reason: "the cache melted"}
}

func TestCommentText_EachKind_IsTheContracts(t *testing.T) {
	if got, want := CommentText(deployed("REL-2026-Q2-001", 4)), "Resolved as part of release REL-2026-Q2-001, deployed 2026-06-30T22:00:00Z"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := CommentText(rolledBack("REL-2026-Q2-001", 5)), "Rollback: the cache melted"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTaskFollow_EachSettlement_ChangesTheStatus(t *testing.T) {
	const r = "REL-2026-Q2-001"
	up, down := deployed(r, 4), rolledBack(r, 5)
	for _, c := range []struct {
		name     string
		start    TaskStatus
		between  func(Task) Task
		deployed TaskStatus
		end      TaskStatus
		reopens  int
	}{
		{"open", TaskOpen, nil, TaskResolved, TaskOpen, 1},
		{"in progress", TaskInProgress, nil, TaskResolved, TaskOpen, 1},
		{"on hold", TaskOnHold, nil, TaskResolved, TaskOpen, 1},
		{"closed before stays closed", TaskClosed, nil, TaskClosed, TaskClosed, 0},
		{"cancelled before stays cancelled", TaskCancelled, nil, TaskCancelled, TaskCancelled, 0},
		{"resolved by a person before stays resolved", TaskResolved, nil, TaskResolved, TaskResolved, 0},
		{"closed since is reopened", TaskOpen, func(t Task) Task { return t.SetStatus(TaskClosed, now) }, TaskResolved, TaskOpen, 1},
		{"cancelled since stays cancelled", TaskOpen, func(t Task) Task { return t.SetStatus(TaskCancelled, now) }, TaskResolved, TaskCancelled, 0},
		{"reopened by a person and resolved again is theirs", TaskOpen, func(t Task) Task {
			return t.SetStatus(TaskInProgress, now).SetStatus(TaskResolved, now)
		}, TaskResolved, TaskResolved, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := Task{ID: "T", TaskPlan: TaskPlan{Status: c.start}, Revision: 1}
			after, moved := task.Follow([]Settlement{up})
			if !moved || after.Status != c.deployed || len(after.Comments) != 1 || after.AppliedEpoch != 1 {
				t.Fatalf("deployed: %v %s %+v", moved, after.Status, after.Comments)
			}
			if repeated, moved := after.Follow([]Settlement{up}); moved || repeated.Revision != after.Revision {
				t.Error("the same settlement was applied twice")
			}
			if c.between != nil {
				after = c.between(after)
			}
			end, moved := after.Follow([]Settlement{up, down})
			if !moved || end.Status != c.end || end.ReopenCount != c.reopens {
				t.Errorf("rolled back: %v %s, reopened %d times", moved, end.Status, end.ReopenCount)
			}
			if len(end.Comments) != 2 || end.Comments[0].Text != CommentText(up) || end.Comments[1].Text != CommentText(down) {
				t.Errorf("comments %+v", end.Comments)
			}
			if len(task.Comments) != 0 || len(after.Comments) != 1 {
				t.Error("following changed the task it began with")
			}
			if c.between == nil {
				if together, _ := task.Follow([]Settlement{up, down}); together.Status != end.Status || len(together.Comments) != 2 || together.ReopenCount != end.ReopenCount {
					t.Errorf("both at once end differently: %+v", together)
				}
			}
		})
	}
}

func TestTaskFollow_OtherRelease_DoesNotReopen(t *testing.T) {
	task := Task{ID: "T", TaskPlan: TaskPlan{Status: TaskOpen}}
	task, _ = task.Follow([]Settlement{deployed("REL-2026-Q2-001", 4)})
	task, _ = task.Follow([]Settlement{deployed("REL-2026-Q2-001", 4), rolledBack("REL-2026-Q2-002", 3)})
	if task.Status != TaskResolved || len(task.Comments) != 2 {
		t.Errorf("%s %+v", task.Status, task.Comments)
	}
}

// A task that moved from one change request of a release to another meets the same
// settlement in both histories, and follows it once.
func TestTaskFollow_SameSettlementTwice_OneComment(t *testing.T) {
	task := Task{ID: "T", TaskPlan: TaskPlan{Status: TaskOpen}}
	settled := deployed("REL-2026-Q2-001", 4)
	task, _ = task.Follow([]Settlement{settled})
	task.AppliedEpoch = 0 // of the other change request, which has not followed yet
	task, moved := task.Follow([]Settlement{settled})
	if !moved || len(task.Comments) != 1 || task.Status != TaskResolved || task.AppliedEpoch != 1 {
		t.Errorf("%v %s %+v at epoch %d", moved, task.Status, task.Comments, task.AppliedEpoch)
	}
}

func TestChangeFollow_EachSettlement_FreesOrResolves(t *testing.T) {
	const r = "REL-2026-Q2-001"
	c := Change{ID: "C", Status: ChangeOpen, ReleaseID: r, ReleaseEpoch: 2, CABDecision: DecisionApproved, ApprovalStatus: ApprovalApproved}
	up, down := deployed(r, 4), rolledBack(r, 5)

	after, moved := c.Follow(r, []Settlement{up})
	if !moved || after.Status != ChangeResolved || after.ReleaseID != r || after.Epoch() != 1 {
		t.Fatalf("deployed: %+v", after)
	}
	if _, moved := after.Follow(r, []Settlement{up}); moved {
		t.Error("applied twice")
	}
	end, _ := after.Follow(r, []Settlement{up, down})
	if end.Status != ChangeOpen || end.ReleaseID != "" || end.BadgeReleaseID() != r || end.Epoch() != 2 || !end.CABApproved() {
		t.Errorf("rolled back: %+v", end)
	}
	both, _ := c.Follow(r, []Settlement{up, down})
	if both.Status != end.Status || both.Epoch() != 2 || both.ReleaseID != "" {
		t.Errorf("both at once end differently: %+v", both)
	}
	if _, moved := c.Follow("REL-2026-Q2-009", []Settlement{up}); moved {
		t.Error("followed a release that does not hold it")
	}
	free, moved := c.Follow(r, []Settlement{{ReleaseID: r, Epoch: 3, Kind: Cancelled, At: now}})
	if !moved || free.ReleaseID != "" || free.Epoch() != 0 || free.Status != ChangeOpen || !free.CABApproved() {
		t.Errorf("cancelled: %+v", free)
	}
	older := c
	older.ReleaseEpoch = 4
	if _, moved := older.Follow(r, []Settlement{up}); moved {
		t.Error("a settlement older than the link was applied")
	}
}

func TestReadiness_EachCondition_IsJudged(t *testing.T) {
	r := complete(Planned)
	r.Unapproved = []string{"CHG-2"}
	got := r.CheckReadiness(nil, now.Add(-time.Hour), nil, 0)
	if len(got.Next) != 2 || got.Next[0].Status != Approved || got.Next[0].Ready || !slices.Equal(got.Next[0].Conditions[1].ChangeRequests, []string{"CHG-2"}) {
		t.Errorf("next %+v", got.Next)
	}
	if !got.Next[1].Ready {
		t.Error("cancelling demands nothing")
	}
	r = complete(InProgress)
	r.Status = InProgress
	got = r.CheckReadiness(nil, now, &Touched{ChangeRequests: 2, Tasks: 5, People: 3}, 0)
	for _, next := range got.Next {
		if asks := next.Status == RolledBack; asks != slices.Equal(next.Asks, []string{"rollback_reason"}) {
			t.Errorf("%s asks %v", next.Status, next.Asks)
		}
		if touches := next.Status != Cancelled; touches != (next.Touches != nil) {
			t.Errorf("%s touches %v", next.Status, next.Touches)
		}
	}
}
