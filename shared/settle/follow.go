package settle

import (
	"context"
	"slices"
	"sync"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

const (
	// readAtOnce is how many tasks one BatchGetItem reads.
	readAtOnce = 100
	// batchesAtOnce is how many such batches of one change request are in memory: while
	// one is written, the next is read.
	batchesAtOnce = 2
)

// settleRelease brings a release's settlements to those of its change requests that have
// not followed yet. That write appears in the Changes stream, by which the tasks follow. A
// cancellation changes no task, so the change request is through at once.
func (s *Settler) settleRelease(ctx context.Context, id string) error {
	r, ok, err := s.store.SettlingRelease(ctx, id)
	if err != nil || !ok || r.Settling == nil {
		return err
	}
	return s.followRelease(ctx, r, func(c release.Change) error {
		if settlesNoTasks(r, c) {
			return s.store.ChangeIsThrough(ctx, r.ID, r.Settling.Epoch, c.ID, dynamo.Followed{}, s.now())
		}
		return nil
	})
}

// followRelease brings each unsettled change request up to its release and then hands
// it on.
func (s *Settler) followRelease(ctx context.Context, r dynamo.Settling, then func(release.Change) error) error {
	ids := r.Settling.Unsettled
	if len(ids) == 0 {
		return nil
	}
	changes, err := s.store.ChangesByID(ctx, ids)
	if err != nil {
		return err
	}
	if missing := len(ids) - len(changes); missing > 0 {
		// No operation deletes a change request. If somebody deleted the item, there is nothing to
		// settle, and the release must not wait for it forever.
		for _, id := range ids {
			if !slices.ContainsFunc(changes, func(c release.Change) bool { return c.ID == id }) {
				changes = append(changes, release.Change{ID: id})
			}
		}
	}
	_, err = stream.Each(ctx, len(changes), parallelism, func(n int) error {
		c := changes[n]
		err := whenFree(ctx, s.slots, func() (err error) {
			c, _, err = s.store.FollowRelease(ctx, c, r.Release)
			return err
		})
		if err != nil {
			return err
		}
		return then(c)
	})
	return err
}

// settlesNoTasks tells whether the latest settlement ends with the change request: the
// history that the tasks follow does not have it.
func settlesNoTasks(r dynamo.Settling, c release.Change) bool {
	return !slices.ContainsFunc(c.History, func(s release.Settlement) bool {
		return s.ReleaseID == r.ID && s.Epoch == r.Settling.Epoch
	})
}

// settleChange brings a change request's settlements to its tasks.
func (s *Settler) settleChange(ctx context.Context, wake changeOf) error {
	c, err := s.store.Change(ctx, wake.change)
	if release.IsKind(err, release.KindNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.followChange(ctx, c, wake.release)
}

// followChange brings every task of a change request up to its whole history, and then
// tells the release that the request is through.
func (s *Settler) followChange(ctx context.Context, c release.Change, releaseID string) error {
	last := -1
	for n, settlement := range c.History {
		if settlement.ReleaseID == releaseID {
			last = n
		}
	}
	if last < 0 {
		return nil
	}
	var ids []string
	err := whenFree(ctx, s.reads, func() (err error) {
		ids, err = s.store.TaskIDsOfChange(ctx, c.ID)
		return err
	})
	if err != nil {
		return err
	}
	batches := slices.Collect(slices.Chunk(ids, readAtOnce))
	var total tally
	_, err = stream.Each(ctx, len(batches), batchesAtOnce, func(n int) error {
		return s.followBatch(ctx, c, last, batches[n], &total)
	})
	if err != nil {
		return err
	}
	if !total.wrote {
		through, err := s.isThrough(ctx, c, c.History[last])
		if err != nil || through {
			return err
		}
	}
	return s.store.ChangeIsThrough(ctx, releaseID, c.History[last].Epoch, c.ID, total.followed, s.now())
}

// tally counts the results for the tasks of one change request.
type tally struct {
	mu       sync.Mutex
	wrote    bool
	followed dynamo.Followed
}

func (s *Settler) followBatch(ctx context.Context, c release.Change, last int, ids []string, total *tally) error {
	var tasks []release.Task
	err := whenFree(ctx, s.reads, func() (err error) {
		tasks, err = s.store.TasksByID(ctx, ids)
		return err
	})
	if err != nil {
		return err
	}
	total.mu.Lock()
	total.followed.Missing += len(ids) - len(tasks)
	total.mu.Unlock()
	_, err = stream.Each(ctx, len(tasks), parallelism, func(n int) error {
		t := tasks[n]
		carries := t.AppliedEpoch <= last || slices.ContainsFunc(t.Comments, func(comment release.Comment) bool {
			return comment.ID == release.CommentID(c.History[last])
		})
		wrote := false
		if t.AppliedEpoch < len(c.History) {
			err := whenFree(ctx, s.slots, func() (err error) {
				wrote, err = s.store.FollowChange(ctx, t, c.ID, c.History)
				return err
			})
			if err != nil {
				return err
			}
		}
		total.mu.Lock()
		defer total.mu.Unlock()
		total.wrote = total.wrote || wrote
		if carries {
			total.followed.Tasks++
		}
		return nil
	})
	return err
}

// isThrough tells, by reading, that nothing is left to be written, so that a repeated
// record writes nothing. It is called only where no task needed a write.
func (s *Settler) isThrough(ctx context.Context, c release.Change, settlement release.Settlement) (bool, error) {
	r, ok, err := s.store.SettlingRelease(ctx, settlement.ReleaseID)
	if err != nil || !ok || r.Settling == nil || r.Settling.Epoch != settlement.Epoch {
		return true, err // gone, or replaced by a later settlement
	}
	return !slices.Contains(r.Settling.Unsettled, c.ID) && (len(r.Settling.Unsettled) > 0 || r.Finished), nil
}
