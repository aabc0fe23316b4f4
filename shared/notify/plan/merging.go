package plan

import (
	"cmp"
	"context"
	"slices"

	"example.com/releases/shared/mail"
)

// found is one person: what they have to do with a release, nil for nothing, and what they
// were told, nil for nothing.
type found struct {
	key string
	who *mail.Person
	row *mail.RecipientState
}

// peopleAtOnce is how many people are told before it is seen whether the time is up.
const peopleAtOnce = 400

// queue hands on what stands in the order of people's keys, as it is read.
type queue[T any] struct {
	more func(ctx context.Context, after string) ([]T, error) // what comes next; nothing at the end
	key  func(T) string
	next []T
	last string
	dry  bool
}

// load has next hold what comes next, unless that is nothing.
func (q *queue[T]) load(ctx context.Context) error {
	if len(q.next) > 0 || q.dry {
		return nil
	}
	next, err := q.more(ctx, q.last)
	if err != nil {
		return err
	}
	if q.next, q.dry = next, len(next) == 0; !q.dry {
		q.last = q.key(next[len(next)-1])
	}
	return nil
}

// head is the key of what comes next; atEnd where that is nothing.
func (q *queue[T]) head() string {
	if len(q.next) == 0 {
		return atEnd
	}
	return q.key(q.next[0])
}

// take hands over what comes next, where it has the key.
func (q *queue[T]) take(key string) (first T, there bool) {
	if there = q.head() == key; there {
		first, q.next = q.next[0], q.next[1:]
	}
	return first, there
}

// merging goes through everybody whom a reading found, and everybody with a row, once and
// in the order of their keys.
type merging struct {
	lots []*queue[*mail.Person]
	rows *queue[mail.RecipientState]
}

func (r *reading) merging(rows *queue[mail.RecipientState]) *merging {
	t := &merging{rows: rows}
	add := func(more func(ctx context.Context, after string) ([]*mail.Person, error)) {
		t.lots = append(t.lots, &queue[*mail.Person]{more: more, last: r.job.Progress.Notified, key: func(p *mail.Person) string { return p.Key }})
	}
	for _, name := range r.job.Progress.Lots {
		add(func(ctx context.Context, after string) ([]*mail.Person, error) {
			return r.p.store.Lot(ctx, name, after)
		})
	}
	here := r.people.Sorted()
	add(func(_ context.Context, after string) ([]*mail.Person, error) {
		at, _ := slices.BinarySearchFunc(here, after, func(p *mail.Person, after string) int { return cmp.Or(cmp.Compare(p.Key, after), -1) })
		return here[at:], nil
	})
	return t
}

// next is the next so many people; none at the end.
func (t *merging) next(ctx context.Context) ([]found, error) {
	var all []found
	for len(all) < peopleAtOnce {
		if err := t.rows.load(ctx); err != nil {
			return nil, err
		}
		f := found{key: t.rows.head()}
		for _, lot := range t.lots {
			if err := lot.load(ctx); err != nil {
				return nil, err
			}
			f.key = min(f.key, lot.head())
		}
		if f.key == atEnd {
			break
		}
		if row, there := t.rows.take(f.key); there {
			f.row = &row
		}
		for _, lot := range t.lots {
			if who, there := lot.take(f.key); there && f.who == nil {
				f.who = who
			} else if there {
				f.who.Merge(who)
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// notify has something done for everybody, some at a time, and goes on in another invocation
// where it is late and do says that it may stop there. do returns how many mails were new.
func (r *reading) notify(ctx context.Context, t *merging, do func(context.Context, []found) (planned int, mayStop bool, err error)) error {
	for {
		some, err := t.next(ctx)
		if err != nil || len(some) == 0 {
			return err
		}
		planned, mayStop, err := do(ctx, some)
		if r.job.Progress.Planned += planned; err != nil {
			return err
		}
		r.job.Progress.Notified = some[len(some)-1].key
		if mayStop && r.late() {
			return r.putAside(ctx, true)
		}
	}
}
