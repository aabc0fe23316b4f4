package mail_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

func task(n int, who, change string, cis ...string) release.Task {
	return release.Task{
		ID: fmt.Sprintf("T-%06d", n), CreatedAt: now.Add(time.Duration(n) * time.Minute),
		TaskPlan: release.TaskPlan{Title: fmt.Sprintf("Request %d", n), RequesterEmail: who, RequesterName: "", ChangeRequestID: change, CIIDs: cis},
	}
}

// A mail lists the oldest tasks and counts the others, in whatever order they come; its
// address and name are those of the oldest that have one.
func TestPeople_AnyOrder_OldestListedRestCounted(t *testing.T) {
	t.Parallel()
	ground := mail.NewGround([]release.Change{{ID: "C"}, {ID: "D"}}, []string{"C", "D"})
	for seed := range uint64(20) {
		people := mail.NewPeople(ground, nil)
		for _, n := range rand.New(rand.NewPCG(seed, 1)).Perm(50) {
			one := task(n, "Ann@example.com", []string{"C", "D"}[n%2])
			if n == 0 {
				one.RequesterEmail = "ann@EXAMPLE.com"
			}
			if n > 2 {
				one.RequesterName = fmt.Sprint("Ann ", n)
			}
			people.Add(one)
		}
		if len(people.All) != 1 {
			t.Fatalf("%d people", len(people.All))
		}
		for _, ann := range people.All {
			n := planned().Notice(mail.HeadsUp, mail.RecipientState{}, ann.Tasks)
			if len(n.Tasks) != mail.MaxTasks || n.More != 30 || n.Tasks[0].ID != "T-000000" || n.Tasks[19].ID != "T-000019" || n.Tasks[19].Title != "Request 19" {
				t.Errorf("seed %d: %v and %d more", seed, n.Tasks, n.More)
			}
			if ann.Address != "ann@EXAMPLE.com" || ann.Name != "Ann 3" || !slices.Equal(ann.Via, []string{"C", "D"}) {
				t.Errorf("seed %d: %s, %s, via %v", seed, ann.Address, ann.Name, ann.Via)
			}
		}
	}
}

// What is part of it, what was dropped, and what came back, by what each was told.
func TestPeople_DroppedAndBack_ComparedWithWhatTheyWereTold(t *testing.T) {
	t.Parallel()
	ground := mail.NewGround([]release.Change{{ID: "in", ChangePlan: release.ChangePlan{AffectedCIIDs: []string{"shared", "a"}}}, {ID: "out", ChangePlan: release.ChangePlan{AffectedCIIDs: []string{"shared", "b"}}}}, []string{"in"})
	rows := []mail.RecipientState{
		{Recipient: "told@example.com", Address: "told@example.com", Via: []string{"in", "out"}},
		{Recipient: "other@example.com", Address: "other@example.com", Via: []string{"in"}},
		{Recipient: "left@example.com", Address: "left@example.com", Via: []string{"out"}, Left: []string{"in"}},
		{Recipient: "an-older-key", Address: "older@example.com", Via: []string{"out"}},
	}
	for name, c := range map[string]struct {
		task              release.Task
		tasks, lost, back int
	}{
		"linked":                              {task(1, "told@example.com", "in"), 1, 0, 0},
		"on an item of it":                    {task(1, "told@example.com", "", "a"), 1, 0, 0},
		"dropped":                             {task(1, "told@example.com", "out"), 0, 1, 0},
		"dropped with the item":               {task(1, "told@example.com", "", "b"), 0, 1, 0},
		"dropped, and kept by another":        {task(1, "told@example.com", "out", "a"), 1, 0, 0},
		"on an item that both affect":         {task(1, "told@example.com", "", "shared"), 1, 0, 0},
		"dropped, and never told of that one": {task(1, "other@example.com", "out"), 0, 0, 0},
		"dropped, and never told of any":      {task(1, "new@example.com", "out"), 0, 0, 0},
		"told that it was dropped, and back":  {task(1, "left@example.com", "in"), 1, 0, 1},
		"dropped, told under an older key":    {task(1, "older@example.com", "out"), 0, 1, 0},
		"moved elsewhere since":               {task(1, "told@example.com", "elsewhere", "z"), 0, 0, 0},
	} {
		people := mail.NewPeople(ground, rows)
		people.Add(c.task)
		tasks, lost, back := 0, 0, 0
		for _, p := range people.All {
			tasks, lost = tasks+p.Tasks.Count, lost+p.Lost.Count
			if p.Back {
				back++
			}
		}
		if tasks != c.tasks || lost != c.lost || back != c.back {
			t.Errorf("%s: %d part of it, %d lost, %d back; want %d, %d, %d", name, tasks, lost, back, c.tasks, c.lost, c.back)
		}
	}
}

// A task is found at each place that it touches, and counts at one.
func TestGround_TaskAtManyPlaces_CountsOnce(t *testing.T) {
	t.Parallel()
	ground := mail.NewGround([]release.Change{{ID: "C", ChangePlan: release.ChangePlan{AffectedCIIDs: []string{"a", "b"}}}, {ID: "D", ChangePlan: release.ChangePlan{AffectedCIIDs: []string{"b"}}}}, []string{"C", "D"})
	if n := len(ground.Places()); n != 4 {
		t.Errorf("%d places", n)
	}
	for name, c := range map[string]struct {
		task release.Task
		want mail.Place
	}{
		"linked":       {task(1, "a@b.c", "C", "a", "b"), mail.Place{Change: "C"}},
		"on two items": {task(1, "a@b.c", "elsewhere", "z", "b", "a"), mail.Place{CI: "b"}},
		"nowhere":      {task(1, "a@b.c", "elsewhere", "z"), mail.Place{}},
	} {
		if got, found := ground.First(c.task); got != c.want || found != (c.want != mail.Place{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Memory follows people: any number of tasks of one person are as many as twenty.
func TestPeople_ManyTasks_MemoryFollowsPeople(t *testing.T) { //nolint:paralleltest // it measures the heap
	ground := mail.NewGround([]release.Change{{ID: "C"}}, []string{"C"})
	for people, most := range map[int]int64{1: 1 << 20, 30_000: 20 << 20} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		all := mail.NewPeople(ground, nil)
		for n := range 100_000 {
			all.Add(task(n, fmt.Sprintf("person-%06d@example.com", n%people), "C"))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("100,000 tasks of %d people: %d KB", people, used>>10)
		if used > most || len(all.All) != people {
			t.Errorf("%d bytes for %d people; %d people found", used, people, len(all.All))
		}
		runtime.KeepAlive(all)
	}
}
