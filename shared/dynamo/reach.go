package dynamo

import (
	"context"
	"slices"
	"sync"

	"example.com/releases/shared/release"
)

// reachParallel is how many change requests are counted at a time: a hundred of them
// with a hundred tasks each take two hundred requests.
const reachParallel = 16

// CountReached counts the tasks linked to change requests and the people who asked for
// them, from the tables, and names those to whom no mail can be sent.
func (s *Store) CountReached(ctx context.Context, changeIDs []string) (release.Touched, error) {
	touched := release.Touched{ChangeRequests: len(changeIDs)}
	var err error
	var mu sync.Mutex
	requesters := map[string]string{}
	free := make(chan struct{}, reachParallel)
	failures := make(chan error, len(changeIDs))
	for _, id := range changeIDs {
		free <- struct{}{}
		go func() {
			defer func() { <-free }()
			found, err := s.tasksOfChange(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			touched.Tasks += len(found)
			for _, t := range found {
				requesters[release.AddressKey(t.RequesterEmail)] = t.RequesterEmail
			}
			failures <- err
		}()
	}
	for range changeIDs {
		if e := <-failures; e != nil {
			err = e
		}
	}
	touched.People = len(requesters)
	for _, email := range requesters {
		if !release.Mailable(email) {
			touched.Unmailable = append(touched.Unmailable, email)
		}
	}
	slices.Sort(touched.Unmailable)
	return touched, err
}

func (s *Store) tasksOfChange(ctx context.Context, changeID string) ([]release.Task, error) {
	ids, err := s.TaskIDsOfChange(ctx, changeID)
	if err != nil {
		return nil, err
	}
	return s.TasksByID(ctx, ids)
}
