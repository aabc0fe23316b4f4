package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

// parallelism is how many requests one run has under way at once.
const parallelism = 16

// person is a requester with the tasks that concern them.
type person struct {
	key     string // release.AddressKey
	address string // as their oldest task spells it
	name    string
	tasks   []release.Task
	via     []string            // change requests that touch them, sorted
	because map[string][]string // the same by task
}

// reach finds who is touched by change requests: requesters with an open task that is
// linked to one of them or on a configuration item that one of them affects. One
// person is one address, by its key.
func (p *Planner) reach(ctx context.Context, changeIDs []string) (map[string]*person, error) {
	people := map[string]*person{}
	if len(changeIDs) == 0 {
		return people, nil
	}
	changes, err := p.store.ChangesByID(ctx, changeIDs)
	if err != nil {
		return nil, err
	}
	// Where to look, and because of which change requests.
	type place struct{ change, ci string }
	because := map[place][]string{}
	for _, c := range changes {
		because[place{change: c.ID}] = []string{c.ID}
		for _, ci := range c.AffectedCIIDs {
			because[place{ci: ci}] = append(because[place{ci: ci}], c.ID)
		}
	}
	var mu sync.Mutex
	via := map[string][]string{} // by task
	err = parallel(ctx, keys(because), func(ctx context.Context, at place) error {
		find := func() ([]string, error) { return p.store.TaskIDsOfChange(ctx, at.change) }
		if at.ci != "" {
			find = func() ([]string, error) { return p.store.TaskIDsOfCI(ctx, at.ci) }
		}
		ids, err := find()
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			via[id] = append(via[id], because[at]...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = p.tasks(ctx, keys(via), func(t release.Task) {
		if t.Status.IsOpen() {
			add(people, t, via[t.ID]...)
		}
	})
	for _, someone := range people {
		someone.finish()
	}
	return people, err
}

// tasks reads tasks, a batch of them at a time and batches side by side, and hands
// over one after the other.
func (p *Planner) tasks(ctx context.Context, ids []string, each func(release.Task)) error {
	var mu sync.Mutex
	return parallel(ctx, slices.Collect(slices.Chunk(ids, 100)), func(ctx context.Context, ids []string) error {
		tasks, err := p.store.TasksByID(ctx, ids)
		mu.Lock()
		defer mu.Unlock()
		for _, t := range tasks {
			each(t)
		}
		return err
	})
}

func add(people map[string]*person, t release.Task, via ...string) {
	key := release.AddressKey(t.RequesterEmail)
	someone := people[key]
	if someone == nil {
		someone = &person{key: key, because: map[string][]string{}}
		people[key] = someone
	}
	t.Comments = nil // they are the bulk of a task, and nobody reads them here
	someone.tasks = append(someone.tasks, t)
	someone.via = append(someone.via, via...)
	someone.because[t.ID] = via
}

// touchedBy returns the person's tasks that one of the change requests touches.
func (p *person) touchedBy(changeIDs []string) []release.Task {
	var touched []release.Task
	for _, t := range p.tasks {
		if len(stillIn(p.because[t.ID], changeIDs)) > 0 {
			touched = append(touched, t)
		}
	}
	return touched
}

// finish brings what was gathered in any order into the one order.
func (p *person) finish() {
	slices.SortFunc(p.tasks, func(a, b release.Task) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	p.address, p.name = p.tasks[0].RequesterEmail, ""
	for _, t := range p.tasks {
		if p.name = t.RequesterName; p.name != "" {
			break
		}
	}
	slices.Sort(p.via)
	p.via = slices.Compact(p.via)
}

// listed is what a mail lists of tasks, and how many there are beyond.
func listed(tasks []release.Task) ([]mail.Task, int) {
	shown := []mail.Task{}
	for _, t := range tasks[:min(mail.MaxTasks, len(tasks))] {
		shown = append(shown, mail.Task{ID: t.ID, Title: t.Title})
	}
	return shown, len(tasks) - len(shown)
}

// without returns the tasks that are not among the others.
func without(tasks, others []release.Task) []release.Task {
	var left []release.Task
	for _, t := range tasks {
		if !slices.ContainsFunc(others, func(o release.Task) bool { return o.ID == t.ID }) {
			left = append(left, t)
		}
	}
	return left
}

func keys[K comparable, V any](m map[K]V) []K {
	all := make([]K, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	return all
}

// parallel does something with each of all, a bounded number at once, and returns the
// error of the first that failed.
func parallel[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	_, err := stream.Each(ctx, len(all), parallelism, func(n int) error { return do(ctx, all[n]) })
	return err
}
