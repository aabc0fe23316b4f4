package plan

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/stream"
)

const (
	// parallelism is how many requests one run has under way at once.
	parallelism = 16
	// tasksAtOnce is how many tasks one request reads.
	tasksAtOnce = 100
)

// reading finds the people at places: it reads the tasks there, once, and keeps in memory
// only so many people. What it found before waits in the table, in lots.
type reading struct {
	p      *Planner
	job    mail.Job
	places []mail.Place
	people *mail.People
	// take takes note of a task, found at places; it is called for one after the other.
	take  func(t release.Task, found []mail.Place)
	until time.Time // when it makes way for other jobs
}

// errNotOurs says that somebody else opened a job, or plans it, meanwhile.
var errNotOurs = errors.New("plan: the job is somebody else's now")

// errLater says that what is left is for the next invocation, which is woken.
var errLater = errors.New("plan: goes on in another invocation")

func (r *reading) late() bool { return !time.Now().Before(r.until) }

// readAll reads whatever is left to be read.
func (r *reading) readAll(ctx context.Context) error {
	for !r.job.Progress.Read {
		if err := r.readPages(ctx); err != nil {
			return err
		}
		if late := r.late(); late || len(r.people.All) >= r.p.inMemory {
			if err := r.putAside(ctx, late); err != nil {
				return err
			}
		}
	}
	return nil
}

// readPages reads a page at each of the next places, side by side, and the tasks on these.
func (r *reading) readPages(ctx context.Context) error {
	at := &r.job.Progress
	places := r.places[at.At:min(at.At+parallelism, len(r.places))]
	if len(at.Rows) != len(places) {
		at.Rows = make([]string, len(places))
	}
	pages, last := make([][]string, len(places)), slices.Clone(at.Rows)
	err := parallel(ctx, make([]struct{}, len(places)), func(ctx context.Context, n int, _ struct{}) error {
		if at.Rows[n] == atEnd {
			return nil
		}
		ids, more, err := r.p.store.TaskIDsAfter(ctx, places[n].Change, places[n].CI, at.Rows[n])
		pages[n], last[n] = ids, atEnd
		if more {
			last[n] = ids[len(ids)-1]
		}
		return err
	})
	if err != nil {
		return err
	}
	found := map[string][]mail.Place{}
	for n, ids := range pages {
		for _, id := range ids {
			found[id] = append(found[id], places[n])
		}
	}
	if err := r.tasks(ctx, found); err != nil {
		return err
	}
	if at.Rows = last; !slices.ContainsFunc(last, func(row string) bool { return row != atEnd }) {
		at.At, at.Rows = at.At+len(places), nil
	}
	at.Read = at.At == len(r.places)
	return nil
}

// atEnd sorts after every id of a task and every key of a person.
const atEnd = "\U0010ffff"

func (r *reading) tasks(ctx context.Context, found map[string][]mail.Place) error {
	var taking sync.Mutex
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(parallelism)
	for ids := range slices.Chunk(slices.Collect(maps.Keys(found)), tasksAtOnce) {
		readers.Go(func() error {
			tasks, err := r.p.store.TasksByID(ctx, ids)
			taking.Lock()
			defer taking.Unlock()
			for _, t := range tasks {
				r.take(t, found[t.ID])
			}
			return err
		})
	}
	return readers.Wait()
}

// putAside stores the people in memory as a lot, and how far the job has come. Where it is
// late, the job's own record wakes who goes on.
func (r *reading) putAside(ctx context.Context, late bool) error {
	people := slices.DeleteFunc(r.people.Sorted(), func(p *mail.Person) bool { return p.Key <= r.job.Progress.Notified })
	r.people.All = map[string]*mail.Person{}
	if len(people) > 0 {
		name := r.job.ReleaseID + "/" + rand.Text() // not one that an attempt before this has begun to write
		if err := r.p.store.PutLot(ctx, name, people, r.p.now()); err != nil {
			return err
		}
		r.job.Progress.Lots = append(r.job.Progress.Lots, name)
	}
	job, ours, err := r.p.store.SaveProgress(ctx, r.job, late, r.p.now())
	switch {
	case err != nil:
		return err
	case !ours:
		return errNotOurs
	case late:
		return errLater
	}
	r.job = job
	return nil
}

// parallel does something with each of all, a bounded number at once, and returns the
// error of the first that failed.
func parallel[T any](ctx context.Context, all []T, do func(context.Context, int, T) error) error {
	_, err := stream.Each(ctx, len(all), parallelism, func(n int) error { return do(ctx, n, all[n]) })
	return err
}
