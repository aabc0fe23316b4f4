package plan

import (
	"cmp"
	"context"
	"slices"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// found is one person: how they are affected by a release (nil if they are not), and what they
// were told (nil if nothing).
type found struct {
	key string
	who *mail.Person
	row *mail.RecipientState
}

// olderRow reads what a person was told whose row has a key of an earlier version; false where
// there is none.
func (p *Planner) olderRow(ctx context.Context, releaseID string, f found) (mail.RecipientState, bool, error) {
	for _, older := range release.OlderAddressKeys(f.who.Address) {
		row, err := p.store.RecipientState(ctx, releaseID, older)
		if err != nil {
			return row, false, err
		}
		if row.Revision > 0 && release.AddressKey(row.Address) == f.key {
			return row, true, nil
		}
	}
	return mail.RecipientState{}, false, nil
}

// peopleAtOnce is how many people are notified before the time is checked again.
const peopleAtOnce = 400

// queue reads a source that is sorted by people's keys page by page.
type queue[T any] struct {
	more func(ctx context.Context, after string) ([]T, error) // the next page; empty at the end
	key  func(T) string
	next []T
	last string
	dry  bool
}

// load reads the next page where the last one is used up.
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

// head returns the key of the next element; atEnd where there is none.
func (q *queue[T]) head() string {
	if len(q.next) == 0 {
		return atEnd
	}
	return q.key(q.next[0])
}

// take removes and returns the next element if it has the key.
func (q *queue[T]) take(key string) (first T, there bool) {
	if there = q.head() == key; there {
		first, q.next = q.next[0], q.next[1:]
	}
	return first, there
}

// merging visits everybody whom a reading found and everybody who has a row, each once and in
// the order of their keys.
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

// next returns the next peopleAtOnce people; none at the end.
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

// notify calls do for everybody, in groups. Where the turn is over and do says that it may
// stop there, the rest is left to another invocation. do returns how many mails were new.
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
