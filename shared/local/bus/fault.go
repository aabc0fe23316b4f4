package bus

import (
	"fmt"
	"net/http"
	"slices"
)

// FaultKind is one way in which EventBridge may fail a call.
type FaultKind string

// The kinds. "after accept" means that the events are on the bus although the caller is not
// told so.
const (
	FailEntries FaultKind = "fail-entries" // some entries fail, the others are accepted
	Throttle    FaultKind = "throttle"     // the whole call is refused, nothing accepted
	Refuse      FaultKind = "refuse"       // 500, nothing accepted
	Error       FaultKind = "error"        // 500 after accept
	Drop        FaultKind = "drop"         // the connection breaks after accept
	Hang        FaultKind = "hang"         // no answer after accept, until the caller gives up
)

// Fault makes one call fail.
type Fault struct {
	Kind    FaultKind `json:"kind"`
	Indexes []int     `json:"indexes,omitempty"` // which entries fail; empty is all
	Code    string    `json:"code,omitempty"`    // their error; empty is InternalFailure
}

func (f Fault) hits(index int) bool { return len(f.Indexes) == 0 || slices.Contains(f.Indexes, index) }

func (f Fault) errorCode() string {
	if f.Code == "" {
		return "InternalFailure"
	}
	return f.Code
}

func (k FaultKind) status() int {
	if k == Throttle {
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

func (k FaultKind) code() string {
	if k == Throttle {
		return "ThrottlingException"
	}
	return "InternalException"
}

// Fail queues faults; each call takes one.
func (b *Bus) Fail(faults ...Fault) error {
	for _, f := range faults {
		switch f.Kind {
		case FailEntries, Throttle, Refuse, Error, Drop, Hang:
		default:
			return fmt.Errorf("there is no fault %q", f.Kind)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
	return nil
}

func (b *Bus) take() Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) == 0 {
		return Fault{}
	}
	f := b.faults[0]
	b.faults = b.faults[1:]
	return f
}
