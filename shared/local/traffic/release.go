package traffic

import (
	"slices"
	"sync"
)

// state is what is known about something that was asked for.
type state int

const (
	tried  state = iota // sent; whether it was done is not known
	acked               // acknowledged, or seen afterwards
	denied              // refused: it must not be there
)

// Release is a release with its change requests and tasks, as one manager takes them through
// their life, and all that was asked for on the way.
type Release struct {
	mu    sync.Mutex
	dirty bool // something was asked for since the last check

	name        string
	id          string // empty until the release's creation is acknowledged
	created     state
	asked       bool // for its creation
	deletion    *state
	changes     []*change
	tasks       []*task
	notes       map[string]state
	transitions []*transition
	steps       map[int]state // of the rollout plan
	hold        *hold         // the last one that was asked for
	reason      string        // of the rollback
}

type change struct {
	id, kind  string
	state     state
	decisions map[string]state // by note
}

type task struct {
	id, requester, change string
	state                 state
	title                 string // the last that was acknowledged
	wanted                string // asked for and not acknowledged yet
	closed                bool   // by a person, before the deployment
	closing               bool   // asked for and not acknowledged yet
}

type transition struct {
	to    string
	state state
}

type hold struct {
	text    string
	state   state
	lifted  bool // acknowledged
	lifting bool // asked for
}

// write runs do while nobody else looks at the release.
func (s *Release) write(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
	do()
}

// begin adds a release to the simulation.
func (w *Simulation) begin(s *Release) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.releases = append(w.releases, s)
}

// Releases returns all that have begun so far.
func (w *Simulation) Releases() []*Release {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.releases)
}

// ID is the release's id; empty where its creation was not acknowledged, or its deletion was
// asked for.
func (s *Release) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deletion != nil {
		return ""
	}
	return s.id
}

// Entered lists the statuses that the release is known to have entered, in their order, and
// the requesters of those tasks that were open then.
func (s *Release) Entered() (statuses, requesters []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.transitions {
		if m.state == acked {
			statuses = append(statuses, m.to)
		}
	}
	for _, t := range s.tasks {
		if t.state == acked && !t.closed && !t.closing && !slices.Contains(requesters, t.requester) {
			requesters = append(requesters, t.requester)
		}
	}
	return statuses, requesters
}
