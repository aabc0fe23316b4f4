package plan

import (
	"context"
	"slices"
	"sync"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

// parallelism is how many requests one run has under way at once.
const parallelism = 16

// reach finds who is touched by change requests: requesters with an open task that is
// linked to one of them or on a configuration item that one of them affects. One
// person is one address, by its key.
func (p *Planner) reach(ctx context.Context, changeIDs []string) (mail.People, error) {
	people := mail.People{}
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
			people.Add(t, via[t.ID]...)
		}
	})
	people.Finish()
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
