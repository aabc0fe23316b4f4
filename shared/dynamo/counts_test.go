package dynamo_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// How many requests each call of the store may take at most.
func TestStore_Requests_AreCounted(t *testing.T) {
	l := newHarness(t)
	full := l.release(l.changes("CHG", 100)...)
	for range 30 {
		l.release()
	}
	newest := l.release()
	l.changes("ADD", 100)
	var add []string
	for n := range 100 {
		add = append(add, fmt.Sprintf("ADD-%03d", n))
	}
	task := newTask("T-1", "CHG-000")
	_, err := l.CreateTask(l.ctx, task, l.write())
	l.no(err)
	var count inject.Counter
	s := l.Under(nil, count.Count)
	for _, c := range []struct {
		name string
		most int
		run  func() error
	}{
		{"transition", 2, func() error {
			_, err := s.Transition(l.ctx, full, moveTo(release.Approved), l.write())
			return err
		}},
		{"transition with a key", 2, func() error {
			_, err := s.Transition(l.ctx, full, moveTo(release.Scheduled), l.withKey("key"))
			return err
		}},
		{"release with 100 change requests, log aside", 1, func() error {
			w, err := s.ReleaseWithLinks(l.ctx, full)
			if len(w.Links) != 100 {
				t.Errorf("%d links, want 100", len(w.Links))
			}
			return err
		}},
		{"the same with its log", 2, func() error {
			_, err := s.ReleaseDetail(l.ctx, full)
			return err
		}},
		{"list of 25", 1, func() error {
			page, next, err := s.ListReleases(l.ctx, "", 25, "")
			if len(page) != 25 || next == "" {
				t.Errorf("%d releases on the page, want 25, and a next page", len(page))
			}
			return err
		}},
		{"append to the log", 2, func() error {
			_, err := s.AppendLog(l.ctx, full, "x", "", l.write())
			return err
		}},
		{"hold", 2, func() error {
			_, err := s.PlaceHold(l.ctx, newest, "x", "", l.write())
			return err
		}},
		{"list of 25 with one that is held", 1, func() error {
			page, _, err := s.ListReleases(l.ctx, "", 25, "")
			if !slices.ContainsFunc(page, func(r release.Summary) bool { return r.Held }) {
				t.Error("no release on the page is held, want one")
			}
			return err
		}},
		{"lift a hold", 2, func() error { return s.LiftHold(l.ctx, newest, "u1", l.write()) }},
		{"decide on a linked change request", 3, func() error {
			_, err := s.Decide(l.ctx, "CHG-001", release.DecisionApproved, "", l.write())
			return err
		}},
		{"create a task", 2, func() error {
			_, err := s.CreateTask(l.ctx, newTask("T-2", "CHG-000"), l.write())
			return err
		}},
		{"edit a linked change request that was approved", 3, func() error {
			_, err := s.UpdateChange(l.ctx, "CHG-001", func(c release.Change) (release.Change, error) {
				c.Title += "x"
				return c, nil
			}, l.write())
			return err
		}},
		{"edit a task", 2, func() error {
			_, err := s.UpdateTask(l.ctx, "T-1", func(t release.Task) (release.Task, error) { return t.SetStatus(release.TaskClosed, time.Now()), nil }, l.write())
			return err
		}},
		{"list the tasks of a change request", 2, func() error {
			_, _, err := s.ListTasks(l.ctx, dynamo.TasksBy{Change: "CHG-000"}, "", 25, "")
			return err
		}},
		{"list the tasks of a change request with their badges", 3, func() error {
			_, releases, _, err := s.ListTasksWithReleases(l.ctx, dynamo.TasksBy{Change: "CHG-000"}, "", 25, "")
			if err == nil && releases["CHG-000"].ID != full {
				err = fmt.Errorf("the badge is of %v, want %s", releases, full)
			}
			return err
		}},
		{"list the tasks of a requester with their badges", 3, func() error {
			tasks, releases, _, err := s.ListTasksWithReleases(l.ctx, dynamo.TasksBy{Requester: newTask("", "").RequesterEmail}, "", 25, "")
			if err == nil && (len(tasks) == 0 || releases["CHG-000"].ID != full) {
				err = fmt.Errorf("the badges of %v are of %v, want %s", tasks, releases, full)
			}
			return err
		}},
		{"list the tasks of a configuration item with their badges", 3, func() error {
			tasks, releases, _, err := s.ListTasksWithReleases(l.ctx, dynamo.TasksBy{CI: "CI-1"}, "", 25, "")
			if err == nil && (len(tasks) == 0 || releases["CHG-000"].ID != full) {
				err = fmt.Errorf("the badges of %v are of %v, want %s", tasks, releases, full)
			}
			return err
		}},
		{"add 100", 5, func() error {
			_, err := s.LinkChanges(l.ctx, l.release(), add, nil, l.write())
			return err
		}},
	} {
		count.Take()
		l.no(c.run())
		if got := count.Take(); got.Total() > c.most {
			t.Errorf("%s takes %d requests, the budget is %d: %v", c.name, got.Total(), c.most, got)
		}
	}
}
