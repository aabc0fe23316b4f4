package plan

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

// parallelism is how many requests one run makes at once.
const parallelism = 16

// reached finds the people whom change requests affect: requesters with an open task that
// is linked to one of them or on a configuration item that one of them affects; and of
// those who were told, whom the dropped ones affected. Its memory grows with people, not
// with tasks.
func (p *Planner) reached(ctx context.Context, linked, dropped []string, rows []mail.RecipientState) (map[string]*mail.Person, error) {
	changes, err := p.store.ChangesByID(ctx, slices.Concat(linked, dropped))
	if err != nil {
		return nil, err
	}
	ground := mail.NewGround(changes, linked)
	people := mail.NewPeople(ground, rows)
	err = p.eachTask(ctx, ground.Places(), func(t release.Task, found []mail.Place) {
		if first, touched := ground.First(t); touched && t.Status.IsOpen() && slices.Contains(found, first) {
			people.Add(t) // at whichever other place it is found, too, it counts here only
		}
	})
	return people.All, err
}

// tasksAtOnce is how many tasks one request reads.
const tasksAtOnce = 100

// eachTask calls do for the tasks at places, one at a time and in no order, with the places
// at which a batch found each. Batches are read in parallel, as they fill.
func (p *Planner) eachTask(ctx context.Context, places []mail.Place, do func(t release.Task, found []mail.Place)) error {
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(parallelism)
	var handing sync.Mutex
	read := func(batch map[string][]mail.Place) {
		readers.Go(func() error {
			tasks, err := p.store.TasksByID(ctx, slices.Collect(maps.Keys(batch)))
			handing.Lock()
			defer handing.Unlock()
			for _, t := range tasks {
				do(t, batch[t.ID])
			}
			return err
		})
	}
	var filling sync.Mutex
	batch := map[string][]mail.Place{}
	err := parallel(ctx, places, func(ctx context.Context, at mail.Place) error {
		return p.store.EachTaskID(ctx, at.Change, at.CI, func(id string) {
			filling.Lock()
			batch[id] = append(batch[id], at)
			var full map[string][]mail.Place
			if len(batch) == tasksAtOnce {
				full, batch = batch, map[string][]mail.Place{}
			}
			filling.Unlock()
			if full != nil {
				read(full)
			}
		})
	})
	if len(batch) > 0 {
		read(batch)
	}
	return errors.Join(err, readers.Wait())
}

// parallel does something with each of all, a bounded number at once, and returns the
// error of the first that failed.
func parallel[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	_, err := stream.Each(ctx, len(all), parallelism, func(n int) error { return do(ctx, all[n]) })
	return err
}
