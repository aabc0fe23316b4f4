package dynamo_test

import (
	"testing"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/crowd"
	"example.com/releases/shared/testkit/inject"
)

// Readiness reads at most 10,000 tasks, so that its cost is bounded, and says so where there are
// more.
func TestCountReached_ManyTasks_CountsSoManyAndSaysSo(t *testing.T) {
	t.Parallel()
	l := newHarness(t)
	_, err := l.CreateTask(l.ctx, newTask("like", ""), l.write())
	l.no(err)
	changes := []string{"CHG-1", "CHG-2", "CHG-3"}
	for tasks, want := range map[int]release.Touched{
		0:       {ChangeRequests: 3},
		9_000:   {ChangeRequests: 3, Tasks: 9_000, People: 3_000},
		10_000:  {ChangeRequests: 3, Tasks: 10_000, People: 3_000},
		10_001:  {ChangeRequests: 3, Tasks: 10_000, People: 3_000, AtLeast: true},
		600_000: {ChangeRequests: 3, Tasks: 10_000, People: 1_000, AtLeast: true}, // those read are all of one change request
	} {
		var count inject.Counter
		c := crowd.Crowd{Tasks: tasks, People: 3_000, Changes: changes, Table: l.Tables.Tasks, Like: l.raw(l.Tables.Tasks, "TASK#like", "M")}
		got, err := l.Open(inject.Option(count.Count, nil), c.Option).CountReached(l.ctx, changes)
		if err != nil || got.ChangeRequests != want.ChangeRequests || got.Tasks != want.Tasks || got.People != want.People || got.AtLeast != want.AtLeast {
			t.Errorf("%d tasks: %+v %v, want %+v", tasks, got, err, want)
		}
		if n := count.Take(); n.Total() > 150 {
			t.Errorf("%d tasks: it made %v, want at most 150 requests", tasks, n)
		}
	}
}
