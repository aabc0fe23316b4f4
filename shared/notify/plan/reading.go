package plan

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// reading finds the people at a list of places by reading the tasks there, each page once. It
// keeps a bounded number of people in memory and stores the others in the table, as lots.
type reading struct {
	p      *Planner
	job    mail.Job
	places []mail.Place
	people *mail.People
	// take is called for every task with the places where it was found, never concurrently.
	take  func(t release.Task, found []mail.Place)
	until time.Time // when the turn ends
}

// errNotOurs means that another planner has opened or taken over the job.
var errNotOurs = errors.New("plan: the job is somebody else's now")

// errLater means that the rest is left to the next invocation, which has been woken.
var errLater = errors.New("plan: goes on in another invocation")

func (r *reading) late() bool { return !time.Now().Before(r.until) }

// readAll reads everything that has not been read yet.
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

// readPages reads, in parallel, one page at each of the next places, and the tasks on those
// pages.
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

// putAside stores the people in memory as a lot, and the job's progress. Where the turn is
// over, the stream record of that write wakes the next invocation.
func (r *reading) putAside(ctx context.Context, late bool) error {
	people := slices.DeleteFunc(r.people.Sorted(), func(p *mail.Person) bool { return p.Key <= r.job.Progress.Notified })
	r.people.All = map[string]*mail.Person{}
	if len(people) > 0 {
		name := r.job.ReleaseID + "/" + rand.Text() // unique, so that it is never mixed with a lot that an earlier attempt wrote in part
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

// parallel calls do for each element, a bounded number at once, and returns the first error.
func parallel[T any](ctx context.Context, all []T, do func(context.Context, int, T) error) error {
	_, err := stream.Each(ctx, len(all), parallelism, func(n int) error { return do(ctx, n, all[n]) })
	return err
}

// fingerprint stands for what is planned. Another invocation continues a job only if it is the
// same.
func fingerprint(of ...any) (string, error) {
	raw, err := json.Marshal(of)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), err
}
