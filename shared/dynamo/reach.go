package dynamo

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/release"
)

// reachParallel is how many requests run at a time: a hundred change requests with a hundred
// tasks each take two hundred requests, too many one after the other.
const reachParallel = 16

// CountReached counts the tasks linked to change requests and their requesters, and lists the
// requesters to whom no mail can be sent. It stops at release.MaxCounted tasks and sets
// AtLeast then. For the same tasks the result is always the same, since the answer's ETag
// is made from it.
func (s *Store) CountReached(ctx context.Context, changeIDs []string) (release.Touched, error) {
	touched := release.Touched{ChangeRequests: len(changeIDs)}
	ids, err := s.firstTasks(ctx, changeIDs, release.MaxCounted+1)
	if err != nil {
		return touched, err
	}
	if len(ids) > release.MaxCounted {
		ids, touched.AtLeast = ids[:release.MaxCounted], true
	}
	requesters := map[string]string{}
	var mu sync.Mutex
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(reachParallel)
	for batch := range slices.Chunk(ids, 100) {
		readers.Go(func() error {
			tasks, err := s.TasksByID(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			touched.Tasks += len(tasks)
			for _, t := range tasks {
				requesters[release.AddressKey(t.RequesterEmail)] = t.RequesterEmail
			}
			return err
		})
	}
	err = readers.Wait()
	touched.People = len(requesters)
	for _, email := range requesters {
		if !release.Mailable(email) {
			touched.Unmailable = append(touched.Unmailable, email)
		}
	}
	slices.Sort(touched.Unmailable)
	return touched, err
}

// firstTasks lists the first tasks that are linked to change requests, most at most, in the
// order of the change requests.
func (s *Store) firstTasks(ctx context.Context, changeIDs []string, most int) ([]string, error) {
	var all []string
	for some := range slices.Chunk(changeIDs, reachParallel) {
		left := most - len(all)
		found := make([][]string, len(some))
		readers, ctx := errgroup.WithContext(ctx)
		for n, id := range some {
			readers.Go(func() error {
				return s.pages(ctx, s.rowsOf(placeKey(id, "")), min(left, pageSize), func(page []item, _ item) (bool, error) {
					for _, row := range page {
						found[n] = append(found[n], taskOf(row))
					}
					return len(found[n]) < left, nil
				})
			})
		}
		if err := readers.Wait(); err != nil {
			return nil, err
		}
		all = slices.Concat(all, slices.Concat(found...))
		if len(all) >= most {
			return all[:most], nil
		}
	}
	return all, nil
}
