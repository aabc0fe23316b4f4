package mail

import (
	"cmp"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// Listing is what a mail lists of tasks: the oldest, and how many there are. It holds no
// more than that however many are added, so that memory does not grow with tasks.
type Listing struct {
	oldest []listed
	Count  int
}

type listed struct {
	Task
	created int64 // in milliseconds
}

// age orders tasks, the oldest first.
type age struct {
	created int64
	id      string
}

func ageOf(t release.Task) age { return age{t.CreatedAt.UnixMilli(), t.ID} }

func (a age) compare(b age) int {
	return cmp.Or(cmp.Compare(a.created, b.created), strings.Compare(a.id, b.id))
}

// Add adds a task, which must not be in the listing yet.
func (l *Listing) Add(t release.Task) {
	l.Count++
	n := listed{Task{ID: t.ID, Title: t.Title}, t.CreatedAt.UnixMilli()}
	at, _ := slices.BinarySearchFunc(l.oldest, ageOf(t), func(l listed, a age) int { return age{l.created, l.ID}.compare(a) })
	if at < MaxTasks {
		l.oldest = slices.Insert(l.oldest, at, n)
		l.oldest = l.oldest[:min(MaxTasks, len(l.oldest))]
	}
}

// tasks is what is shown, and how many there are beyond.
func (l Listing) tasks() (shown []Task, more int) {
	shown = []Task{}
	for _, t := range l.oldest {
		shown = append(shown, t.Task)
	}
	return shown, l.Count - len(shown)
}

// Person is a requester, with what planning has to know about their tasks. Its size does
// not depend on how many these are.
type Person struct {
	Key     string // release.AddressKey
	Address string // as their oldest task spells it
	Name    string // of the oldest that has one
	Via     []string
	Tasks   Listing // that are part of the release
	// Lost are tasks that only dropped change requests affect and of which the person was
	// told; Back tells that a task was dropped and is part of the release again.
	Lost Listing
	Back bool

	addressed, named age // of the tasks that these come from
}

// People are the requesters of tasks, by their key: one person is one address.
type People struct {
	ground   Ground
	informed map[string]RecipientState // what each was told, by key
	All      map[string]*Person
}

// NewPeople is empty. ground is what tasks are compared with, and rows are what people
// were told; where two rows are of one person, the first counts.
func NewPeople(ground Ground, rows []RecipientState) *People {
	p := &People{ground: ground, informed: map[string]RecipientState{}, All: map[string]*Person{}}
	// By its own key first: what it was written under may be an older one.
	for _, keyOf := range []func(RecipientState) string{
		func(r RecipientState) string { return r.Recipient },
		func(r RecipientState) string { return release.AddressKey(r.Address) },
	} {
		for _, row := range rows {
			if _, there := p.informed[keyOf(row)]; !there {
				p.informed[keyOf(row)] = row
			}
		}
	}
	return p
}

// Add counts an open task, each once.
func (p *People) Add(t release.Task) {
	key := release.AddressKey(t.RequesterEmail)
	row := p.informed[key]
	linked, dropped := p.ground.touching(t)
	switch {
	case len(linked) > 0:
		someone := p.touch(key, t)
		for _, id := range linked {
			if !slices.Contains(someone.Via, id) {
				someone.Via = append(someone.Via, id)
			}
		}
		slices.Sort(someone.Via)
		someone.Back = someone.Back || len(intersection(linked, row.Left)) > 0
	case len(intersection(dropped, row.Via)) > 0:
		p.person(key).Lost.Add(t)
	}
}

// AddTo counts a task whether or not the release affects it, each once.
func (p *People) AddTo(t release.Task) { p.touch(release.AddressKey(t.RequesterEmail), t) }

func (p *People) person(key string) *Person {
	someone := p.All[key]
	if someone == nil {
		someone = &Person{Key: key}
		p.All[key] = someone
	}
	return someone
}

func (p *People) touch(key string, t release.Task) *Person {
	someone := p.person(key)
	someone.Tasks.Add(t)
	a := ageOf(t)
	if someone.Address == "" || a.compare(someone.addressed) < 0 {
		someone.Address, someone.addressed = t.RequesterEmail, a
	}
	if t.RequesterName != "" && (someone.Name == "" || a.compare(someone.named) < 0) {
		someone.Name, someone.named = t.RequesterName, a
	}
	return someone
}

// Place is where tasks are found: those linked to a change request, or on a configuration
// item.
type Place struct{ Change, CI string }

// Ground is where the change requests of a release affect tasks: the linked ones, and
// those that were dropped after somebody had been told of them.
type Ground struct {
	linked map[string]bool
	places map[Place][]string // with the change requests that affect each
}

// NewGround is the ground of change requests; linked are the ids of those in the release.
func NewGround(changes []release.Change, linked []string) Ground {
	g := Ground{linked: map[string]bool{}, places: map[Place][]string{}}
	for _, id := range linked {
		g.linked[id] = true
	}
	for _, c := range changes {
		g.places[Place{Change: c.ID}] = []string{c.ID}
		for _, ci := range c.AffectedCIIDs {
			g.places[Place{CI: ci}] = append(g.places[Place{CI: ci}], c.ID)
		}
	}
	return g
}

// Places lists where to look.
func (g Ground) Places() []Place {
	all := make([]Place, 0, len(g.places))
	for at := range g.places {
		all = append(all, at)
	}
	return all
}

// First is the place at which a task is counted, since it is found at every place that it
// has; false where none of them is of this release any more, as with a task that was moved.
func (g Ground) First(t release.Task) (Place, bool) {
	for _, at := range placesOf(t) {
		if _, ok := g.places[at]; ok {
			return at, true
		}
	}
	return Place{}, false
}

func (g Ground) touching(t release.Task) (linked, dropped []string) {
	for _, at := range placesOf(t) {
		for _, id := range g.places[at] {
			if g.linked[id] {
				linked = append(linked, id)
			} else {
				dropped = append(dropped, id)
			}
		}
	}
	return linked, dropped
}

func placesOf(t release.Task) []Place {
	var all []Place
	if t.ChangeRequestID != "" {
		all = append(all, Place{Change: t.ChangeRequestID})
	}
	for _, ci := range t.CIIDs {
		all = append(all, Place{CI: ci})
	}
	return all
}
