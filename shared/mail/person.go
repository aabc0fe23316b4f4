package mail

import (
	"cmp"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// Person is a requester with the tasks that concern them.
type Person struct {
	Key     string // release.AddressKey
	Address string // as their oldest task spells it
	Name    string
	Tasks   []release.Task
	Via     []string            // change requests that touch them, sorted
	because map[string][]string // the same by task
}

// People are persons by their key: one person is one address.
type People map[string]*Person

// Add notes that a task is touched by change requests.
func (p People) Add(t release.Task, via ...string) {
	key := release.AddressKey(t.RequesterEmail)
	someone := p[key]
	if someone == nil {
		someone = &Person{Key: key, because: map[string][]string{}}
		p[key] = someone
	}
	t.Comments = nil // they are the bulk of a task, and nobody reads them here
	someone.Tasks = append(someone.Tasks, t)
	someone.Via = append(someone.Via, via...)
	someone.because[t.ID] = via
}

// Finish brings what was added in any order into the one order.
func (p People) Finish() {
	for _, someone := range p {
		someone.finish()
	}
}

func (p *Person) finish() {
	slices.SortFunc(p.Tasks, func(a, b release.Task) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	p.Address, p.Name = p.Tasks[0].RequesterEmail, ""
	for _, t := range p.Tasks {
		if p.Name = t.RequesterName; p.Name != "" {
			break
		}
	}
	slices.Sort(p.Via)
	p.Via = slices.Compact(p.Via)
}

// TouchedBy returns the person's tasks that one of the change requests touches.
func (p *Person) TouchedBy(changeIDs []string) []release.Task {
	var touched []release.Task
	for _, t := range p.Tasks {
		if len(In(p.because[t.ID], changeIDs)) > 0 {
			touched = append(touched, t)
		}
	}
	return touched
}

// listed is what a mail lists of tasks, and how many there are beyond.
func listed(tasks []release.Task) ([]Task, int) {
	shown := []Task{}
	for _, t := range tasks[:min(MaxTasks, len(tasks))] {
		shown = append(shown, Task{ID: t.ID, Title: t.Title})
	}
	return shown, len(tasks) - len(shown)
}

// Without returns the tasks that are not among the others.
func Without(tasks, others []release.Task) []release.Task {
	var left []release.Task
	for _, t := range tasks {
		if !slices.ContainsFunc(others, func(o release.Task) bool { return o.ID == t.ID }) {
			left = append(left, t)
		}
	}
	return left
}
