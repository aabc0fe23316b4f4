package mail

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// Listing is what a mail lists of tasks: the oldest, and how many there are. It keeps no
// more than that, however many are added: a release may touch a million tasks, and the
// function that plans has 512 MB.
type Listing struct {
	Oldest []Listed `json:"o,omitempty"`
	Count  int      `json:"c,omitempty"`
}

// Listed is a task in a listing, with when it was created, in milliseconds.
type Listed struct {
	Task
	Created int64 `json:"created"`
}

func (l Listed) age() Age { return Age{l.Created, l.ID} }

// Age orders tasks, the oldest first.
type Age struct {
	Created int64  `json:"c,omitempty"`
	ID      string `json:"i,omitempty"`
}

func ageOf(t release.Task) Age { return Age{t.CreatedAt.UnixMilli(), t.ID} }

func (a Age) compare(b Age) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
}

// Add adds a task, which must not be in the listing yet.
func (l *Listing) Add(t release.Task) {
	l.Count++
	l.insert(Listed{Task{ID: t.ID, Title: t.Title}, t.CreatedAt.UnixMilli()})
}

func (l *Listing) insert(n Listed) {
	at, _ := slices.BinarySearchFunc(l.Oldest, n.age(), func(l Listed, a Age) int { return l.age().compare(a) })
	if at < MaxTasks {
		l.Oldest = slices.Insert(l.Oldest, at, n)
		l.Oldest = l.Oldest[:min(MaxTasks, len(l.Oldest))]
	}
}

// merge adds the tasks of another listing, none of which may be in it.
func (l *Listing) merge(o Listing) {
	l.Count += o.Count
	for _, n := range o.Oldest {
		l.insert(n)
	}
}

// tasks is what is shown, and how many there are beyond.
func (l Listing) tasks() (shown []Task, more int) {
	shown = []Task{}
	for _, t := range l.Oldest {
		shown = append(shown, t.Task)
	}
	return shown, l.Count - len(shown)
}

// Person is a requester, with what planning has to know about their tasks. Its size does
// not depend on how many these are. As JSON it waits for another invocation.
type Person struct {
	Key     string   `json:"k"`           // release.AddressKey
	Address string   `json:"a,omitempty"` // as their oldest task spells it
	Name    string   `json:"n,omitempty"` // of the oldest that has one
	Via     []string `json:"v,omitempty"`
	Tasks   Listing  `json:"t,omitzero"` // that are part of the release
	// Unlinked are those found only because they name a configuration item that the release
	// touches, the oldest of them CI. While the release is ahead they are counted among
	// Tasks, too, and are not listed here; once it is over, they are here only.
	Unlinked Listing `json:"u,omitzero"`
	CI       string  `json:"ci,omitempty"`
	// Lost are tasks that only dropped change requests affect and of which the person was
	// told; Back tells that a task was dropped and is part of the release again.
	Lost Listing `json:"l,omitzero"`
	Back bool    `json:"b,omitempty"`

	// The tasks that Address, Name and CI come from. The oldest counts, so that the result
	// does not depend on the order in which tasks are read.
	Addressed Age `json:"aa,omitzero"`
	Named     Age `json:"na,omitzero"`
	Placed    Age `json:"pa,omitzero"`
}

// Merge adds what others of their tasks say of the same person.
func (p *Person) Merge(o *Person) {
	p.Via = union(p.Via, o.Via)
	p.Tasks.merge(o.Tasks)
	p.Lost.merge(o.Lost)
	p.Unlinked.merge(o.Unlinked)
	p.Back = p.Back || o.Back
	p.address(o.Address, o.Addressed)
	p.name(o.Name, o.Named)
	p.place(o.CI, o.Placed)
}

func (p *Person) address(s string, of Age) {
	if s != "" && (p.Address == "" || of.compare(p.Addressed) < 0) {
		p.Address, p.Addressed = s, of
	}
}

func (p *Person) name(s string, of Age) {
	if s != "" && (p.Name == "" || of.compare(p.Named) < 0) {
		p.Name, p.Named = s, of
	}
}

func (p *Person) place(ci string, of Age) {
	if ci != "" && (p.CI == "" || of.compare(p.Placed) < 0) {
		p.CI, p.Placed = ci, of
	}
}

// People are the requesters of tasks, by their key: one person is one address.
type People struct {
	ground   Ground
	informed map[string]RecipientState // what some were told, by key
	All      map[string]*Person
}

// NewPeople returns nobody yet. Tasks are compared with ground; rows are what people were
// told before. Where two rows are about one person, the first counts.
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
		if ci := p.ground.through(t); ci != "" {
			someone.Unlinked.Count++
			someone.place(ci, ageOf(t))
		}
		someone.Back = someone.Back || len(intersection(linked, row.Left)) > 0
	case len(intersection(dropped, row.Via)) > 0:
		p.person(key).Lost.Add(t)
	}
}

// Sorted lists everybody in the order of their keys.
func (p *People) Sorted() []*Person {
	return slices.SortedFunc(maps.Values(p.All), func(a, b *Person) int { return strings.Compare(a.Key, b.Key) })
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

// AddUnlinked counts a task that stays open once the release is over: it names a
// configuration item that the release touched, and is linked to no change request in it.
func (p *People) AddUnlinked(t release.Task, ci string) {
	someone := p.meet(release.AddressKey(t.RequesterEmail), t)
	someone.Unlinked.Add(t)
	someone.place(ci, ageOf(t))
}

func (p *People) touch(key string, t release.Task) *Person {
	someone := p.meet(key, t)
	someone.Tasks.Add(t)
	return someone
}

// meet is the requester of a task, with the address and name that it gives them.
func (p *People) meet(key string, t release.Task) *Person {
	someone := p.person(key)
	someone.address(t.RequesterEmail, ageOf(t))
	someone.name(t.RequesterName, ageOf(t))
	return someone
}

// Place is where tasks are found: those linked to a change request, or on a configuration
// item.
type Place struct{ Change, CI string }

// Ground says where tasks are affected by the change requests of a release: by those that
// are linked, and by those that were dropped after somebody had been told of them.
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

// Places lists where to look, in an order that is always the same.
func (g Ground) Places() []Place {
	return slices.SortedFunc(maps.Keys(g.places), func(a, b Place) int {
		return cmp.Or(strings.Compare(a.Change, b.Change), strings.Compare(a.CI, b.CI))
	})
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

// through is the configuration item because of which a task is found that is linked to no
// change request of the release; empty where it is linked.
func (g Ground) through(t release.Task) string {
	if g.linked[t.ChangeRequestID] {
		return ""
	}
	for _, ci := range t.CIIDs {
		if slices.ContainsFunc(g.places[Place{CI: ci}], func(id string) bool { return g.linked[id] }) {
			return ci
		}
	}
	return ""
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
