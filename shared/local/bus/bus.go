// Package bus stands in for EventBridge on a laptop: it accepts what PutEvents publishes,
// keeps it, shows it, passes it on, and fails on demand. It must not know what the events
// mean.
package bus

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/ledger"
)

// Event is what was published, in the envelope that a consumer sees.
type Event struct {
	events.CloudWatchEvent
	Bus string `json:"-"` // not part of the envelope
}

// Bus is the stand-in. The zero value is ready to use.
type Bus struct {
	// OnEvent is called with each accepted event; it may be nil. It must be set before the
	// first event and must not block.
	OnEvent func(Event)

	mu     sync.Mutex
	number int
	events []Event
	faults []Fault
	ledger *ledger.Ledger[keptEvent]
}

// keptEvent is an event as the ledger has it: also on which bus.
type keptEvent struct {
	events.CloudWatchEvent
	On string
}

// KeepIn has the bus keep in a file what it accepts, and begin with what is there. What was
// there before is shown and not passed on once more.
func (b *Bus) KeepIn(path string) error {
	l, entries, err := ledger.Open[keptEvent](path, kept)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger, b.number = l, len(entries)
	for _, k := range entries {
		b.events = append(b.events, Event{k.CloudWatchEvent, k.On})
	}
	return nil
}

// Close ends keeping in a file: from now on nothing is accepted.
func (b *Bus) Close() error { return b.ledger.Close() }

// kept bounds how many events are kept, so that a host that runs for long does not run out of
// memory. maxEntries and maxRequest are AWS's limits on one call.
const (
	kept        = 10_000
	maxEntries  = 10
	maxRequest  = 1 << 20
	account     = "000000000000"
	contentType = "application/x-amz-json-1.1"
)

type entry struct {
	Source, DetailType, Detail, EventBusName string
	Resources                                []string
	Time                                     *float64
}

type result struct {
	EventId      string `json:",omitempty"` // EventBridge's spelling
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// Put passes on an event of one of AWS's own services, which come on the default bus. It is
// not kept, because only events that the system itself publishes are shown.
func (b *Bus) Put(e events.CloudWatchEvent) { b.observe(Event{e, "default"}) }

func (b *Bus) record(e Event) error {
	b.mu.Lock()
	if err := b.ledger.Append(keptEvent{e.CloudWatchEvent, e.Bus}); err != nil {
		b.mu.Unlock()
		return err
	}
	b.events = append(b.events, e)
	b.events = b.events[max(0, len(b.events)-kept):]
	b.mu.Unlock()
	b.observe(e)
	return nil
}

func (b *Bus) observe(e Event) {
	if b.OnEvent != nil {
		b.OnEvent(e)
	}
}

// Events returns what was published, oldest first.
func (b *Bus) Events() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Event{}, b.events...)
}

// Clear drops all events and queued faults.
func (b *Bus) Clear() { _ = b.empty() }

// empty is Clear, with what became of the file.
func (b *Bus) empty() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events, b.faults = nil, nil
	return b.ledger.Clear()
}

// PutEvents answers the one operation of EventBridge that a publisher needs.
func (b *Bus) PutEvents(w http.ResponseWriter, r *http.Request) {
	if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
		refuse(w, http.StatusBadRequest, "UnknownOperationException", "the laptop's stand-in knows AWSEvents.PutEvents only, not "+strconv.Quote(target))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "ValidationException", "Total size of the entries in the request is over the limit.")
		return
	}
	var in struct{ Entries []entry }
	if err := json.Unmarshal(body, &in); err != nil {
		refuse(w, http.StatusBadRequest, "SerializationException", err.Error())
		return
	}
	if len(in.Entries) == 0 || len(in.Entries) > maxEntries {
		refuse(w, http.StatusBadRequest, "ValidationException", fmt.Sprintf("Entries must have 1 to %d members, not %d", maxEntries, len(in.Entries)))
		return
	}
	fault := b.take()
	if fault.Kind == Throttle || fault.Kind == Refuse {
		refuse(w, fault.Kind.status(), fault.Kind.code(), "injected")
		return
	}
	var out struct {
		FailedEntryCount int
		Entries          []result
	}
	for i, e := range in.Entries {
		one := b.enter(e, fault, i)
		if one.ErrorCode != "" {
			out.FailedEntryCount++
		}
		out.Entries = append(out.Entries, one)
	}
	switch fault.Kind {
	case Drop:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case Hang:
		<-r.Context().Done()
		return
	case Error:
		refuse(w, fault.Kind.status(), fault.Kind.code(), "injected")
		return
	}
	w.Header().Set("Content-Type", contentType)
	_ = json.NewEncoder(w).Encode(out)
}

// enter accepts one entry, or returns the error for its index.
func (b *Bus) enter(e entry, fault Fault, index int) result {
	if fault.Kind == FailEntries && fault.hits(index) {
		return result{ErrorCode: fault.errorCode(), ErrorMessage: "injected"}
	}
	var detail map[string]any
	switch {
	case e.Source == "" || e.DetailType == "" || e.Detail == "":
		return result{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter Source, DetailType or Detail is not valid. Reason: it is a required argument."}
	case json.Unmarshal([]byte(e.Detail), &detail) != nil:
		return result{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	}
	at := time.Now().UTC().Truncate(time.Second)
	if e.Time != nil {
		at = time.Unix(int64(*e.Time), 0).UTC()
	}
	bus := e.EventBusName
	if bus == "" {
		bus = "default"
	}
	resources := e.Resources
	if resources == nil {
		resources = []string{}
	}
	b.mu.Lock()
	b.number++
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", b.number)
	b.mu.Unlock()
	err := b.record(Event{events.CloudWatchEvent{
		Version: "0", ID: id, DetailType: e.DetailType, Source: e.Source, AccountID: account, Time: at, Region: "local",
		Resources: resources, Detail: json.RawMessage(e.Detail),
	}, bus})
	if err != nil {
		return result{ErrorCode: "InternalFailure", ErrorMessage: err.Error()}
	}
	return result{EventId: id}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}
